"""What agents report of a target."""

from rollbook.catalogue.parts import Part
from rollbook.event import Event
from rollbook.names import (
    Count,
    Digest,
    Instant,
    Line,
    PromotionId,
    StageName,
    TargetName,
    Uri,
)


class Report(Part):
    """What every report of an agent says."""

    stage: StageName
    target: TargetName
    agent: Line
    seq: Count
    """The agent's own count of reports; makes each one recognisable."""
    revision: Count
    token: Count
    promotion: PromotionId
    observed: dict[Line, Digest]
    """What really runs, by variant."""
    reported_at: Instant
    """The agent's clock; orders nothing."""


class TargetAcknowledged(Event, recorded_as="target.acknowledged"):
    """An agent has read the desired document and begins."""

    report: Report


class TargetApplied(Event, recorded_as="target.applied"):
    """A target runs what was desired."""

    report: Report


class TargetFailed(Event, recorded_as="target.failed"):
    """A target could not run it, and the version is at fault."""

    report: Report
    reason_code: Line
    log_uri: Uri | None


class TargetErrored(Event, recorded_as="target.errored"):
    """A target could not run it, and the platform is at fault."""

    report: Report
    reason_code: Line
    log_uri: Uri | None
