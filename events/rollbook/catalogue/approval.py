"""What reviewers say about a promotion."""

from rollbook.catalogue.parts import Part
from rollbook.event import Event
from rollbook.names import (
    Digest,
    EventId,
    GateName,
    Instant,
    PromotionId,
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


class ApprovalGranted(Event, recorded_as="approval.granted"):
    """A person approves; the event's id is the approval's."""

    promotion: PromotionId
    gate: GateName
    roles: tuple[RoleName, ...]
    binding: Digest
    bound_to: Bound
    valid_until: Instant | None
    comment: Reason | None


class ApprovalRejected(Event, recorded_as="approval.rejected"):
    """A person who could approve says no."""

    promotion: PromotionId
    gate: GateName
    roles: tuple[RoleName, ...]
    binding: Digest
    bound_to: Bound
    comment: Reason


class ApprovalWithdrawn(Event, recorded_as="approval.withdrawn"):
    """A voter takes the vote back."""

    promotion: PromotionId
    gate: GateName
    approval: EventId
    """The vote that counts no longer."""
