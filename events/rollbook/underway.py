"""How is a request refused because of how far a promotion has come?"""

from datetime import datetime

from rollbook.refusals import Reason, Refusal, instant


def lane_busy(model: str, stage: str, promotion: int) -> Refusal:
    """The stage takes one promotion at a time."""
    return Refusal(
        Reason.LANE_BUSY,
        f"{stage} takes one promotion at a time, and {model}:{promotion} is open; "
        "wait until it ends, or have it cancelled",
        {"promotion": promotion, "stage": stage},
    )


def lane_frozen(stage: str, what: str, *, until: datetime | None) -> Refusal:
    """Nothing may change there now."""
    ends = f"until {instant(until)}" if until else "until somebody lifts it"
    return Refusal(
        Reason.LANE_FROZEN,
        f"{stage} is closed by {what}, {ends}; it goes on by itself then",
        {"stage": stage, "until": instant(until)},
    )


def not_due(promotion: int, *, at: datetime | None) -> Refusal:
    """The time for it has not come."""
    when = f"not before {instant(at)}" if at else "never"
    return Refusal(
        Reason.NOT_DUE,
        f"promotion {promotion} does not expire yet, {when}; send it again then",
        {"at": instant(at)},
    )


def not_paused(promotion: int, state: str) -> Refusal:
    """There is nothing to resume."""
    return Refusal(
        Reason.NOT_PAUSED,
        f"promotion {promotion} is {state}, not PAUSED; there is nothing to resume",
        {"state": state},
    )


def already_paused(promotion: int, cause: str) -> Refusal:
    """It stands still already."""
    return Refusal(
        Reason.NOT_DISPATCHED,
        f"promotion {promotion} is PAUSED by a {cause} already; abort it to end it, "
        "or pause it again once it goes on",
        {"state": "PAUSED"},
    )


def wrong_step(
    promotion: int, *, seen: tuple[int, int], current: tuple[int, int]
) -> Refusal:
    """The caller looked at another step than the one that runs."""
    return Refusal(
        Reason.WRONG_STEP,
        f"promotion {promotion} is at wave {current[0]}, step {current[1]}, not at "
        f"wave {seen[0]}, step {seen[1]}; look at it again and name the present step",
        {"current": [*current]},
    )


def too_frequent(promotion: int, *, retry_after_seconds: int) -> Refusal:
    """One record for each step and half minute is enough."""
    return Refusal(
        Reason.TOO_FREQUENT,
        f"promotion {promotion} was analysed a moment ago; send the next record in "
        f"{retry_after_seconds} s",
        {"retry_after": retry_after_seconds},
    )


def bundle_member(promotion: int, bundle: int) -> Refusal:
    """It goes with its bundle, or not at all."""
    return Refusal(
        Reason.BUNDLE_MEMBER,
        f"promotion {promotion} belongs to bundle {bundle} and goes only with it; "
        f"use `rollbook bundle cancel {bundle}` or `rollbook bundle rollback {bundle}`",
        {"bundle": bundle},
    )
