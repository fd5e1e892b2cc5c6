"""What did the registrar answer, and what may be sent once more?

Kept in memory alone: a conductor that starts anew sends what is still due, under the
same ids.
"""

import heapq
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from rollbook.catalogue.promotion import PromotionDispatched
from rollbook.commands.wire import Done, Problem
from rollbook.event import parse_type
from rollbook.refusals import Reason
from rollbook_services.conductor.react.due import Answer, Due

KEPT: Final = 100_000
# The same command may be answered otherwise later.
WORTH_ANOTHER_TRY: Final = frozenset(
    {"unavailable", "outcome-unknown", "unauthenticated"}
)
LONGEST_REST: Final = timedelta(hours=1)

log = structlog.stdlib.get_logger(__name__)


class Answered:
    """The answers so far, and when those that may have come too early are retried."""

    def __init__(self) -> None:
        """Begin without answers."""
        self.by_id: dict[str, Answer] = {}
        self._resting: list[tuple[datetime, str]] = []

    def tries(self, due: Due) -> int:
        """Count how often a command was answered."""
        answer = self.by_id.get(due.id)
        return answer.tries if answer else 0

    def note(self, due: Due, answer: Done | Problem, *, now: datetime) -> bool:
        """Keep an answer; False when the command has to be sent again as it is."""
        match answer:
            case Problem(code=code) if code in WORTH_ANOTHER_TRY:
                return False
            case Problem(reason=reason, message=message):
                log.info("command_refused", id=due.id, reason=reason, message=message)
            case Done(sequence=sequence) if answer.events:
                log.info("command_recorded", id=due.id, sequence=sequence)
            case Done():
                log.debug("command_changed_nothing", id=due.id)
        tries = self.tries(due) + 1
        again_at = _again_at(due, answer, tries, now)
        self.by_id[due.id] = Answer(tries, again_at, _has_begun(answer))
        if again_at is not None and due.at is not None and not _has_effect(answer):
            heapq.heappush(self._resting, (again_at, due.at))
        return True

    def trim(self) -> None:
        """Forget answers when they are many: what stands is sent once more, at worst.

        Only between two rounds, or a round of more would never end.
        """
        if len(self.by_id) > KEPT:
            self.by_id.clear()

    def take_rested(self, now: datetime) -> str | None:
        """Return the earliest instant that has to be looked at once more now."""
        rested = []
        while self._resting and self._resting[0][0] <= now:
            rested.append(heapq.heappop(self._resting)[1])
        return min(rested, default=None)

    def earlier(self, at: str | None) -> datetime | None:
        """Return an instant, or that of the next retry if it is earlier."""
        instants = [] if at is None else [datetime.fromisoformat(at)]
        if self._resting:
            instants.append(self._resting[0][0])
        return min(instants, default=None)


def _again_at(
    due: Due, answer: Done | Problem, tries: int, now: datetime
) -> datetime | None:
    """Say when to try again, if the registrar's clock may have been behind.

    The pauses double: what stands for another reason is soon left alone.
    """
    is_early = isinstance(answer, Problem) and answer.reason == Reason.NOT_DUE
    if due.at is None or (isinstance(answer, Problem) and not is_early):
        return None
    rest = min(timedelta(seconds=2 ** min(tries - 1, 20)), LONGEST_REST)
    named = _named_instant(answer.detail) if isinstance(answer, Problem) else None
    return max(now + rest, named or now)


def _named_instant(detail: Mapping[str, Any]) -> datetime | None:
    at = detail.get("at")
    return datetime.fromisoformat(at) if isinstance(at, str) else None


def _has_effect(answer: Done | Problem) -> bool:
    return isinstance(answer, Done) and bool(answer.events)


def _has_begun(answer: Done | Problem) -> bool:
    if isinstance(answer, Problem):
        return answer.reason == Reason.SLOT_TAKEN
    names = (parse_type(str(event.get("type"))) for event in answer.events)
    return any(name and name[0] == PromotionDispatched.recorded_as for name in names)
