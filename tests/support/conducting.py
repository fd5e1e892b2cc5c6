"""How does a test run a conductor over a ledger of its own making?"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rollbook.catalogue.fleet import AgentLost, AgentRecovered
from rollbook.catalogue.lane import DesiredSet, SlotReleased, SlotTaken
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    Deadlines,
    Engine,
    GateEvaluated,
    GateResult,
    PromotionDispatched,
    PromotionReadied,
    PromotionRequested,
    PromotionSucceeded,
)
from rollbook.catalogue.rollout import Rollout
from rollbook.commands.command import Command, ModelScoped
from rollbook.commands.fleet import MarkAgent
from rollbook.commands.promotion import DispatchPromotion
from rollbook.commands.wire import Done, Problem, Request
from rollbook.event import Event
from rollbook.ledger.bucket import DesiredBucket
from rollbook.ledger.memory import MemoryLedger
from rollbook.names import (
    BundleId,
    GateName,
    ModelName,
    PromotionId,
    StageName,
    Version,
)
from rollbook.subjects import FLEET, Aggregate, model
from rollbook_projections.database import open_database
from rollbook_projections.projector import Projector
from rollbook_services.conductor.conductor import Conductor
from rollbook_services.conductor.declaration import CONDUCTOR
from tests.support.agents import MODEL, STAGE, desired_set, sha256_of
from tests.support.recorder import BEGIN, Recorder

PRODUCTION = StageName(STAGE)
NOON = BEGIN + timedelta(hours=3)

Decide = Callable[[Any], Sequence[Event] | Problem]


@dataclass(slots=True)
class Clock:
    """A clock that goes when it is told to."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def go(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def requested(
    promotion: int,
    *,
    expires_at: datetime | None = None,
    bundle: int | None = None,
    kind: PromotionKind = PromotionKind.FORWARD,
) -> PromotionRequested:
    return PromotionRequested(
        promotion=PromotionId(promotion),
        kind=kind,
        stage=PRODUCTION,
        version=Version(promotion),
        digest=sha256_of(b"one"),
        incumbent=None,
        automatic=False,
        policy="built-in",
        policy_digest=sha256_of(b"policy"),
        expires_at=expires_at,
        retry_of=None,
        walked_over=(),
        reason=None,
        incident=None,
        bundle=None if bundle is None else BundleId(bundle),
    )


def judged(
    promotion: int, recheck_at: datetime | None, *, gate: str = "soak"
) -> GateEvaluated:
    """A gate's word, and when time alone may change it."""
    result = GateResult(
        gate=GateName(gate),
        kind=gate,
        mode="enforce",
        status=GateStatus.WAIT,
        detail="not yet",
        recheck_at=recheck_at,
    )
    return GateEvaluated(promotion=PromotionId(promotion), result=result, seen=None)


def readied(promotion: int) -> PromotionReadied:
    return PromotionReadied(promotion=PromotionId(promotion), gates=())


def dispatched(
    promotion: int,
    *,
    revision: int,
    deadlines: Deadlines | None = None,
    wake_at: datetime | None = None,
    rollout: Rollout | None = None,
) -> list[Event]:
    """The dispatch batch; the lane's token counts like its revision here."""
    return [
        PromotionDispatched(
            promotion=PromotionId(promotion),
            stage=PRODUCTION,
            version=Version(promotion),
            token=revision,
            gates=(),
            voters=(),
            engine=Engine(rules="test"),
            warnings=(),
            policy_digest=None,
            seen=None,
            deadlines=deadlines,
            wake_at=wake_at,
            rollout=rollout,
        ),
        SlotTaken(stage=PRODUCTION, promotion=PromotionId(promotion), token=revision),
        desired(promotion, revision=revision),
    ]


def desired(promotion: int, *, revision: int) -> DesiredSet:
    return desired_set(None, revision=revision).model_copy(
        update={"promotion": PromotionId(promotion)}
    )


def succeeded(promotion: int) -> PromotionSucceeded:
    return PromotionSucceeded(
        promotion=PromotionId(promotion), stage=PRODUCTION, version=Version(promotion)
    )


