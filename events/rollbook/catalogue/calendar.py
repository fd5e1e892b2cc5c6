"""When may nothing be changed, and who said so?"""

from enum import StrEnum

from rollbook.catalogue.parts import Part, PromotionKind
from rollbook.event import Event
from rollbook.names import EventId, Instant, Line, Reason, StageName


class InFlight(StrEnum):
    """What becomes of a change that is under way when its lane is closed."""

    FINISH = "finish"
    PAUSE = "pause"
    ABORT = "abort"


class Lanes(Part):
    """Which lanes something covers: no model or no stage named means all of them."""

    models: tuple[Line, ...] = ()
    """Exact names, or patterns with `*`."""
    stages: tuple[StageName, ...] = ()


class FreezeDeclared(Event, recorded_as="freeze.declared"):
    """Lanes are closed; the event's id is the freeze's."""

    covers: Lanes
    from_at: Instant | None
    """None: from this event on."""
    until: Instant | None
    """None: until somebody lifts it."""
    in_flight: InFlight
    exempt: tuple[PromotionKind, ...]
    waivable: bool
    stops_the_line: bool
    reason: Reason
    incident: Line | None


class FreezeLifted(Event, recorded_as="freeze.lifted"):
    """Lanes are open again."""

    freeze: EventId
    reason: Reason


CalendarEvent = FreezeDeclared | FreezeLifted
