"""Which noes can the rules say, and what is the caller told to do next?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Why the rules said no; design/promotion.md §1.6."""

    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_A_PERSON = "not_a_person"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_PROMOTION = "unknown_promotion"
    UNKNOWN_STAGE = "unknown_stage"
    UNKNOWN_EVIDENCE = "unknown_evidence"
    UNKNOWN_HOLD = "unknown_hold"
    UNKNOWN_TARGET = "unknown_target"
    UNKNOWN_TOKEN = "unknown_token"
    INVALID = "invalid"
    TOO_LARGE = "too_large"
    IMMUTABLE_FIELD = "immutable_field"
    COMMAND_ID_REUSED = "command_id_reused"
    ALREADY_EXISTS = "already_exists"
    ALREADY_REGISTERED = "already_registered"
    LABEL_TAKEN = "label_taken"
    DUPLICATE_REQUEST = "duplicate_request"
    ALREADY_THERE = "already_there"
    ALREADY_HELD = "already_held"
    ALREADY_VOTED = "already_voted"
    ALREADY_REVOKED = "already_revoked"
    INCUMBENT_CHANGED = "incumbent_changed"
    ALIAS_MOVED = "alias_moved"
    STALE_TOKEN = "stale_token"
    WRONG_TARGET = "wrong_target"
    LANE_HELD = "lane_held"
    SLOT_TAKEN = "slot_taken"
    BINDING_CHANGED = "binding_changed"
    SELF_APPROVAL = "self_approval"
    SELF_RELEASE = "self_release"
    NO_SLOT = "no_slot"
    GATES_FIRST = "gates_first"
    NOT_READY = "not_ready"
    NOT_OPEN = "not_open"
    NOT_DISPATCHED = "not_dispatched"
    ALREADY_DISPATCHED = "already_dispatched"
    NOT_VOTED = "not_voted"
    NOT_QUARANTINED = "not_quarantined"
    VERSION_QUARANTINED = "version_quarantined"
    VERSION_RETIRED = "version_retired"
    VERSION_IN_USE = "version_in_use"
    DIGEST_MISMATCH = "digest_mismatch"
    NOTHING_TO_ROLL_BACK_TO = "nothing_to_roll_back_to"
    NEVER_SUCCEEDED_THERE = "never_succeeded_there"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no of the rules: a value, not an exception; nothing was written."""

    reason: Reason
    message: str
    """What was refused and the next step, in one or two sentences."""
    detail: Mapping[str, Any] = field(default_factory=dict)
