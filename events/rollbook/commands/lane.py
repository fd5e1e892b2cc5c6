"""What may be asked about a lane."""

from typing import Literal

from rollbook.commands.command import ModelScoped
from rollbook.names import EventId, Instant, Reason, StageName


class PlaceHold(ModelScoped):
    """Keep automation away from a lane."""

    command: Literal["PlaceHold"] = "PlaceHold"
    stage: StageName
    until: Instant | None = None
    reason: Reason


class ReleaseHold(ModelScoped):
    """Let automation back into a lane."""

    command: Literal["ReleaseHold"] = "ReleaseHold"
    stage: StageName
    hold: EventId
    reason: Reason
