"""What agents report of a target."""

from rollbook.catalogue.lane import DriftPolicy
from rollbook.catalogue.parts import Part
from rollbook.event import Event
from rollbook.names import (
    Count,
    Digest,
    EventId,
    Instant,
    Line,
    PromotionId,
    Reason,
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


class DriftDetected(Event, recorded_as="drift.detected"):
    """A target runs something else than is desired; the event's id is the drift's."""

    report: Report
    policy: DriftPolicy


class DriftCorrected(Event, recorded_as="drift.corrected"):
    """A target runs what is desired again."""

    report: Report
    drift: EventId


class DriftAccepted(Event, recorded_as="drift.accepted"):
    """A person knows of it and lets the lane move on; the drift itself stays."""

    stage: StageName
    target: TargetName
    drift: EventId
    reason: Reason
