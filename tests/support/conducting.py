"""How does a test run a conductor over a ledger of its own making?"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rollbook.catalogue.lane import DesiredSet, SlotReleased, SlotTaken
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import (
    Engine,
    PromotionDispatched,
    PromotionReadied,
    PromotionRequested,
    PromotionSucceeded,
)
from rollbook.commands.promotion import DispatchPromotion
from rollbook.commands.wire import Done, Problem, Request
from rollbook.event import Event
from rollbook.ledger.bucket import DesiredBucket
from rollbook.ledger.memory import MemoryLedger
from rollbook.names import PromotionId, StageName, Version
from rollbook_projections.database import open_database
from rollbook_projections.projector import Projector
from rollbook_services.conductor.conductor import Conductor
from rollbook_services.conductor.handlers import CONDUCTOR
from tests.support.agents import MODEL, STAGE, desired_set, recorded, sha256_of
from tests.support.recorder import Recorder

PRODUCTION = StageName(STAGE)


def requested(promotion: int) -> PromotionRequested:
    return PromotionRequested(
        promotion=PromotionId(promotion),
        kind=PromotionKind.FORWARD,
        stage=PRODUCTION,
        version=Version(promotion),
        digest=sha256_of(b"one"),
        incumbent=None,
        automatic=False,
        policy="built-in",
        policy_digest=sha256_of(b"policy"),
        expires_at=None,
        retry_of=None,
        walked_over=(),
        reason=None,
        incident=None,
    )


def readied(promotion: int) -> PromotionReadied:
    return PromotionReadied(promotion=PromotionId(promotion), gates=())


def dispatched(promotion: int, *, revision: int) -> list[Event]:
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
        ),
        SlotTaken(stage=PRODUCTION, promotion=PromotionId(promotion), token=revision),
        desired(promotion, revision=revision),
    ]


def desired(promotion: int, *, revision: int) -> DesiredSet:
    return desired_set(None, revision=revision).model_copy(
        update={"promotion": PromotionId(promotion)}
    )


def ended(promotion: int, *, token: int) -> list[Event]:
    return [
        PromotionSucceeded(
            promotion=PromotionId(promotion),
            stage=PRODUCTION,
            version=Version(promotion),
        ),
        SlotReleased(stage=PRODUCTION, promotion=PromotionId(promotion), token=token),
    ]


@dataclass(slots=True)
class Registrar:
    """Stands in for the registrar: it dispatches each promotion once."""

    recorder: Recorder
    ledger: MemoryLedger
    seen: dict[str, int] = field(default_factory=dict)
    revision: int = 0
    says: Problem | None = None

    async def record(self, *events: Event) -> None:
        self.recorder.model(MODEL, *events)
        await self.recorder.append_to(self.ledger)

    async def send(self, request: Request, *, credential: str) -> Done | Problem:
        if self.says is not None:
            return self.says
        self.seen[request.id] = self.seen.get(request.id, 0) + 1
        if self.seen[request.id] == 1:
            assert isinstance(request.command, DispatchPromotion)
            self.revision += 1
            events = dispatched(request.command.promotion, revision=self.revision)
            await self.record(*events)
        return recorded(request, len(self.recorder.messages))


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
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> Conductor:
    return Conductor(view, registrar, bucket, credential="rbk_conductor")


def commands(registrar: Registrar) -> Iterable[str]:
    """Name what was dispatched, by the ids of the commands."""
    return [id_.split("/", 1)[1] for id_ in registrar.seen]
