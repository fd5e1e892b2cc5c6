"""How is a request refused because of how things stand?"""

from collections.abc import Collection, Sequence
from datetime import datetime

from rollbook.refusals import (
    Reason,
    Refusal,
    all_of,
    instant,
    one_of,
    version_or_nothing,
)


def already_exists(what: str, name: str) -> Refusal:
    """The name is taken, for good."""
    return Refusal(
        Reason.ALREADY_EXISTS,
        f"{what} {name} exists already; use it, or choose another name",
        {what: name},
    )


def already_registered(model: str, version: int) -> Refusal:
    """The same bytes have a number."""
    return Refusal(
        Reason.ALREADY_REGISTERED,
        f"these bytes are {model}@{version} already; use that version",
        {"version": version},
    )


def label_taken(model: str, label: str, *, version: int, digest: str) -> Refusal:
    """The label says it is a version that has other bytes."""
    return Refusal(
        Reason.LABEL_TAKEN,
        f"label {label} belongs to {model}@{version}, which has other bytes "
        f"({digest}); choose another label for these",
        {"label": label, "version": version, "digest": digest},
    )


def duplicate_request(model: str, promotion: int) -> Refusal:
    """The same thing was asked for and is still open."""
    return Refusal(
        Reason.DUPLICATE_REQUEST,
        f"{model}:{promotion} asks for the same and is still open; follow that one",
        {"promotion": promotion},
    )


def already_there(model: str, version: int, stage: str) -> Refusal:
    """The version is what the lane runs."""
    return Refusal(
        Reason.ALREADY_THERE,
        f"{stage} runs {model}@{version} already; to apply it once more ask for a "
        "redeploy",
        {"version": version, "stage": stage},
    )


def already_held(stage: str, hold: str, *, by: str, reason: str) -> Refusal:
    """One hold is enough."""
    return Refusal(
        Reason.ALREADY_HELD,
        f"{stage} is held by {by} already ({reason}); release that hold first to "
        "change it",
        {"hold": hold, "by": by, "reason": reason},
    )


def already_voted(promotion: int, approval: str) -> Refusal:
    """One person counts once."""
    return Refusal(
        Reason.ALREADY_VOTED,
        f"you voted on promotion {promotion} already; withdraw that vote to change it",
        {"approval": approval},
    )


def already_revoked(what: str, id_: str) -> Refusal:
    """It counts no more, and did not before this request."""
    return Refusal(
        Reason.ALREADY_REVOKED,
        f"{what} {id_} is revoked already; nothing is left to do",
        {what: id_},
    )


def incumbent_changed(
    stage: str,
    *,
    expected: int | None,
    actual: int | None,
    promotion: int | None,
    by: str | None,
    at: datetime | None,
) -> Refusal:
    """Another version runs there than the caller saw."""
    won = f" since promotion {promotion} of {by}" if promotion else ""
    return Refusal(
        Reason.INCUMBENT_CHANGED,
        f"{stage} runs {version_or_nothing(actual)}{won}, "
        f"not {version_or_nothing(expected)}; "
        "look again and ask with what runs now",
        {
            "expected": expected,
            "actual": actual,
            "promotion": promotion,
            "by": by,
            "at": instant(at),
        },
    )


def alias_moved(
    alias: str,
    *,
    expected: int | None,
    actual: int | None,
    by: str | None,
    at: datetime | None,
) -> Refusal:
    """The alias points elsewhere than the caller saw."""
    who = f" since {by} moved it" if by else ""
    return Refusal(
        Reason.ALIAS_MOVED,
        f"{alias} points at {version_or_nothing(actual)}{who}, not at "
        f"{version_or_nothing(expected)}; look again and expect what is there now",
        {"expected": expected, "actual": actual, "by": by, "at": instant(at)},
    )


def stale_token(*, token: int, revision: int, current: tuple[int, int]) -> Refusal:
    """The report is about a desired document that is not the present one."""
    return Refusal(
        Reason.STALE_TOKEN,
        f"the report speaks of token {token}, revision {revision}; the lane is at "
        f"token {current[0]}, revision {current[1]}: read the desired document again",
        {"token": current[0], "revision": current[1]},
    )


def wrong_target(who: str, *, reported: str, bound: str) -> Refusal:
    """An agent speaks for one target only."""
    return Refusal(
        Reason.WRONG_TARGET,
        f"{who} speaks for {bound}, not for {reported}; use the token of that target",
        {"reported": reported, "bound": bound},
    )


def lane_held(stage: str, hold: str, *, by: str, reason: str) -> Refusal:
    """Somebody wants automation away from the lane."""
    return Refusal(
        Reason.LANE_HELD,
        f"{stage} is held by {by} ({reason}); acknowledge hold {hold} in the request, "
        "or release it first",
        {"hold": hold, "by": by, "reason": reason},
    )


def slot_taken(stage: str, promotion: int, *, since: datetime) -> Refusal:
    """Another promotion changes the lane just now."""
    return Refusal(
        Reason.SLOT_TAKEN,
        f"promotion {promotion} changes {stage} since {instant(since)}; "
        "wait until it ends, or abort it",
        {"promotion": promotion, "since": instant(since)},
    )


def binding_changed(changed: Sequence[str], *, seen: str, actual: str) -> Refusal:
    """What the voter looked at is not what would be approved."""
    return Refusal(
        Reason.BINDING_CHANGED,
        f"the {all_of(changed)} changed since you looked; look at the promotion again "
        "and vote on what is there now",
        {"changed": list(changed), "seen": seen, "actual": actual},
    )


