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
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ERRORED = "ERRORED"
    ABORTED = "ABORTED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    SUPERSEDED = "SUPERSEDED"


class Input(StrEnum):
    """What can happen to a promotion."""

    EVALUATE = "its gates are judged"
    OPENED = "every gate is open"
    CLOSED = "a gate closed"
    VOTE = "a person votes, or takes a vote back"
    REJECT = "a reviewer said no, or the version is quarantined"
    SUPERSEDE = "another promotion changed what runs there"
    CANCEL = "its requester or a release-manager cancels it"
    DISPATCH = "it is dispatched: slot free, every gate open now"
    ACKNOWLEDGE = "a target acknowledges"
    SUCCEED = "every target runs the version"
    FAIL = "a target failed: the version's fault"
    ERROR = "a target failed: ours or the platform's fault"
    ABORT = "it is aborted, quarantined, or makes way for a rollback"


WAITING: Final = frozenset({PromotionState.GATING, PromotionState.READY})
RUNNING: Final = frozenset({PromotionState.DISPATCHED, PromotionState.PROGRESSING})
ENDED: Final = frozenset(PromotionState) - WAITING - RUNNING

_ANYWHERE_WAITING: Final = {
    Input.REJECT: PromotionState.REJECTED,
    Input.SUPERSEDE: PromotionState.SUPERSEDED,
    Input.CANCEL: PromotionState.CANCELLED,
}
_ANYWHERE_RUNNING: Final = {
    Input.ACKNOWLEDGE: PromotionState.PROGRESSING,
    Input.SUCCEED: PromotionState.SUCCEEDED,
    Input.FAIL: PromotionState.FAILED,
    Input.ERROR: PromotionState.ERRORED,
    Input.ABORT: PromotionState.ABORTED,
}

TABLE: Final[Mapping[tuple[PromotionState, Input], PromotionState]] = MappingProxyType(
    {
        (PromotionState.GATING, Input.OPENED): PromotionState.READY,
        (PromotionState.READY, Input.CLOSED): PromotionState.GATING,
        (PromotionState.READY, Input.DISPATCH): PromotionState.DISPATCHED,
        **{(state, Input.EVALUATE): state for state in WAITING},
        **{(state, Input.VOTE): state for state in WAITING},
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
