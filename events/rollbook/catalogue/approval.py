"""What reviewers say about a promotion."""

from enum import StrEnum

from rollbook.catalogue.parts import Part
from rollbook.event import Data, Event, upcasts
from rollbook.names import (
    Digest,
    EventId,
    GateName,
    Instant,
    Line,
    PromotionId,
    Prose,
    Reason,
    RoleName,
    StageName,
    Version,
)


class Bound(Part):
    """What a vote is about; when any of it changes the vote is void."""

    digest: Digest
    stage: StageName
    policy_digest: Digest
    evidence_set: tuple[EventId, ...]
    incumbent: Version | None
    survives_rebase: bool
    """Whether the vote is about the version whatever runs there now."""


class ApprovalGranted(Event, recorded_as="approval.granted", schema_version=2):
    """A person approves; the event's id is the approval's."""

    promotion: PromotionId
    gate: GateName
    roles: tuple[RoleName, ...]
    binding: Digest
    bound_to: Bound
    valid_until: Instant | None
    comment: Reason | None


class ApprovalRejected(Event, recorded_as="approval.rejected", schema_version=2):
    """A person who could approve says no."""

    promotion: PromotionId
    gate: GateName
    roles: tuple[RoleName, ...]
    binding: Digest
    bound_to: Bound
    comment: Reason


@upcasts(ApprovalGranted, from_version=1)
@upcasts(ApprovalRejected, from_version=1)
def _no_vote_survived_a_rebase(data: Data) -> Data:
    """v1 bound every vote to what ran there."""
    return {**data, "bound_to": {**data["bound_to"], "survives_rebase": False}}


class ApprovalWithdrawn(Event, recorded_as="approval.withdrawn"):
    """A voter takes the vote back."""

    promotion: PromotionId
    gate: GateName
    approval: EventId
    """The vote that counts no longer."""


class ChangesRequested(Event, recorded_as="approval.changes_requested"):
    """A person who could approve asks for something first; the promotion waits."""

    promotion: PromotionId
    gate: GateName
    roles: tuple[RoleName, ...]
    binding: Digest
    comment: Reason


class Vote(StrEnum):
    """What somebody wanted to say of a promotion."""

    APPROVE = "approve"
    REJECT = "reject"
    REQUEST_CHANGES = "request-changes"


class ApprovalRefused(Event, recorded_as="approval.refused"):
    """A vote that may not count was refused; once per person, reason and promotion."""

    promotion: PromotionId
    gate: GateName | None
    vote: Vote
    reason_code: Line
    message: Prose
