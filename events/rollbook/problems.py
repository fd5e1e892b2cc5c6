"""Which problem code, HTTP status and exit code does each no have?

One table for HTTP, NATS replies, CLI and Python (design/surfaces.md §3).
"""

from dataclasses import dataclass
from typing import Final

from rollbook.refusals import Reason


@dataclass(frozen=True, slots=True)
class Code:
    """How one problem code appears on each surface."""

    http: int
    exit: int
    title: str


CODES: Final[dict[str, Code]] = {
    "invalid-request": Code(422, 2, "The request is not well formed"),
    "as-of-out-of-range": Code(422, 2, "That moment is not in the ledger"),
    "idempotency-key-reused": Code(422, 2, "The command id belongs to another command"),
    "policy-invalid": Code(422, 2, "The policy cannot hold"),
    "payload-too-large": Code(413, 2, "The request is too large"),
    "unauthenticated": Code(401, 4, "Who are you?"),
    "forbidden": Code(403, 4, "Your roles do not allow this"),
    "separation-of-duties": Code(403, 4, "Somebody else must do this"),
    "protected-alias": Code(403, 4, "The alias is protected"),
    "not-found": Code(404, 3, "There is no such thing"),
    "incumbent-moved": Code(409, 6, "It moved meanwhile"),
    "already-exists": Code(409, 6, "It exists already"),
    "promotion-closed": Code(409, 6, "The promotion is past that"),
    "wrong-state": Code(409, 6, "Not possible in this state"),
    "approval-void": Code(409, 6, "What you approve has changed"),
    "stale-report": Code(409, 6, "The report speaks of the past"),
    "gate-failed": Code(409, 5, "A gate is closed"),
    "stage-unreachable": Code(409, 5, "No version can go there"),
    "in-use": Code(409, 5, "It is in use"),
    "lane-busy": Code(409, 5, "The lane is busy"),
    "lane-held": Code(409, 5, "The lane is held"),
    "lane-frozen": Code(409, 5, "The lane is frozen"),
    "version-quarantined": Code(409, 5, "The version is quarantined"),
    "digest-mismatch": Code(409, 5, "These are other bytes"),
    "rate-limited": Code(429, 69, "Too often"),
    "projection-behind": Code(503, 69, "The view has not caught up"),
    "outcome-unknown": Code(503, 69, "Kept or lost, nobody knows yet"),
    "unavailable": Code(503, 69, "Not available now"),
    "internal-error": Code(500, 1, "Something went wrong in the server"),
}