def ended(promotion: int, *, token: int) -> list[Event]:
    return [
        succeeded(promotion),
        SlotReleased(stage=PRODUCTION, promotion=PromotionId(promotion), token=token),
    ]


@dataclass(slots=True)
class Registrar:
    """Stands in for the registrar: it dispatches each promotion once.

    What it decides otherwise, a test says; what it recorded, it answers again.
    """

    recorder: Recorder = field(default_factory=Recorder)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    decides: dict[type[Command], Decide] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    answered: dict[str, Done] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    """Agents that are there, as it was told."""
    revision: int = 0
    says: Problem | None = None
    refused: int = 0

    async def record(self, *events: Event, of: str = MODEL) -> list[str]:
        """Record one decision on a model; return the ids of its events."""
        return await self.record_on(model(ModelName(of)), *events)

    async def record_on(self, aggregate: Aggregate, *events: Event) -> list[str]:
        messages = self.recorder.record(aggregate, *events)
        await self.recorder.append_to(self.ledger)
        return [str(message.id) for message in messages]

    async def send(self, request: Request, *, credential: str) -> Done | Problem:
        if self.says is not None:
            self.refused += 1
            return self.says
        self.requests.append(request)
        if request.id not in self.answered:
            events = self._decide(request.command)
            if isinstance(events, Problem):
                return events
            if not events:
                return Done(sequence=0, rev=1, events=())
            await self._keep(request, events)
        return self.answered[request.id]

    def sent(self, *commands: type[Command]) -> list[str]:
        """List what was asked for, by ids without the event they derive from."""
        return [
            each.id.split("/", 1)[1]
            for each in self.requests
            if isinstance(each.command, commands or (object,))
        ]

    def _decide(self, command: Command) -> Sequence[Event] | Problem:
        decide = self.decides.get(type(command))
        if decide is not None:
            return decide(command)
        if isinstance(command, MarkAgent):
            return self._mark(command)
        if not isinstance(command, DispatchPromotion):
            return ()
        self.revision += 1
        return dispatched(command.promotion, revision=self.revision)

    def _mark(self, command: MarkAgent) -> Sequence[Event]:
        """Record that an agent came or went, unless that is known."""
        agent, session = command.agent, command.session
        if command.is_present is (agent in self.present):
            return ()
        self.present ^= {agent}
        if command.is_present:
            return [AgentRecovered(agent=agent, session=session)]
        at = command.last_heard_at
        return [AgentLost(agent=agent, session=session, last_heard_at=at)]

    async def _keep(self, request: Request, events: Sequence[Event]) -> None:
        command = request.command
        if isinstance(command, ModelScoped):
            await self.record(*events, of=command.model)
        else:
            await self.record_on(FLEET, *events)
        told: list[dict[str, Any]] = [
            {"commandid": request.id, "type": event.type_name()} for event in events
        ]
        sequence = len(self.recorder.messages)
        self.answered[request.id] = Done(sequence=sequence, rev=1, events=tuple(told))


def no(reason: str, *, code: str = "wrong-state", **detail: object) -> Problem:
    return Problem(code=code, reason=reason, message="no", detail=detail)


@asynccontextmanager
async def projector(file: Path) -> AsyncIterator[Projector]:
    async with open_database(f"sqlite:///{file}", "conductor") as database:
        opened = Projector(CONDUCTOR, database)
        await opened.open()
        yield opened


async def rounds(
    view: Projector, registrar: Registrar, conductor: Conductor, count: int = 4
) -> None:
    """Follow and act, until nothing is due any more."""
    for _ in range(count):
        await view.catch_up(registrar.ledger)
        await conductor.act()


def conductor(
    view: Projector,
    registrar: Registrar,
    bucket: DesiredBucket,
    *,
    now: Callable[[], datetime] | None = None,
) -> Conductor:
    return Conductor(
        view, registrar, bucket, credential="rbk_conductor", now=now or Clock()
    )


def commands(registrar: Registrar) -> Iterable[str]:
    """Name what was dispatched, by the ids of the commands."""
    return list(dict.fromkeys(registrar.sent()))
