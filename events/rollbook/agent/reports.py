"""What does an agent say of a document, and how is it told until somebody answers?"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from rollbook.agent.desired import Desired
from rollbook.agent.driver import Observed
from rollbook.agent.state import StateFile
from rollbook.catalogue.target import Report
from rollbook.commands.target import ReportedState, ReportTarget
from rollbook.commands.wire import Done, Problem, Request
from rollbook.ledger.edge import Edge
from rollbook.names import CommandId, Digest

LONGEST_ID: Final = 128
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 10.0
# What another try may change: the server comes back, the token is renewed.
WORTH_ANOTHER_TRY: Final = frozenset(
    {"unavailable", "outcome-unknown", "projection-behind", "unauthenticated"}
)

Told = Callable[[Request, Done | Problem], None]


def make(
    desired: Desired,
    observed: Observed,
    state: ReportedState,
    *,
    agent: str,
    seq: int,
    at: datetime,
    reason_code: str | None = None,
) -> Request:
    """Make a report with the id that it keeps for every try."""
    event, target = desired.event, desired.target
    report = Report(
        stage=event.stage,
        target=target.target,
        agent=agent,
        seq=seq,
        revision=event.revision,
        token=event.token,
        promotion=event.promotion,
        observed=_by_variant(desired, observed),
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


def _by_variant(desired: Desired, observed: Observed) -> Mapping[str, Digest]:
    """Name what runs by its variant, where the document knows it."""
    if observed.digest is None:
        return {}
    names = {variant.digest: name for name, variant in desired.event.variants.items()}
    return {names.get(observed.digest, "other"): observed.digest}


class Reporter:
    """Sends what the state file holds, oldest first, until each is answered."""

    def __init__(self, state: StateFile, told: Told) -> None:
        """Take the queue, and whom to tell of each answer."""
        self._state, self._told = state, told
        self._queued = asyncio.Event()

    def queued(self) -> None:
        """Say that there is something new to send."""
        self._queued.set()

    async def send_for_ever(self, edge: Edge) -> None:
        """Send whatever is queued, with growing pauses while nobody answers."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            self._queued.clear()
            if await self.send_all(edge):
                pause = FIRST_PAUSE_SECONDS
                await self._queued.wait()
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def send_all(self, edge: Edge) -> bool:
        """Send the queue once; tell whether everything was answered."""
        while self._state.remembered.reports:
            request = self._state.remembered.reports[0]
            answer = await edge.commands.send(request, credential=edge.credential)
            if isinstance(answer, Problem) and answer.code in WORTH_ANOTHER_TRY:
                return False
            # A crash here sends it once more, and the registrar knows its id.
            self._state.remember(self._state.remembered.without(request))
            self._told(request, answer)
        return True
