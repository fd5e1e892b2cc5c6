"""Which noes can the rules say, and how is a request refused for what it says?

`standing` words the refusals that depend on how things stand, `fleet` those about
agents and targets.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final


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
    UNKNOWN_AGENT = "unknown_agent"
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
    UNKNOWN_POLICY = "unknown_policy"
    UNKNOWN_FREEZE = "unknown_freeze"
    UNKNOWN_WAIVER = "unknown_waiver"
    UNKNOWN_REVIEW = "unknown_review"
    UNKNOWN_BUNDLE = "unknown_bundle"
    POLICY_INVALID = "policy_invalid"
    POLICY_TIE = "policy_tie"
    NOT_ENDORSED = "not_endorsed"
    SELF_ENDORSEMENT = "self_endorsement"
    ALREADY_ENDORSED = "already_endorsed"
    ALREADY_ACTIVE = "already_active"
    ALREADY_LINKED = "already_linked"
    ALIAS_PROTECTED = "alias_protected"
    ALIAS_FOLLOWS = "alias_follows"
    LANE_BUSY = "lane_busy"
    LANE_FROZEN = "lane_frozen"
    NOT_DUE = "not_due"
    NOT_PAUSED = "not_paused"
    WRONG_STEP = "wrong_step"
    TOO_FREQUENT = "too_frequent"
    WAIVER_NOT_ALLOWED = "waiver_not_allowed"
    SECOND_PERSON_REQUIRED = "second_person_required"
    SELF_CONFIRMATION = "self_confirmation"
    SELF_REVIEW = "self_review"
    ALREADY_WAIVED = "already_waived"
    ALREADY_CLOSED = "already_closed"
    REVIEWS_OVERDUE = "reviews_overdue"
    BUNDLE_MEMBER = "bundle_member"
    BUNDLE_CLOSED = "bundle_closed"
    NOT_STABLE = "not_stable"
    TARGET_TAKEN = "target_taken"
    ALREADY_DRAINED = "already_drained"
    NOT_DRAINED = "not_drained"
    NO_DRIFT = "no_drift"
    ALREADY_ACCEPTED = "already_accepted"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no of the rules: a value, not an exception; nothing was written."""

    reason: Reason
    message: str
    """What was refused and the next step, in one or two sentences."""
    detail: Mapping[str, Any] = field(default_factory=dict)


def unauthenticated(why: str) -> Refusal:
    """Nobody we know stands behind the credential."""
    return Refusal(
        Reason.UNAUTHENTICATED,
        f"{why}; ask an access-admin for a token (`rollbook token create`)",
    )


def forbidden(what: str, *, who: str, roles: Collection[str]) -> Refusal:
    """The actor's roles do not reach that far."""
    needed = one_of(sorted(roles))
    return Refusal(
        Reason.FORBIDDEN,
        f"{who} may not {what}: that takes {needed}; "
        "ask somebody who has it, or an access-admin for a token with it",
        {"needed": sorted(roles)},
    )


def not_a_person(who: str) -> Refusal:
    """Only people vote."""
    return Refusal(
        Reason.NOT_A_PERSON,
        f"{who} is no person, and only people vote; a reviewer must do this",
        {"who": who},
    )


def unknown_model(model: str) -> Refusal:
    """Nobody has registered that name."""
    return Refusal(
        Reason.UNKNOWN_MODEL,
        f"there is no model {model}; check the spelling, or register it first",
        {"model": model},
    )


def unknown_version(model: str, version: int, *, newest: int) -> Refusal:
    """The number was never given out."""
    has = f"its newest is {model}@{newest}" if newest else "it has none yet"
    return Refusal(
        Reason.UNKNOWN_VERSION,
        f"{model} has no version {version}; {has}",
        {"version": version, "newest": newest or None},
    )


def unknown_promotion(model: str, promotion: int, *, newest: int) -> Refusal:
    """The number was never given out."""
    has = f"its newest is {model}:{newest}" if newest else "it has none yet"
    return Refusal(
        Reason.UNKNOWN_PROMOTION,
        f"{model} has no promotion {promotion}; {has}",
        {"promotion": promotion, "newest": newest or None},
    )


def unknown_stage(stage: str, stages: Sequence[str]) -> Refusal:
    """The policy knows no such stage."""
    return Refusal(
        Reason.UNKNOWN_STAGE,
        f"there is no stage {stage}{nearest(stage, stages)}; "
        f"there are {', '.join(stages)}",
        {"stage": stage, "stages": list(stages)},
    )


def unknown_target(target: str, stage: str, targets: Sequence[str]) -> Refusal:
    """The stage has no such target."""
    return Refusal(
        Reason.UNKNOWN_TARGET,
        f"{stage} has no target {target}{nearest(target, targets)}; "
        f"it has {', '.join(targets) or 'none: it only keeps the record'}",
        {"target": target, "targets": list(targets)},
    )


def unknown_evidence(evidence: str) -> Refusal:
    """No record of evidence has that id."""
    return Refusal(
        Reason.UNKNOWN_EVIDENCE,
        f"there is no evidence {evidence}; list what is recorded for the version",
        {"evidence": evidence},
    )


def unknown_hold(stage: str, hold: str, *, actual: str | None) -> Refusal:
    """That hold is not what holds the lane."""
    now = f"hold {actual} holds it: name that one" if actual else "it is not held"
    return Refusal(
        Reason.UNKNOWN_HOLD,
        f"hold {hold} does not hold {stage}; {now}",
        {"hold": hold, "actual": actual},
    )


def unknown_token(token: str) -> Refusal:
    """No token has that id."""
    return Refusal(
        Reason.UNKNOWN_TOKEN,
        f"there is no token {token}; see `rollbook token list`",
        {"token": token},
    )


