"""What may be asked about evidence."""

from typing import Literal

from pydantic import Field

from rollbook.catalogue.evidence import Statement
from rollbook.catalogue.parts import Dataset, Verdict
from rollbook.commands.command import ModelScoped
from rollbook.names import (
    Digest,
    EventId,
    EvidenceKind,
    Instant,
    Metrics,
    Reason,
    Version,
)


class RecordEvidence(ModelScoped):
    """Record what an evaluation of a version's bytes found."""

    command: Literal["RecordEvidence"] = "RecordEvidence"
    version: Version
    kind: EvidenceKind
    subject_digest: Digest
    """The bytes that were evaluated; must be the version's."""
    dataset: Dataset | None = None
    metrics: Metrics = Field(default_factory=dict)
    verdict: Verdict
    produced_at: Instant
    valid_until: Instant | None = None
    statement: Statement | None = None


class RevokeEvidence(ModelScoped):
    """Make a record of evidence count no more."""

    command: Literal["RevokeEvidence"] = "RevokeEvidence"
    evidence: EventId
    reason: Reason
