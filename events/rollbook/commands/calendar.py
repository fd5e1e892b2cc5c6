"""What may be asked about the times when nothing may change?"""

from typing import Annotated, Literal

from pydantic import Field

from rollbook.catalogue.calendar import InFlight, Lanes
from rollbook.catalogue.parts import PromotionKind
from rollbook.commands.command import Command
from rollbook.names import EventId, Instant, Line, Reason


class DeclareFreeze(Command):
    """Close lanes, now or from an instant on."""

    command: Literal["DeclareFreeze"] = "DeclareFreeze"
    covers: Lanes = Lanes()
    from_at: Instant | None = None
    until: Instant | None = None
    in_flight: InFlight = InFlight.FINISH
    exempt: tuple[PromotionKind, ...] = (PromotionKind.ROLLBACK,)
    """Kinds of promotions it does not stop."""
    waivable: bool = False
    stops_the_line: bool = False
    """Stop everything it covers at once; the one-call form for an incident."""
    reason: Reason
    incident: Line | None = None


class LiftFreeze(Command):
    """Open the lanes again."""

    command: Literal["LiftFreeze"] = "LiftFreeze"
    freeze: EventId
    reason: Reason


CalendarCommand = Annotated[DeclareFreeze | LiftFreeze, Field(discriminator="command")]
