"""What does one example of every recorded event look like?"""

from typing import Final

from rollbook import catalogue
from rollbook.event import Event, declared
from tests.support.examples import approval, lane, model, promotion, site
from tests.support.examples.parts import NOON as NOON
from tests.support.examples.parts import digest as digest
from tests.support.examples.parts import event_id as event_id

_EXAMPLES: Final[tuple[Event, ...]] = (
    *site.EXAMPLES,
    *model.EXAMPLES,
    *promotion.EXAMPLES,
    *approval.EXAMPLES,
    *lane.EXAMPLES,
)

EXAMPLES: Final[dict[str, Event]] = {each.recorded_as: each for each in _EXAMPLES}


def catalogued() -> dict[str, type[Event]]:
    """Return every event of the catalogue, and none that a test declares."""
    catalogue.load()
    return {
        name: event
        for name, event in declared().items()
        if event.__module__.startswith("rollbook.catalogue.")
    }
