"""What was found out about a version."""

from rollbook.catalogue.parts import Dataset, Part, Verdict
from rollbook.event import Data, Event, upcasts
from rollbook.names import (
    Digest,
    EventId,
    EvidenceKind,
    Instant,
    KeyId,
    Line,
    Metrics,
    Reason,
    Uri,
    Version,
)


class Statement(Part):
    """A document that holds the whole of what was found."""

    uri: Uri
    digest: Digest


class Verified(Part):
    """What was checked of a signed statement before it was recorded."""

    kid: KeyId
    issuer: Line
    predicate_type: Uri


class EvidenceRecorded(Event, recorded_as="evidence.recorded", schema_version=2):
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
    verified: Verified | None
    """None: nobody's signature was checked, so it attests nothing."""


@upcasts(EvidenceRecorded, from_version=1)
def _no_signature_was_checked(data: Data) -> Data:
    """v1 checked no signatures."""
    return {**data, "verified": None}


class EvidenceRevoked(Event, recorded_as="evidence.revoked"):
    """A record of evidence does not count any more."""

    version: Version
    evidence: EventId
    reason: Reason
