"""Which rules hold for which models, and who agreed to them."""

from typing import Any

from rollbook.catalogue.parts import Part
from rollbook.event import Event
from rollbook.names import Count, Digest, Line, PolicyName, Prose, Reason


class TrialSummary(Part):
    """What the proposed rules would have said of the past; shown to endorsers."""

    until_sequence: Count
    same: Count
    would_have_been_blocked: Count
    would_have_passed: Count
    not_answerable: Count


class PolicyProposed(Event, recorded_as="policy.proposed"):
    """Somebody wants these rules; the digest names them for good."""

    policy: PolicyName
    digest: Digest
    """SHA-256 of the canonical form of `document`."""
    document: dict[str, Any]
    warnings: tuple[Prose, ...]
    trial: TrialSummary | None
    reason: Reason


class PolicyEndorsed(Event, recorded_as="policy.endorsed"):
    """Somebody other than its proposer agrees to the rules."""

    policy: PolicyName
    digest: Digest
    comment: Reason | None


class PolicyActivated(Event, recorded_as="policy.activated"):
    """These rules hold from here on."""

    policy: PolicyName
    digest: Digest
    supersedes: Digest | None
    models: tuple[Line, ...]
    """The names and patterns they hold for."""
    endorsed_by: tuple[Line, ...]


class PolicyRetirementRequested(Event, recorded_as="policy.retirement_requested"):
    """Somebody wants the rules to hold no more; others have to agree first."""

    policy: PolicyName
    digest: Digest
    reason: Reason


class PolicyRetired(Event, recorded_as="policy.retired"):
    """These rules hold for nothing any more."""

    policy: PolicyName
    digest: Digest
    reason: Reason


PoliciesEvent = (
    PolicyProposed
    | PolicyEndorsed
    | PolicyActivated
    | PolicyRetirementRequested
    | PolicyRetired
)
