"""Which models would two policies both hold for?

An exact name beats a pattern, so only two exact names, or two patterns, can tie.
"""

from collections.abc import Iterator
from typing import Final

from rollbook.names import Line
from rollbook_services.policy.document import Policy, is_wild

ANY: Final = "*"
ONE: Final = "?"


def ties(policy: Policy, other: Policy) -> list[tuple[Line, Line]]:
    """Return the names and patterns of both that can mean one model."""
    ours, theirs = policy.spec.applies_to.models, other.spec.applies_to.models
    return [
        (own, its)
        for own in ours
        for its in theirs
        if is_wild(own) == is_wild(its) and _meet(own, its)
    ]


def takes_from(policy: Policy, other: Policy) -> list[Line]:
    """Return the models that a policy names, and that another one's pattern matches."""
    patterns = [each for each in other.spec.applies_to.models if is_wild(each)]
    return [
        own
        for own in policy.spec.applies_to.models
        if not is_wild(own) and any(_meet(own, each) for each in patterns)
    ]


def _meet(one: Line, other: Line) -> bool:
    """Tell whether some text matches both patterns."""
    ours, theirs = list(_signs(one)), list(_signs(other))
    reached, ahead = {(0, 0)}, [(0, 0)]
    while ahead:
        for place in _steps(ours, theirs, ahead.pop()):
            if place not in reached:
                reached.add(place)
                ahead.append(place)
    return (len(ours), len(theirs)) in reached


def _signs(pattern: Line) -> Iterator[str]:
    """Read a pattern sign by sign; a set in brackets may be any one character."""
    at = 0
    while at < len(pattern):
        end = pattern.find("]", at + 2) if pattern[at] == "[" else -1
        yield ONE if end > 0 else pattern[at]
        at = end + 1 if end > 0 else at + 1


def _steps(
    ours: list[str], theirs: list[str], place: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """Say how far both come by one more character, or by an `*` that ends."""
    one, other = place
    own = ours[one] if one < len(ours) else None
    its = theirs[other] if other < len(theirs) else None
    if own == ANY:
        yield one + 1, other
    if its == ANY:
        yield one, other + 1
    if own is None or its is None:
        return
    if own == ANY:
        yield one, other + 1
    elif its == ANY:
        yield one + 1, other
    elif own == its or ONE in (own, its):
        yield one + 1, other + 1
