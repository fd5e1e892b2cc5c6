"""Does nothing start behind a freeze, whoever declares it while others dispatch?

Two registrars on one real server: each decides by what it knows of the other, and the
guard on the calendar alone keeps them apart (design/promotion.md §1.5, I18).
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rollbook.catalogue.calendar import FreezeDeclared, FreezeLifted, Lanes
from rollbook.catalogue.promotion import PromotionDispatched
from rollbook.commands.bundle import (
    CancelBundle,
    DispatchBundle,
    RequestBundle,
    Wanted,
)
from rollbook.commands.calendar import DeclareFreeze, LiftFreeze
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import (
    CancelPromotion,
    DispatchPromotion,
    EvaluatePromotion,
    RequestPromotion,
)
from rollbook.commands.version import RegisterVersion
from rollbook.commands.wire import AnyCommand, Done, Problem, Request, Told
from rollbook.names import (
    BundleId,
    EventId,
    ModelName,
    PromotionId,
    Reason,
    StageName,
    Version,
)
from rollbook_services import main
from rollbook_services.credentials import CONDUCTOR, read_credentials
from rollbook_services.registrar.service import Registrar
from tests.support import oracle
from tests.support.deep import many
from tests.support.load import artifact
from tests.support.settling import Settled, accepted, new_id, settle
from tests.support.system import System, another_host, system

ROUNDS = many(50, deep=1_000)
TOGETHER = many(20, deep=500)
SECONDS = many(60, deep=1_200)
LONGEST_LEAD_SECONDS = 0.01
MODELS = (ModelName("race/left"), ModelName("race/right"))
DEVELOPMENT = StageName("development")
WHY = Reason("a race")
FOR_CONDUCTORS = (DispatchPromotion, DispatchBundle)


@dataclass(frozen=True, slots=True)
class Desk:
    """One registrar, asked past the queue that it shares with others."""

    registrar: Registrar

    async def send(self, request: Request, *, credential: str) -> Done | Problem:
        command = request.command
        user = "conductor" if isinstance(command, FOR_CONDUCTORS) else "gateway"
        answer = await self.registrar.answer(
            request.model_dump_json().encode(),
            subject=f"rollbook.command.core.{user}.{command.command}",
            credential=credential,
        )
        assert not isinstance(answer, Told)
        return answer


@dataclass(slots=True)
class Course:
    """Where the races are run."""

    running: System
    desks: Sequence[Desk]
    runs: list[Version] = field(default_factory=lambda: [Version(2)] * len(MODELS))
    """Which version runs in each lane, or ran there before it began."""

    @property
    def conductor(self) -> str:
        credentials = read_credentials(self.running.data / "credentials.json")
        return credentials.token(CONDUCTOR)

    async def has(self, command: AnyCommand, desk: int = 0) -> Done:
        """Have something recorded as the operator."""
        token = self.running.operator
        return await accepted(self.desks[desk], command, credential=token)

    async def knows(self, desk: int, model: ModelName, id_: PromotionId) -> None:
        """Let a registrar hear that the last freeze was lifted.

        Where nothing would change, it asks the ledger before it says so.
        """
        await self.has(EvaluatePromotion(model=model, promotion=id_), desk)

    async def dispatch(self, desk: int, command: AnyCommand) -> Settled:
        """Dispatch as a conductor does, in a moment."""
        await asyncio.sleep(random.uniform(0, LONGEST_LEAD_SECONDS))
        request = Request(id=new_id(), command=command)
        return await settle(self.desks[desk], request, credential=self.conductor)

    async def freeze(self, desk: int, models: str) -> EventId:
        """Declare a freeze, in a moment."""
        await asyncio.sleep(random.uniform(0, LONGEST_LEAD_SECONDS))
        covers = Lanes(models=(models,), stages=(DEVELOPMENT,))
        done = await self.has(DeclareFreeze(covers=covers, reason=WHY), desk)
        return EventId(done.events[0]["id"])


@asynccontextmanager
async def course(folder: Path) -> AsyncIterator[Course]:
    """Run two registrars beside the one that has opened the ledger."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(system(folder, ["registrar"]))
        desks = []
        for name in ("left", "right"):
            site = another_host(running.site, folder / name)
            desks.append(Desk(await stack.enter_async_context(main.registrar(site))))
        yield Course(running, desks)


async def test_nothing_is_dispatched_behind_a_freeze_of_another_registrar(
    tmp_path: Path,
) -> None:
    async with asyncio.timeout(SECONDS), course(tmp_path / "site") as here:
        for model in MODELS:
            await enter(here, model)
        for number in range(ROUNDS):
            await race(here, number)
        found = await oracle.history(here.running.ledger)
    ahead, behind = places(found)
    assert behind == []
    oracle.assert_recorded_once([], found)
    oracle.assert_rules_held(found)
    oracle.assert_recomputed(found)
    assert 0 < len(ahead) < ROUNDS * len(MODELS), "one side always won"
    print(  # noqa: T201 - a fault test says how much it has seen
        f"\n{ROUNDS} freezes against {ROUNDS * len(MODELS)} dispatches: "
        f"{len(ahead)} were ahead, none behind"
    )