def self_approval(who: str, *, relation: str, promotion: int) -> Refusal:
    """Whoever asked or made it, or put its rules in force, does not judge it."""
    related = f"{who} is the {relation} of promotion {promotion}"
    if relation == "activator":
        related = (
            f"{who} activated the policy, and this is the first promotion under it"
        )
    return Refusal(
        Reason.SELF_APPROVAL,
        f"{related}, so somebody else must vote on it",
        {"relation": relation},
    )


def self_release(who: str, version: int) -> Refusal:
    """Whoever barred a version does not free it."""
    return Refusal(
        Reason.SELF_RELEASE,
        f"{who} quarantined version {version}, so another release-manager must "
        "release it",
        {"version": version},
    )


def no_slot(who: str, *, open_roles: Collection[str]) -> Refusal:
    """No vote of this actor is asked for."""
    if not open_roles:
        return Refusal(
            Reason.NO_SLOT,
            "no such gate asks for votes here; leave the gate out or check its name",
            {"open_roles": []},
        )
    roles = sorted(open_roles)
    return Refusal(
        Reason.NO_SLOT,
        f"{who} has none of the roles that vote here; that takes {one_of(roles)}",
        {"open_roles": roles},
    )


def gates_first(gates: Sequence[str]) -> Refusal:
    """People are asked once the facts are in."""
    return Refusal(
        Reason.GATES_FIRST,
        f"{all_of(gates)} must pass first, or the vote would be for nothing; "
        "approve after that",
        {"gates": list(gates)},
    )


def not_ready(promotion: int, gates: Sequence[str]) -> Refusal:
    """A gate is closed."""
    return Refusal(
        Reason.NOT_READY,
        f"promotion {promotion} is not ready: {all_of(gates)} must pass first",
        {"gates": list(gates)},
    )


def not_open(promotion: int, state: str) -> Refusal:
    """The promotion does not wait any more."""
    return Refusal(
        Reason.NOT_OPEN,
        f"promotion {promotion} is {state}, which this cannot change; "
        "ask for a new promotion",
        {"state": state},
    )


def not_dispatched(promotion: int, state: str, *, waiting: bool) -> Refusal:
    """Nothing is under way that could be stopped."""
    step = "cancel it instead" if waiting else "it has ended, nothing is left to do"
    return Refusal(
        Reason.NOT_DISPATCHED,
        f"promotion {promotion} is {state}, not under way; {step}",
        {"state": state},
    )


def already_dispatched(promotion: int, state: str) -> Refusal:
    """The promotion waits no more: its change is under way."""
    return Refusal(
        Reason.ALREADY_DISPATCHED,
        f"promotion {promotion} is {state}: it was dispatched; abort it to stop it",
        {"state": state},
    )


def not_voted(promotion: int) -> Refusal:
    """There is no vote to take back."""
    return Refusal(
        Reason.NOT_VOTED,
        f"you have no vote on promotion {promotion} that counts; nothing to withdraw",
        {"promotion": promotion},
    )


def not_quarantined(version: int, barred: Sequence[str]) -> Refusal:
    """The quarantine that should be lifted is not there."""
    where = f"it is barred from {all_of(barred)}: name that" if barred else "it is free"
    return Refusal(
        Reason.NOT_QUARANTINED,
        f"version {version} is not quarantined so; {where}",
        {"version": version, "barred": list(barred)},
    )


def version_quarantined(
    version: int, stage: str, *, by: Sequence[str], reason: str
) -> Refusal:
    """The version is barred from the stage."""
    return Refusal(
        Reason.VERSION_QUARANTINED,
        f"version {version} is barred from {stage} by {all_of(by)} ({reason}); choose "
        "another, or have another release-manager release it",
        {"version": version, "stage": stage, "by": list(by), "reason": reason},
    )


def version_retired(version: int) -> Refusal:
    """A retired version goes nowhere any more."""
    return Refusal(
        Reason.VERSION_RETIRED,
        f"version {version} is retired, for good; choose another",
        {"version": version},
    )


def version_in_use(
    version: int,
    *,
    lanes: Sequence[str],
    aliases: Sequence[str],
    promotions: Sequence[int],
) -> Refusal:
    """Somebody relies on the version."""
    uses = [*lanes, *aliases, *(f"promotion {each}" for each in promotions)]
    return Refusal(
        Reason.VERSION_IN_USE,
        f"version {version} is in use by {all_of(uses)}; move them to another version "
        "first",
        {
            "lanes": list(lanes),
            "aliases": list(aliases),
            "promotions": list(promotions),
        },
    )


def digest_mismatch(*, expected: str, actual: str | None) -> Refusal:
    """These are other bytes than the version's."""
    return Refusal(
        Reason.DIGEST_MISMATCH,
        f"the version is {expected}, this speaks of {actual or 'nothing'}; "
        "check which bytes were used",
        {"expected": expected, "actual": actual},
    )


def nothing_to_roll_back_to(stage: str, tried: Sequence[tuple[int, str]]) -> Refusal:
    """No earlier version that proved itself can go back."""
    seen = "; ".join(f"{version}: {why}" for version, why in tried)
    return Refusal(
        Reason.NOTHING_TO_ROLL_BACK_TO,
        f"{stage} has no earlier stable version to go back to"
        f"{f' ({seen})' if seen else ''}; promote a version, "
        "or name one with `to` (`--to`)",
        {"tried": [{"version": version, "why": why} for version, why in tried]},
    )


def never_succeeded_there(
    version: int, stage: str, succeeded: Sequence[int]
) -> Refusal:
    """A rollback goes only where the lane has been."""
    could = all_of([str(each) for each in succeeded]) if succeeded else "no version yet"
    return Refusal(
        Reason.NEVER_SUCCEEDED_THERE,
        f"version {version} never succeeded in {stage}; there did: {could}",
        {"version": version, "succeeded": list(succeeded)},
    )
