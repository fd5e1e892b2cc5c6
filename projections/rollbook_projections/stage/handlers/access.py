"""How do people with several accounts change the stage view?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import time_of
from rollbook_projections.rows import Rows


def linked(rows: Rows, envelope: Envelope[Data]) -> None:
    """Make these accounts, and all that belonged to one of them, one person's."""
    data = envelope.event
    together = set(data["principals"])
    for principal in data["principals"]:
        known = rows.get("persons", principal)
        together.update(known["principals"] if known else ())
    said = {
        "principals": sorted(together),
        "linked_by": envelope.actor.id,
        "linked_at": time_of(envelope),
        "reason": data["reason"],
    }
    for principal in sorted(together):
        rows.put("persons", {"principal": principal, **said})


HANDLERS: Final[Mapping[str, Handler]] = {"identity.linked": linked}