_CODE_OF: Final[dict[Reason, str]] = {
    Reason.UNAUTHENTICATED: "unauthenticated",
    Reason.FORBIDDEN: "forbidden",
    Reason.NOT_A_PERSON: "forbidden",
    Reason.UNKNOWN_MODEL: "not-found",
    Reason.UNKNOWN_VERSION: "not-found",
    Reason.UNKNOWN_PROMOTION: "not-found",
    Reason.UNKNOWN_STAGE: "not-found",
    Reason.UNKNOWN_EVIDENCE: "not-found",
    Reason.UNKNOWN_HOLD: "not-found",
    Reason.UNKNOWN_TARGET: "not-found",
    Reason.UNKNOWN_TOKEN: "not-found",
    Reason.UNKNOWN_AGENT: "not-found",
    Reason.INVALID: "invalid-request",
    Reason.IMMUTABLE_FIELD: "invalid-request",
    Reason.TOO_LARGE: "payload-too-large",
    Reason.COMMAND_ID_REUSED: "idempotency-key-reused",
    Reason.ALREADY_EXISTS: "already-exists",
    Reason.ALREADY_REGISTERED: "already-exists",
    Reason.LABEL_TAKEN: "already-exists",
    Reason.DUPLICATE_REQUEST: "already-exists",
    Reason.ALREADY_THERE: "already-exists",
    Reason.ALREADY_HELD: "already-exists",
    Reason.ALREADY_VOTED: "already-exists",
    Reason.ALREADY_REVOKED: "already-exists",
    Reason.INCUMBENT_CHANGED: "incumbent-moved",
    Reason.ALIAS_MOVED: "incumbent-moved",
    Reason.STALE_TOKEN: "stale-report",
    Reason.WRONG_TARGET: "stale-report",
    Reason.LANE_HELD: "lane-held",
    Reason.SLOT_TAKEN: "lane-busy",
    Reason.BINDING_CHANGED: "approval-void",
    Reason.SELF_APPROVAL: "separation-of-duties",
    Reason.SELF_RELEASE: "separation-of-duties",
    Reason.NO_SLOT: "forbidden",
    Reason.GATES_FIRST: "gate-failed",
    Reason.NOT_READY: "gate-failed",
    Reason.NOT_OPEN: "promotion-closed",
    Reason.NOT_DISPATCHED: "wrong-state",
    Reason.ALREADY_DISPATCHED: "promotion-closed",
    Reason.NOT_VOTED: "wrong-state",
    Reason.NOT_QUARANTINED: "wrong-state",
    Reason.VERSION_QUARANTINED: "version-quarantined",
    Reason.VERSION_RETIRED: "stage-unreachable",
    Reason.VERSION_IN_USE: "in-use",
    Reason.DIGEST_MISMATCH: "digest-mismatch",
    Reason.NOTHING_TO_ROLL_BACK_TO: "stage-unreachable",
    Reason.NEVER_SUCCEEDED_THERE: "stage-unreachable",
    Reason.CONFLICT: "unavailable",
    Reason.UNKNOWN_POLICY: "not-found",
    Reason.UNKNOWN_FREEZE: "not-found",
    Reason.UNKNOWN_WAIVER: "not-found",
    Reason.UNKNOWN_REVIEW: "not-found",
    Reason.UNKNOWN_BUNDLE: "not-found",
    Reason.POLICY_INVALID: "policy-invalid",
    Reason.POLICY_TIE: "policy-invalid",
    Reason.NOT_ENDORSED: "wrong-state",
    Reason.SELF_ENDORSEMENT: "separation-of-duties",
    Reason.ALREADY_ENDORSED: "already-exists",
    Reason.ALREADY_ACTIVE: "already-exists",
    Reason.ALREADY_LINKED: "already-exists",
    Reason.ALIAS_PROTECTED: "protected-alias",
    Reason.ALIAS_FOLLOWS: "protected-alias",
    Reason.LANE_BUSY: "lane-busy",
    Reason.LANE_FROZEN: "lane-frozen",
    Reason.NOT_DUE: "wrong-state",
    Reason.NOT_PAUSED: "wrong-state",
    Reason.WRONG_STEP: "wrong-state",
    Reason.TOO_FREQUENT: "rate-limited",
    Reason.WAIVER_NOT_ALLOWED: "forbidden",
    Reason.SECOND_PERSON_REQUIRED: "forbidden",
    Reason.SELF_CONFIRMATION: "separation-of-duties",
    Reason.SELF_REVIEW: "separation-of-duties",
    Reason.ALREADY_WAIVED: "already-exists",
    Reason.ALREADY_CLOSED: "already-exists",
    Reason.REVIEWS_OVERDUE: "forbidden",
    Reason.BUNDLE_MEMBER: "wrong-state",
    Reason.BUNDLE_CLOSED: "promotion-closed",
    Reason.NOT_STABLE: "wrong-state",
    Reason.TARGET_TAKEN: "already-exists",
    Reason.ALREADY_DRAINED: "already-exists",
    Reason.NOT_DRAINED: "wrong-state",
    Reason.NO_DRIFT: "wrong-state",
    Reason.ALREADY_ACCEPTED: "already-exists",
}


def code_of(reason: Reason) -> str:
    """Return the problem code under which a refusal appears outside."""
    return _CODE_OF[reason]
