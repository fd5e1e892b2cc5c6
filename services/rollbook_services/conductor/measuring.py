"""How does what a metrics server knows of a running step get into the record?

Asked from time to time; what is not known is not recorded, and the policy says what
follows from that. Ids come from the step and the look, so one of several counts.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from rollbook.commands.wire import Problem
from rollbook.errors import Unavailable
from rollbook.refusals import Reason
from rollbook_projections.projector import Projector
from rollbook_services.conductor.answers import WORTH_ANOTHER_TRY
from rollbook_services.conductor.conductor import Sender
from rollbook_services.conductor.prometheus import Nothing, Prometheus
from rollbook_services.conductor.queries import measured
from rollbook_services.conductor.react.due import Due
from rollbook_services.conductor.react.measuring import (
    Look,
    Question,
    Step,
    latest,
    next_at,
    questions,
    record,
)

LONGEST_REST: Final = timedelta(minutes=1)
PAUSE: Final = timedelta(seconds=1)

log = structlog.stdlib.get_logger(__name__)


class Measuring:
    """Measures the steps under way."""

    def __init__(
        self,
        projector: Projector,
        sender: Sender,
        server: Prometheus,
        *,
        credential: str,
        now: Callable[[], datetime],
    ) -> None:
        """Take what is known, the way to the registrar, and whom to ask."""
        self._projector, self._sender, self._server = projector, sender, server
        self._credential, self._now = credential, now
        self._done: set[str] = set()
        self._rests: dict[str, datetime] = {}
        self._said: set[tuple[str, Question]] = set()

    async def run(self) -> None:
        """Measure for ever."""
        while True:
            position = self._projector.position
            try:
                rest = await self.look()
            except (Unavailable, DBAPIError) as error:
                log.warning("measuring_waits", error=str(error))
                rest, position = PAUSE.total_seconds(), self._projector.position
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._projector.moved(position)

    async def look(self) -> float:
        """Measure what is due; return for how many seconds nothing will be."""
        now = self._now()
        steps = await self._projector.database.read(measured.steps)
        looks = [(step, look) for step in steps if (look := latest(step, now))]
        self._forget(steps, {look.id for _, look in looks})
        await asyncio.gather(
            *(self._measure(*each) for each in looks if self._is_due(each[1], now))
        )
        instants = [*(next_at(step, now) for step in steps), *self._rests.values()]
        rest = min(instants, default=now + LONGEST_REST) - self._now()
        return min(max(rest, timedelta(0)), LONGEST_REST).total_seconds()

    def _is_due(self, look: Look, now: datetime) -> bool:
        return look.id not in self._done and self._rests.get(look.id, now) <= now

    def _forget(self, steps: Sequence[Step], current: Collection[str]) -> None:
        """Keep in mind only what may be asked again."""
        self._done.intersection_update(current)
        self._rests = {id_: at for id_, at in self._rests.items() if id_ in current}
        events = {step.event for step in steps}
        self._said = {said for said in self._said if said[0] in events}

    async def _measure(self, step: Step, look: Look) -> None:
        answers = await self._ask(step, look)
        due = record(step, look, answers, self._now())
        again_at = None if due is None else await self._send(due)
        self._rests.pop(look.id, None)
        if again_at is None:
            self._done.add(look.id)
        else:
            self._rests[look.id] = again_at

    async def _ask(self, step: Step, look: Look) -> dict[Question, float]:
        """Ask everything at once; what is not known is said once for each step."""
        asked = list(questions(step, look, self._now()))
        answers = await asyncio.gather(*(self._server.value(q.query) for q in asked))
        known = {}
        for question, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Nothing):
                self._tell(step, question, answer)
            else:
                known[question] = answer
        return known

    def _tell(self, step: Step, question: Question, nothing: Nothing) -> None:
        # The query holds the age of the step: it differs from look to look.
        said = step.event, replace(question, query="")
        if said not in self._said:
            self._said.add(said)
            log.warning(
                "nothing_measured",
                model=step.model,
                promotion=step.promotion,
                metric=question.metric,
                variant=question.variant,
                query=question.query,
                why=nothing.why,
            )

    async def _send(self, due: Due) -> datetime | None:
        """Record it; return when to measure again where it could not be recorded."""
        answer = await self._sender.send(due.request(), credential=self._credential)
        match answer:
            case Problem(code=code) if code in WORTH_ANOTHER_TRY:
                return self._now() + PAUSE
            case Problem(reason=Reason.TOO_FREQUENT, detail=detail):
                seconds = detail.get("retry_after", 0)
                return self._now() + max(PAUSE, timedelta(seconds=seconds))
            case Problem(message=message):
                log.info("analysis_refused", id=due.id, message=message)
            case _:
                log.info("analysis_recorded", id=due.id)
        return None
