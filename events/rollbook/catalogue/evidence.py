"""What was found out about a version."""

from rollbook.catalogue.parts import Dataset, Part, Verdict
from rollbook.event import Event
from rollbook.names import (
    Digest,
    EventId,
    EvidenceKind,
    Instant,
    Metrics,
    Reason,
    Uri,
    Version,
)


class Statement(Part):
    """A document that holds the whole of what was found."""

    uri: Uri
    digest: Digest


class EvidenceRecorded(Event, recorded_as="evidence.recorded"):
    """Somebody evaluated a version's bytes; the event's id is the evidence's."""

    version: Version
    kind: EvidenceKind
    subject_digest: Digest
    dataset: Dataset | None
    metrics: Metrics
    verdict: Verdict
    produced_at: Instant
    valid_until: Instant | None
    statement: Statement | None


class EvidenceRevoked(Event, recorded_as="evidence.revoked"):
    """A record of evidence does not count any more."""

    version: Version
    evidence: EventId
    reason: Reason