async def enter(here: Course, model: ModelName) -> None:
    """Register two versions to go back and forth between."""
    await here.has(RegisterModel(model=model))
    for number in (1, 2):
        file = here.running.folder / "artifacts" / model / f"{number}.bin"
        made = artifact(file, f"{model} {number}".encode())
        await here.has(RegisterVersion(model=model, artifact=made))


async def race(here: Course, number: int) -> None:
    """Let each registrar dispatch in a lane of its own, and one of them freeze both."""
    asked = [await request(here, desk) for desk in range(len(MODELS))]
    freezing = asyncio.create_task(here.freeze(number % 2, "race/*"))
    goes = (
        here.dispatch(desk, DispatchPromotion(model=model, promotion=id_))
        for desk, (model, id_) in enumerate(zip(MODELS, asked, strict=True))
    )
    ran = await asyncio.gather(*goes)
    await here.has(LiftFreeze(freeze=await freezing, reason=WHY))
    for desk, (settled, id_) in enumerate(zip(ran, asked, strict=True)):
        if has_gone(settled):
            here.runs[desk] = other(here.runs[desk])
        else:
            command = CancelPromotion(model=MODELS[desk], promotion=id_, reason=WHY)
            await here.has(command, desk)


async def request(here: Course, desk: int) -> PromotionId:
    """Ask for the version that does not run; every gate is open."""
    command = RequestPromotion(
        model=MODELS[desk], stage=DEVELOPMENT, version=other(here.runs[desk])
    )
    done = await here.has(command, desk)
    id_ = PromotionId(done.events[0]["data"]["promotion"])
    await here.knows(desk, MODELS[desk], id_)
    return id_


def other(version: Version) -> Version:
    return Version(3 - version)


def has_gone(settled: Settled) -> bool:
    """Tell whether it took its slot."""
    assert isinstance(settled.answer, Done), settled.answer
    return any("dispatched" in event["type"] for event in settled.answer.events)


def places(found: oracle.History) -> tuple[list[int], list[int]]:
    """Return where dispatches stand: those no freeze was before, those behind one."""
    open_freezes: set[EventId] = set()
    ahead, behind = list[int](), list[int]()
    for each in found.recorded:
        if isinstance(each.event, FreezeDeclared):
            open_freezes.add(each.id)
        elif isinstance(each.event, FreezeLifted):
            open_freezes.remove(each.event.freeze)
        elif isinstance(each.event, PromotionDispatched):
            (behind if open_freezes else ahead).append(each.sequence)
    return ahead, behind


async def test_a_bundle_goes_whole_or_not_at_all_against_a_freeze_of_one_member(
    tmp_path: Path,
) -> None:
    async with asyncio.timeout(SECONDS), course(tmp_path / "site") as here:
        for model in MODELS:
            await enter(here, model)
        gone = [await race_together(here, number) for number in range(TOGETHER)]
        found = await oracle.history(here.running.ledger)
    ahead, behind = places(found)
    assert behind == []
    assert len(ahead) == len(MODELS) * sum(gone)
    assert 0 < sum(gone) < TOGETHER, "one side always won"
    bundles = Counter(each for each in found.names() if each.startswith("bundle."))
    assert bundles["bundle.succeeded"] == sum(gone)
    oracle.assert_recorded_once([], found)
    oracle.assert_rules_held(found)
    oracle.assert_recomputed(found)


async def race_together(here: Course, number: int) -> bool:
    """Dispatch both lanes as one while the other registrar freezes one of them."""
    desk = number % 2
    bundle = await request_both(here, desk)
    dispatching = here.dispatch(desk, DispatchBundle(bundle=bundle))
    settled, freeze = await asyncio.gather(
        dispatching, here.freeze(1 - desk, MODELS[number % 3 % 2])
    )
    await here.has(LiftFreeze(freeze=freeze, reason=WHY), desk)
    if not has_gone(settled):
        await here.has(CancelBundle(bundle=bundle, reason=WHY), desk)
        return False
    here.runs[:] = map(other, here.runs)
    return True


async def request_both(here: Course, desk: int) -> BundleId:
    """Ask for the versions that do not run, as one; every gate is open."""
    wanted = (
        Wanted(model=model, version=other(runs))
        for model, runs in zip(MODELS, here.runs, strict=True)
    )
    command = RequestBundle(stage=DEVELOPMENT, members=tuple(wanted), reason=WHY)
    told = (await here.has(command, desk)).events[0]["data"]
    for member in told["members"]:
        await here.knows(desk, member["model"], member["promotion"])
    return BundleId(told["bundle"])