_NAME: Final = "begins with a letter or digit, then A-Z a-z 0-9 _ -, at most 100"
_SPELLING: Final[Mapping[str, str]] = {
    "id": "a command id is 1 to 128 of A-Z a-z 0-9 . _ : / @ -",
    "token": "a token's id is 16 of a-z and 2-7; `rollbook token list` shows them",
    "digest": "write sha256: and 64 hex digits, as `sha256sum FILE` prints them",
    "sha256": "write 64 hex digits: the hash of the token's secret",
    "principal": "write prn: or svc: and a name; "
    "`rollbook token create NAME` finds a person's",
    "model": f"write team/name or name; each part {_NAME}",
    **dict.fromkeys(("stage", "target", "alias", "kind"), f"a name {_NAME}"),
}
_REMEDIES: Final[Mapping[str, str]] = {
    "finite_number": "NaN and infinity have no place in the record: "
    "leave the number out, or say in the description why there is none",
    "string_pattern_mismatch": "the pattern says which characters it takes",
    "extra_forbidden": "there is no such field: check its name",
    "missing": "add it",
    "string_type": "put it in quotation marks",
    "datetime_from_date_parsing": "write 2026-05-03T12:00:00Z",
    "datetime_parsing": "write 2026-05-03T12:00:00Z",
    "timezone_aware": "add the zone: 2026-05-03T12:00:00Z",
    "string_too_long": "keep the long part in a file and record its URI",
    "literal_error": "write it as it stands there",
    "enum": "write it as it stands there",
}
_IDENTITY: Final = ("version", "artifact", "label", "authors", "producer")


def invalid(faults: Sequence[Mapping[str, Any]]) -> Refusal:
    """The request cannot be meant; each fault has `loc`, a path, and `msg`."""
    for fault in faults:
        if tuple(fault["loc"])[-2:-1] == ("fields",) and fault["loc"][-1] in _IDENTITY:
            return immutable_field(fault["loc"][-1])
    told = [
        {"path": _path(fault["loc"]), "remedy": remedy_of(fault)} for fault in faults
    ]
    return Refusal(
        Reason.INVALID,
        "; ".join(f"{fault['path']}: {fault['remedy']}" for fault in told),
        {"faults": told},
    )


def remedy_of(fault: Mapping[str, Any]) -> str:
    """Say what to write instead; `fault` is pydantic's, its `type` may be absent."""
    kind, message = fault.get("type", ""), str(fault["msg"])
    place = str(fault["loc"][-1]) if fault["loc"] else ""
    if kind == "string_pattern_mismatch" and place in _SPELLING:
        return _SPELLING[place]
    remedy = _REMEDIES.get(kind)
    message = message.removeprefix("Value error, ")
    return f"{message}; {remedy}" if remedy else message


def invalid_field(path: str, remedy: str) -> Refusal:
    """One field cannot be meant."""
    return invalid([{"loc": (path,), "msg": remedy}])


def unserialisable(why: str) -> Refusal:
    """The request has no canonical form, so nothing could be signed."""
    return invalid_field("command", f"{why}; send finite numbers and Unicode text")


def too_large(size_bytes: int, limit_bytes: int) -> Refusal:
    """The ledger keeps no event of that size."""
    return Refusal(
        Reason.TOO_LARGE,
        f"the event takes {size_bytes:,} bytes, the limit is {limit_bytes:,}; keep the "
        "bulk in a file and record its URI and digest",
        {"size_bytes": size_bytes, "limit_bytes": limit_bytes},
    )


def immutable_field(path: str) -> Refusal:
    """What identifies a version never changes."""
    return Refusal(
        Reason.IMMUTABLE_FIELD,
        f"{path} identifies the version and never changes; register a new version",
        {"path": path},
    )


def command_id_reused(command_id: str) -> Refusal:
    """The id stands for another request already."""
    return Refusal(
        Reason.COMMAND_ID_REUSED,
        f"command id {command_id} was used for another request; "
        "make a new id for each new request and keep it only for retries",
        {"command_id": command_id},
    )


def conflict(aggregate: str, *, attempts: int) -> Refusal:
    """Other writers were first, each time."""
    return Refusal(
        Reason.CONFLICT,
        f"other writers of {aggregate} were first {attempts} times; send the request "
        "again with the same id",
        {"attempts": attempts},
    )


def foreign_credential(subject: str) -> Refusal:
    """The credential is not that of the user who may publish there."""
    return Refusal(
        Reason.UNAUTHENTICATED,
        f"the credential does not belong to the user of {subject}; send each request "
        "as the user whose token it carries",
        {"subject": subject},
    )


def _path(loc: Sequence[object]) -> str:
    """Leave the envelope out: `command`, then the command's own name."""
    inner = loc[2:] if len(loc) > 2 and loc[0] == "command" else loc
    return ".".join(str(part) for part in inner)


def version_or_nothing(version: int | None) -> str:
    """Name a version, or say that there is none."""
    return "nothing" if version is None else f"version {version}"


def instant(at: datetime | None) -> str | None:
    """Write an instant with milliseconds."""
    return None if at is None else at.isoformat(timespec="milliseconds")


def nearest(name: str, names: Sequence[str]) -> str:
    """Suggest the nearest existing name, if one is near."""
    close = get_close_matches(name, names, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def all_of(words: Sequence[str]) -> str:
    """Join words with `and`."""
    return ", ".join(words[:-1]) + (" and " if words[:-1] else "") + words[-1]


def one_of(words: Sequence[str]) -> str:
    """Join words with `or`."""
    return ", ".join(words[:-1]) + (" or " if words[:-1] else "") + words[-1]
