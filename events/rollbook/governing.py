"""How is a request about policies, freezes, identities or bundles refused?"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rollbook.refusals import (
    Reason,
    Refusal,
    instant,
    nearest,
    version_or_nothing,
)

TOLD: Final = 3
"""Faults that the message names; the detail holds every one."""


def unknown_policy(policy: str, policies: Sequence[str]) -> Refusal:
    """Nobody proposed a policy of that name, or it holds for nothing."""
    there = f"there are {', '.join(policies)}" if policies else "there is none"
    return Refusal(
        Reason.UNKNOWN_POLICY,
        f"there is no such policy as {policy}{nearest(policy, policies)}; {there}: "
        "check the name, or propose it first",
        {"policy": policy, "policies": list(policies)},
    )


def unknown_revision(policy: str, digest: str, proposed: Sequence[str]) -> Refusal:
    """The document is not among the open proposals."""
    there = f"proposed are {', '.join(proposed)}" if proposed else "nothing is proposed"
    return Refusal(
        Reason.UNKNOWN_POLICY,
        f"{digest} is no open proposal of policy {policy}, {there}; name one of these, "
        "or propose the document (again) first",
        {"policy": policy, "digest": digest, "proposed": list(proposed)},
    )


def policy_invalid(errors: Sequence[Mapping[str, Any]]) -> Refusal:
    """The rules cannot hold; each error has path, line, message and remedy."""
    told = [_placed(each) for each in errors[:TOLD]]
    left = len(errors) - len(told)
    more = f"; and {left} more, see `rollbook policy lint`" if left else ""
    return Refusal(
        Reason.POLICY_INVALID,
        f"the policy cannot hold: {'; '.join(told)}{more}",
        {"faults": [dict(each) for each in errors]},
    )


def _placed(error: Mapping[str, Any]) -> str:
    line = f"line {error['line']}" if error.get("line") else ""
    place = ", ".join(part for part in (error["path"], line) if part)
    said = f"{error['message']}; {error['remedy']}"
    return f"{place}: {said}" if place else said


def policy_tie(policy: str, other: str, *, ties: Sequence[tuple[str, str]]) -> Refusal:
    """Two policies would hold for one model."""
    ours, theirs = ties[0]
    where = ours if ours == theirs else f"models that both {ours} and {theirs} match"
    return Refusal(
        Reason.POLICY_TIE,
        f"{policy} and {other} would both hold for {where}; name the models exactly "
        f"in one of them, or take them out of the other",
        {
            "policies": [policy, other],
            "ties": [{policy: own, other: its} for own, its in ties],
        },
    )


def already_proposed(policy: str, digest: str, *, by: str) -> Refusal:
    """The same document waits for agreement."""
    return Refusal(
        Reason.ALREADY_EXISTS,
        f"{by} proposed this very document for {policy} already; endorse or activate "
        f"{digest} instead",
        {"policy": policy, "digest": digest, "by": by},
    )


def already_active(policy: str, digest: str, *, at: datetime | None) -> Refusal:
    """The document is what holds."""
    return Refusal(
        Reason.ALREADY_ACTIVE,
        f"{digest} is the active revision of {policy}, since {instant(at)}; nothing is "
        "left to do",
        {"policy": policy, "digest": digest, "since": instant(at)},
    )


def self_endorsement(who: str, *, policy: str, proposer: str) -> Refusal:
    """Whoever wants the rules does not agree to them a second time."""
    account = "" if who == proposer else f", as {proposer}"
    return Refusal(
        Reason.SELF_ENDORSEMENT,
        f"{who} proposed this revision of {policy}{account}, so another person must "
        "endorse it",
        {"policy": policy, "proposer": proposer},
    )


def already_endorsed(who: str, *, policy: str, by: str) -> Refusal:
    """One person counts once."""
    account = "" if who == by else f", as {by}"
    return Refusal(
        Reason.ALREADY_ENDORSED,
        f"{who} endorsed this revision of {policy} already{account}; another person "
        "could, or activate it",
        {"policy": policy, "by": by},
    )


def not_endorsed(
    policy: str,
    digest: str,
    *,
    needed: int,
    by: Sequence[str],
    lapsed: Sequence[str],
    role: str,
) -> Refusal:
    """Too few people agree to the rules."""
    gone = f" ({', '.join(lapsed)} did and holds the role no more)" if lapsed else ""
    return Refusal(
        Reason.NOT_ENDORSED,
        f"{digest} of {policy} counts {len(by)} of {needed} endorsements{gone}; have "
        f"{needed - len(by)} more with the role {role}, not its proposer, endorse it",
        {
            "policy": policy,
            "digest": digest,
            "needed": needed,
            "endorsed_by": list(by),
            "lapsed": list(lapsed),
            "role": role,
        },
    )


def unknown_freeze(freeze: str, freezes: Sequence[str]) -> Refusal:
    """No freeze of that id closes anything."""
    there = f"open are {', '.join(freezes)}" if freezes else "nothing is frozen"
    return Refusal(
        Reason.UNKNOWN_FREEZE,
        f"there is no open freeze {freeze}: it never was, is over or was lifted; "
        f"{there}",
        {"freeze": freeze, "freezes": list(freezes)},
    )


def already_linked(principals: Sequence[str]) -> Refusal:
    """They count as one person as it is."""
    return Refusal(
        Reason.ALREADY_LINKED,
        f"{', '.join(principals)} count as one person already; nothing is left to do",
        {"principals": list(principals)},
    )


def unknown_bundle(bundle: int, *, newest: int) -> Refusal:
    """The number was never given out."""
    has = f"the newest is {newest}" if newest else "there is none yet"
    return Refusal(
        Reason.UNKNOWN_BUNDLE,
        f"there is no bundle {bundle}; {has}",
        {"bundle": bundle, "newest": newest or None},
    )


def bundle_closed(bundle: int, state: str) -> Refusal:
    """The bundle is past what was asked for."""
    return Refusal(
        Reason.BUNDLE_CLOSED,
        f"bundle {bundle} is {state}, which this cannot change; ask for a new bundle",
        {"bundle": bundle, "state": state},
    )


def not_stable(
    bundle: int, model: str, *, stage: str, expected: int, actual: int | None
) -> Refusal:
    """A member's lane went on since; taking it back would undo somebody's work."""
    return Refusal(
        Reason.NOT_STABLE,
        f"{stage} runs {version_or_nothing(actual)} of {model}, not version {expected} "
        f"of bundle {bundle}; roll the models back one by one",
        {"bundle": bundle, "model": model, "expected": expected, "actual": actual},
    )
