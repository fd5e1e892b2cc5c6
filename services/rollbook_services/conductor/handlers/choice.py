"""Which events may change what automation would choose for a model?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of
from rollbook_projections.rows import Rows
from rollbook_services.conductor.handlers.policy import active_policies
from rollbook_services.conductor.react.choosing import chooses, read_policies


def registered(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a model: a policy that comes later may hold for it."""
    rows.put("models", {"model": model_of(envelope), "event": None})


def may_differ(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note the event, if a policy leaves the choice to automation now.

    If one does later, that event asks for the choice.
    """
    model = model_of(envelope)
    active = active_policies(rows)
    if active and chooses(model, read_policies(active)):
        rows.put("models", {"model": model, "event": envelope.id})


HANDLERS: Final[Mapping[str, Handler]] = {
    "model.registered": registered,
    "version.registered": may_differ,
    "version.amended": may_differ,
    "version.deprecated": may_differ,
    "version.retired": may_differ,
    "version.quarantined": may_differ,
    "version.released": may_differ,
    "evidence.recorded": may_differ,
    "evidence.revoked": may_differ,
}
