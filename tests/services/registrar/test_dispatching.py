"""Nothing starts behind a freeze, whichever registrar knew of it and when."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from rollbook.catalogue.calendar import FreezeDeclared, InFlight, Lanes
from rollbook.catalogue.promotion import PromotionBlocked, PromotionDispatched
from rollbook.commands.calendar import DeclareFreeze, LiftFreeze
from rollbook.commands.promotion import DispatchPromotion, RequestPromotion
from rollbook.errors import Unacknowledged
from rollbook.ledger.memory import MemoryLedger
from rollbook.names import ModelName, PromotionId, Reason, StageName, Version
from rollbook.subjects import CALENDAR
from tests.services.registrar.registering import (
    FRAUD,
    Clock,
    Desk,
    Faulty,
    Loss,
    desk,
    new_model,
    new_version,
    recorded,
)
from tests.support.scenario import CONDUCTOR

FREEZE = DeclareFreeze(
    covers=Lanes(), in_flight=InFlight.FINISH, reason=Reason("year end")
)


async def ready(asked: Desk, name: str = FRAUD) -> None:
    """Bring a version so far that only the conductor is waited for."""
    register = new_version().model_copy(update={"model": name})
    request = RequestPromotion(
        model=ModelName(name), stage=StageName("development"), version=Version(1)
    )
    recorded(await asked.ask(f"{name}/m", new_model(name)))
    recorded(await asked.ask(f"{name}/v", register))
    recorded(await asked.ask(f"{name}/p", request))


def dispatch(name: str = FRAUD) -> DispatchPromotion:
    return DispatchPromotion(model=ModelName(name), promotion=PromotionId(1))


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def kinds(asked: Desk) -> list[type]:
    return [type(each.event) for each in await asked.history()]


async def test_a_dispatch_that_does_not_know_of_a_freeze_is_decided_again(
    tmp_path: Path, clock: Clock
) -> None:
    one = await desk(MemoryLedger(), tmp_path / "one", clock)
    two = await desk(one.ledger, tmp_path / "two", clock)
    await ready(two)
    recorded(await one.ask("freeze", FREEZE))
    assert (await two.cache.load(CALENDAR)).sequence == 0
    answer = recorded(await two.ask("go", dispatch(), by=CONDUCTOR))
    assert PromotionBlocked in [type(each.event) for each in answer.envelopes]
    assert PromotionDispatched not in await kinds(one)


async def test_a_freeze_is_closed_also_to_a_registrar_whose_clock_is_behind(
    tmp_path: Path, clock: Clock
) -> None:
    one = await desk(MemoryLedger(), tmp_path / "one", clock)
    two = await desk(one.ledger, tmp_path / "two", Clock())
    await ready(two)
    clock.now += timedelta(seconds=30)
    frozen = recorded(await one.ask("freeze", FREEZE))
    answer = recorded(await two.ask("go", dispatch(), by=CONDUCTOR))
    assert PromotionDispatched not in await kinds(one)
    assert answer.envelopes[0].at >= frozen.envelopes[0].at


@pytest.mark.parametrize("loss", Loss)
async def test_an_unanswered_dispatch_starts_once_or_not_at_all(
    loss: Loss, tmp_path: Path, clock: Clock
) -> None:
    """Meanwhile the lanes are frozen: what was lost stays where it is."""
    ledger = Faulty()
    one = await desk(ledger, tmp_path / "one", clock)
    two = await desk(ledger, tmp_path / "two", clock)
    await ready(one)
    ledger.loss = loss
    with suppress(Unacknowledged):
        await one.ask("go", dispatch(), by=CONDUCTOR)
        pytest.fail("nobody could know, yet an answer came")
    recorded(await two.ask("freeze", FREEZE))
    answer = recorded(await one.ask("go", dispatch(), by=CONDUCTOR))
    assert answer.replayed is (loss is Loss.KEPT)
    started = (await kinds(one)).count(PromotionDispatched)
    assert started == (1 if loss is Loss.KEPT else 0)


async def test_of_racing_freezes_and_dispatches_each_sees_what_came_before(
    tmp_path: Path, clock: Clock
) -> None:
    one = await desk(MemoryLedger(), tmp_path / "one", clock)
    two = await desk(one.ledger, tmp_path / "two", clock)
    names = [f"acme/m{number}" for number in range(12)]
    for number, name in enumerate(names):
        await ready((one, two)[number % 2], name)
    await asyncio.gather(
        *[
            (one, two)[number % 2].ask(f"go/{name}", dispatch(name), by=CONDUCTOR)
            for number, name in enumerate(names[:6])
        ],
        one.ask("freeze", FREEZE),
        *[
            (one, two)[number % 2].ask(f"go/{name}", dispatch(name), by=CONDUCTOR)
            for number, name in enumerate(names[6:])
        ],
    )
    told = await kinds(one)
    behind = told[told.index(FreezeDeclared) :]
    assert PromotionDispatched not in behind
    assert PromotionBlocked in behind


async def test_what_is_lifted_stops_nobody(tmp_path: Path, clock: Clock) -> None:
    one = await desk(MemoryLedger(), tmp_path / "one", clock)
    two = await desk(one.ledger, tmp_path / "two", clock)
    await ready(two)
    frozen = recorded(await one.ask("freeze", FREEZE)).envelopes[0]
    lift = LiftFreeze(freeze=frozen.id, reason=Reason("over"))
    recorded(await one.ask("lift", lift))
    recorded(await two.ask("go", dispatch(), by=CONDUCTOR))
    assert PromotionDispatched in await kinds(one)
