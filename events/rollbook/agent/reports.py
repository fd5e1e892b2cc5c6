"""What does an agent say of a document, and how is it told until somebody answers?"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final

from rollbook.agent.desired import Desired, Heading
from rollbook.agent.driver import Observed
from rollbook.agent.state import StateFile
from rollbook.catalogue.target import Report
from rollbook.commands.target import ReportedState, ReportTarget
from rollbook.commands.wire import Done, Problem, Request
from rollbook.ledger.edge import Edge
from rollbook.names import CommandId, Digest, Line

LONGEST_ID: Final = 128
OTHER: Final = "other"
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 10.0
TIDY_SECONDS: Final = 1.0
AT_ONCE: Final = 8
# What another try may change: the server comes back, the token is renewed.
WORTH_ANOTHER_TRY: Final = frozenset(
    {"unavailable", "outcome-unknown", "projection-behind", "unauthenticated"}
)

Told = Callable[[Request, Done | Problem], None]


def make(
    heading: Heading,
    observed: Mapping[Line, Digest],
    state: ReportedState,
    *,
    agent: str,
    seq: int,
    at: datetime,
    reason_code: str | None = None,
) -> Request:
    """Make a report with the id that it keeps for every try."""
    target = heading.target
    report = Report(
        stage=heading.lane,
        target=target.target,
        agent=agent,
        seq=seq,
        revision=heading.revision,
        token=heading.token,
        promotion=heading.promotion,
        observed=dict(observed),
        reported_at=at,
    )
    return Request(
        id=report_id(agent, target.model, seq),
        command=ReportTarget(
            model=target.model, state=state, report=report, reason_code=reason_code
        ),
    )


def report_id(agent: str, model: str, seq: int) -> CommandId:
    """Name a report; two long names are hashed to fit."""
    named = f"agent/{agent}/{model}/{seq}"
    if len(named) > LONGEST_ID:
        names = hashlib.sha256(f"{agent}/{model}".encode()).hexdigest()
        named = f"agent/{names}/{seq}"
    return CommandId(named)


def by_variant(
    desired: Desired | None, observed: Observed, *, known: Collection[Digest] = ()
) -> Mapping[Line, Digest]:
    """Name what runs as the document does; `other` is what no document names.

    `known` are the artifacts of the model's other lanes: they are told by those.
    """
    variants = desired.event.variants if desired else {}
    named = {
        name: variant.digest
        for name, variant in variants.items()
        if variant.digest in observed.runs
    }
    foreign = sorted(observed.runs.keys() - set(named.values()) - set(known))
    others = [OTHER, *(f"{OTHER}-{number}" for number in range(2, len(foreign) + 1))]
    return {**named, **dict(zip(others, foreign, strict=False))}


class Reporter:
    """Sends what the state file holds until each is answered.

    The reports of one model go one after the other, those of several together.
    """

    def __init__(
        self, state: StateFile, told: Told, is_stopping: Callable[[], bool]
    ) -> None:
        """Take the queue, whom to tell of each answer, and when it ends."""
        self._state, self._told, self._is_stopping = state, told, is_stopping
        self._queued = asyncio.Event()
        self._busy: set[str] = set()
        self._at_once = asyncio.Semaphore(AT_ONCE)

    def queued(self) -> None:
        """Say that there is something new to send."""
        self._queued.set()

    async def send_for_ever(self, edge: Edge) -> None:
        """Send whatever is queued, with growing pauses while nobody answers.

        For ever is until it is cancelled, or the agent stops.
        """
        async with asyncio.TaskGroup() as tasks:
            while not self._is_stopping():
                self._queued.clear()
                for model in self._waiting() - self._busy:
                    self._busy.add(model)
                    tasks.create_task(self._send_until_answered(edge, model))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TIDY_SECONDS):
                        await self._queued.wait()
                        continue
                self._write_notes()
                await self._queued.wait()

    async def send_all(self, edge: Edge) -> None:
        """Send each model's queue once, as far as somebody answers."""
        async with asyncio.TaskGroup() as tasks:
            for model in self._waiting():
                tasks.create_task(self._send(edge, model))
        self._write_notes()

    def _write_notes(self) -> None:
        """Forget what was answered; where that is lost, it is sent once more."""
        with contextlib.suppress(OSError):
            self._state.write_notes()

    def _waiting(self) -> set[str]:
        return {_model(each) for each in self._state.remembered.reports}

    async def _send_until_answered(self, edge: Edge, model: str) -> None:
        pause = FIRST_PAUSE_SECONDS
        try:
            # A cancellation may be lost in the library, but not the stop.
            while not await self._send(edge, model) and not self._is_stopping():
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        finally:
            self._busy.discard(model)
            self._queued.set()  # the notes are to be written

    async def _send(self, edge: Edge, model: str) -> bool:
        """Send a model's queue, oldest first; tell whether all was answered."""
        while request := self._first(model):
            async with self._at_once:
                answer = await edge.commands.send(request, credential=edge.credential)
            if isinstance(answer, Problem) and answer.code in WORTH_ANOTHER_TRY:
                return False
            # A crash here sends it once more, and the registrar knows its id.
            self._state.note(self._state.remembered.without(request))
            self._told(request, answer)
        return True

    def _first(self, model: str) -> Request | None:
        reports = self._state.remembered.reports
        return next((each for each in reports if _model(each) == model), None)


def _model(request: Request) -> str:
    return request.command.model if isinstance(request.command, ReportTarget) else ""
