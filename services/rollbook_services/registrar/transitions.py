"""Which state may a promotion leave, by what, and for which?

The machine as data: rules ask it whether an input is accepted, folding asks it where
an event leads, `docs/promotion-states.md` and the exhaustive test are made from it.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class PromotionState(StrEnum):
    """Where a promotion stands."""

    GATING = "GATING"
    READY = "READY"
    DISPATCHED = "DISPATCHED"
    PROGRESSING = "PROGRESSING"
    PAUSED = "PAUSED"
    VERIFYING = "VERIFYING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ERRORED = "ERRORED"
    ABORTED = "ABORTED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    SUPERSEDED = "SUPERSEDED"


class Input(StrEnum):
    """What can happen to a promotion."""

    EVALUATE = "its gates are judged"
    OPENED = "every gate is open"
    CLOSED = "a gate closed"
    VOTE = "a person votes, or takes a vote back"
    WAIVE = "a gate is waived"
    REBIND = "the stage's policy changed"
    REBASE = "another version runs there now, and it is judged again"
    REJECT = "a reviewer said no, or the version is quarantined"
    SUPERSEDE = "another promotion made it pointless"
    EXPIRE = "its time is over"
    CANCEL = "its requester or a release-manager cancels it"
    DISPATCH = "it is dispatched: slot free, every gate open now"
    ADVANCE = "deadlines, bakes, freezes and windows are looked at"
    ANALYSE = "what was measured is recorded"
    ACKNOWLEDGE = "a target acknowledges"
    PAUSE = "a person, a freeze, a window or missing data stops it"
    RESUME = "a person lets it go on, or what stopped it is over"
    VERIFY = "enough targets run the version, and it has to prove itself"
    SUCCEED = "enough targets run the version, and it proved itself"
    FAIL = "the version is at fault"
    ERROR = "Rollbook or the platform is at fault, or it took too long"
    ABORT = "it is aborted, quarantined, frozen, or makes way for a rollback"


WAITING: Final = frozenset({PromotionState.GATING, PromotionState.READY})
MOVING: Final = frozenset(
    {PromotionState.DISPATCHED, PromotionState.PROGRESSING, PromotionState.VERIFYING}
)
RUNNING: Final = MOVING | {PromotionState.PAUSED}
ENDED: Final = frozenset(PromotionState) - WAITING - RUNNING

_ANYWHERE_WAITING: Final = {
    Input.REBIND: PromotionState.GATING,
    Input.REBASE: PromotionState.GATING,
    Input.REJECT: PromotionState.REJECTED,
    Input.SUPERSEDE: PromotionState.SUPERSEDED,
    Input.EXPIRE: PromotionState.EXPIRED,
    Input.CANCEL: PromotionState.CANCELLED,
}
_ANYWHERE_RUNNING: Final = {
    Input.FAIL: PromotionState.FAILED,
    Input.ERROR: PromotionState.ERRORED,
    Input.ABORT: PromotionState.ABORTED,
}
_LOOKS: Final = {
    **dict.fromkeys(WAITING, (Input.EVALUATE, Input.VOTE, Input.WAIVE)),
    **dict.fromkeys(RUNNING, (Input.EVALUATE, Input.ADVANCE, Input.ANALYSE)),
}

TABLE: Final[Mapping[tuple[PromotionState, Input], PromotionState]] = MappingProxyType(
    {
        (PromotionState.GATING, Input.OPENED): PromotionState.READY,
        (PromotionState.READY, Input.CLOSED): PromotionState.GATING,
        (PromotionState.READY, Input.DISPATCH): PromotionState.DISPATCHED,
        (PromotionState.DISPATCHED, Input.ACKNOWLEDGE): PromotionState.PROGRESSING,
        (PromotionState.PROGRESSING, Input.ACKNOWLEDGE): PromotionState.PROGRESSING,
        (PromotionState.PROGRESSING, Input.VERIFY): PromotionState.VERIFYING,
        **{(state, Input.PAUSE): PromotionState.PAUSED for state in MOVING},
        # To where it was when it was stopped: folding remembers that.
        (PromotionState.PAUSED, Input.RESUME): PromotionState.PROGRESSING,
        **{(state, Input.SUCCEED): PromotionState.SUCCEEDED for state in MOVING},
        **{(state, what): state for state, looks in _LOOKS.items() for what in looks},
        **{
            (state, what): then
            for state in WAITING
            for what, then in _ANYWHERE_WAITING.items()
        },
        **{
            (state, what): then
            for state in RUNNING
            for what, then in _ANYWHERE_RUNNING.items()
        },
    }
)


def accepts(state: PromotionState, what: Input) -> bool:
    """Tell whether the machine has a row for this."""
    return (state, what) in TABLE


def after(state: PromotionState, what: Input) -> PromotionState:
    """Return where an input leads; what is not listed changes nothing."""
    return TABLE.get((state, what), state)
