"""How is a waiver, its review, or a move of a guarded alias refused?"""

from collections.abc import Collection, Sequence
from datetime import datetime

from rollbook.refusals import Reason, Refusal, all_of, instant, nearest, one_of


def only_people(who: str, *, what: str) -> Refusal:
    """A machine answers to nobody afterwards."""
    return Refusal(
        Reason.NOT_A_PERSON,
        f"{who} is no person, and only people {what}; a person must do this",
        {"who": who},
    )


def unknown_waiver(waiver: str, *, promotion: int) -> Refusal:
    """Nobody asked for that waiver of that promotion."""
    return Refusal(
        Reason.UNKNOWN_WAIVER,
        f"promotion {promotion} has no waiver {waiver}; look at the promotion for its "
        "waivers, or ask for one",
        {"waiver": waiver, "promotion": promotion},
    )


def unknown_review(review: str, *, model: str) -> Refusal:
    """No waiver of this model opened that review."""
    return Refusal(
        Reason.UNKNOWN_REVIEW,
        f"{model} has no review {review}; list the reviews that are owed",
        {"review": review, "model": model},
    )


def no_such_class(break_glass: str, stage: str, *, classes: Sequence[str]) -> Refusal:
    """The stage's policy has no waivers of that class."""
    has = f"it has {all_of(classes)}" if classes else "it allows no waivers at all"
    return Refusal(
        Reason.WAIVER_NOT_ALLOWED,
        f"{stage} has no class of waivers {break_glass}{nearest(break_glass, classes)}"
        f"; {has}",
        {"break_glass": break_glass, "gate": None, "classes": list(classes)},
    )


def gate_not_asked(break_glass: str, gate: str, *, gates: Sequence[str]) -> Refusal:
    """The promotion does not have to pass that gate."""
    return Refusal(
        Reason.WAIVER_NOT_ALLOWED,
        f"this promotion has no gate {gate}{nearest(gate, gates)}; "
        f"it has {all_of(gates)}",
        {"break_glass": break_glass, "gate": gate, "gates": list(gates)},
    )


def never_waived(break_glass: str, gate: str) -> Refusal:
    """No policy can make such a gate stop mattering."""
    return Refusal(
        Reason.WAIVER_NOT_ALLOWED,
        f"{gate} always holds, no class of waivers reaches it; what it says has to be "
        "put right",
        {"break_glass": break_glass, "gate": gate, "classes": []},
    )


def out_of_reach(
    break_glass: str, gate: str, *, kind: str, classes: Sequence[str]
) -> Refusal:
    """The class does not reach gates of that kind; another one may."""
    fitting = f"ask under {one_of(classes)}" if classes else "no class here reaches it"
    return Refusal(
        Reason.WAIVER_NOT_ALLOWED,
        f"class {break_glass} does not waive {gate}, a gate of kind {kind}; {fitting}",
        {"break_glass": break_glass, "gate": gate, "classes": list(classes)},
    )


def freeze_not_waivable(
    break_glass: str, gate: str, *, freezes: Sequence[str]
) -> Refusal:
    """Whoever closed the lane said that nobody gets past."""
    return Refusal(
        Reason.WAIVER_NOT_ALLOWED,
        f"freeze {all_of(freezes)} was declared without exception for waivers; a "
        "release-manager must lift it first",
        {"break_glass": break_glass, "gate": gate, "freezes": list(freezes)},
    )


def waiver_ran_out(break_glass: str, waiver: str, *, at: datetime) -> Refusal:
    """Nobody confirmed it in time."""
    return Refusal(
        Reason.WAIVER_NOT_ALLOWED,
        f"waiver {waiver} ran out at {instant(at)} before anybody confirmed it; "
        "ask for a new one",
        {"break_glass": break_glass, "waiver": waiver, "until": instant(at)},
    )


def no_second_person(break_glass: str, *, roles: Collection[str]) -> Refusal:
    """The class takes two people, and there is one."""
    needed = sorted(roles)
    return Refusal(
        Reason.SECOND_PERSON_REQUIRED,
        f"class {break_glass} takes a second person who is {one_of(needed)}, and "
        "nobody else is that now; have an access-admin give somebody the role first",
        {"break_glass": break_glass, "roles": needed},
    )


def second_person_required(who: str, *, waiver: str, roles: Collection[str]) -> Refusal:
    """Not just anybody may be the second person."""
    needed = sorted(roles)
    return Refusal(
        Reason.SECOND_PERSON_REQUIRED,
        f"{who} cannot confirm waiver {waiver}: that takes {one_of(needed)}; ask "
        "somebody who has the role",
        {"waiver": waiver, "roles": needed},
    )


def reviews_overdue(
    break_glass: str, *, reviews: Sequence[str], roles: Collection[str]
) -> Refusal:
    """Nobody looked at earlier waivers in time: the next one takes somebody senior."""
    needed = sorted(roles)
    return Refusal(
        Reason.REVIEWS_OVERDUE,
        f"reviews of class {break_glass} are overdue ({all_of(reviews)}), so a waiver "
        f"takes a second person who is {one_of(needed)}; find one, or have the "
        "reviews closed first",
        {"break_glass": break_glass, "reviews": list(reviews), "roles": needed},
    )


def self_confirmation(who: str, *, waiver: str) -> Refusal:
    """Two accounts of one person are one person."""
    return Refusal(
        Reason.SELF_CONFIRMATION,
        f"{who} asked for waiver {waiver}, so another person must confirm it",
        {"waiver": waiver},
    )


def already_waived(waiver: str, *, gates: Sequence[str], at: datetime) -> Refusal:
    """A waiver that counts is there, until an instant."""
    return Refusal(
        Reason.ALREADY_WAIVED,
        f"waiver {waiver} lets the promotion skip {all_of(gates)} until {instant(at)} "
        "already; nothing is left to do there",
        {"waiver": waiver, "gates": list(gates), "until": instant(at)},
    )


def self_review(who: str, *, review: str) -> Refusal:
    """Whoever had a part in it does not judge it."""
    return Refusal(
        Reason.SELF_REVIEW,
        f"{who} asked for the waiver, confirmed it or requested the promotion, so "
        f"somebody who had no part in it must close review {review}",
        {"review": review},
    )


def already_closed(review: str, *, at: datetime) -> Refusal:
    """Somebody looked before."""
    return Refusal(
        Reason.ALREADY_CLOSED,
        f"review {review} was closed at {instant(at)}; nothing is left to do",
        {"review": review, "at": instant(at)},
    )


def alias_protected(alias: str, *, who: str, roles: Collection[str]) -> Refusal:
    """The policy keeps the alias for those who answer for releases."""
    needed = sorted(roles)
    return Refusal(
        Reason.ALIAS_PROTECTED,
        f"the policy protects {alias}, so {who} may not move it: that takes "
        f"{one_of(needed)}; ask somebody who has the role",
        {"alias": alias, "needed": needed},
    )


def alias_follows(
    alias: str, *, stage: str, model: str, version: int | None
) -> Refusal:
    """The policy says where the alias points; nobody does."""
    what = "a version" if version is None else f"{model}@{version}"
    return Refusal(
        Reason.ALIAS_FOLLOWS,
        f"{alias} follows what is stable in {stage}, nobody moves it by hand; promote "
        f"{what} to {stage}, and the alias comes along",
        {"alias": alias, "stage": stage},
    )
