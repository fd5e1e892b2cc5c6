"""What does a version that runs beside the live one prove?"""

from enum import StrEnum

from rollbook.event import Event
from rollbook.names import (
    Count,
    EventId,
    Instant,
    Line,
    Metrics,
    PromotionId,
    StageName,
    Version,
)


class Beside(StrEnum):
    """How a version runs beside the live one."""

    SHADOW = "shadow"
    """It gets copies, and nobody sees its answers."""
    CHALLENGER = "challenger"
    """It answers a share of the traffic."""


class Winner(StrEnum):
    """Who did better."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    NONE = "none"


class ExperimentStarted(Event, recorded_as="experiment.started"):
    """A version runs beside the stable one of another stage."""

    promotion: PromotionId
    stage: StageName
    parent: StageName
    """The stage whose targets and traffic it shares."""
    beside: Beside
    candidate: Version
    champion: Version | None
    share: Count
    """Percent of the traffic: copies, or answered by it."""
    split_key: Line | None
    metric: Line | None
    min_samples: Count
    ends_at: Instant


class ExperimentConcluded(Event, recorded_as="experiment.concluded"):
    """It is over; what it showed is evidence, and never promotes by itself."""

    promotion: PromotionId
    stage: StageName
    winner: Winner
    samples: Count
    summary: dict[Line, Metrics]
    """The last metrics of each side."""
    evidence: EventId | None
    """The record that says it; None: too little was measured to say anything."""
    cause: Line
    """Why it ended now: `time`, `samples` or `expression`."""


class ExperimentInvalidated(Event, recorded_as="experiment.invalidated"):
    """What it was compared with changed, so it says nothing."""

    promotion: PromotionId
    stage: StageName
    cause: Line
    inputs: tuple[EventId, ...]
