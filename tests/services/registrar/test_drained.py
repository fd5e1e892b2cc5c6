"""Does a decision about a model know which agents stand aside, and then too?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rollbook.catalogue.access import Place
from rollbook.catalogue.promotion import PromotionDispatched
from rollbook.commands.explain import Explain
from rollbook.commands.fleet import DrainAgent, EnrolAgent, UndrainAgent
from rollbook.commands.promotion import DispatchPromotion, RequestPromotion
from rollbook.commands.wire import Told
from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook.ledger.memory import MemoryLedger
from rollbook.names import (
    AgentName,
    PromotionId,
    Reason,
    StageName,
    TargetName,
    Version,
)
from rollbook.refusals import Reason as Why
from rollbook.subjects import FLEET, model
from rollbook_services.registrar.command_handler import Rehearsed
from rollbook_services.registrar.hindsight.recompute import recompute
from rollbook_services.registrar.questions import tell
from tests.services.registrar.registering import (
    FRAUD,
    Clock,
    Desk,
    desk,
    new_model,
    new_version,
    recorded,
    refused,
)
from tests.support.scenario import CONDUCTOR, VIEWER

STAGING = StageName("staging")
DEFAULT = TargetName("default")
AGENT = AgentName("agent-staging-default")
WHY = Reason("its disk is being replaced")
ENROL = EnrolAgent(agent=AGENT, place=Place(stage=STAGING, target=DEFAULT))
DRAIN = DrainAgent(agent=AGENT, reason=WHY)
UNDRAIN = UndrainAgent(agent=AGENT, reason=WHY)
GO = DispatchPromotion(model=FRAUD, promotion=PromotionId(1))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def one(tmp_path: Path, clock: Clock) -> Desk:
    started = await desk(MemoryLedger(), tmp_path / "one", clock)
    recorded(await started.ask("model", new_model()))
    recorded(await started.ask("version", new_version()))
    asked = RequestPromotion(model=FRAUD, stage=STAGING, version=Version(1))
    recorded(await started.ask("request", asked))
    return started


async def stand_aside(asked: Desk) -> None:
    recorded(await asked.ask("enrol", ENROL))
    recorded(await asked.ask("drain", DRAIN))


async def dispatched(asked: Desk) -> tuple[TargetName, ...]:
    """Dispatch, and return for which targets nobody waits."""
    answer = recorded(await asked.ask("dispatch", GO, by=CONDUCTOR))
    events = [each.event for each in answer.envelopes]
    [event] = (each for each in events if isinstance(each, PromotionDispatched))
    assert event.rollout is not None
    return event.rollout.drained


def as_if(
    history: Sequence[Envelope[Event]], *drained: TargetName
) -> list[Envelope[Event]]:
    """Write a history in which others stood aside at the dispatch."""
    return [
        replace(each, event=_as_if(each.event, drained))
        if isinstance(each.event, PromotionDispatched)
        else each
        for each in history
    ]


def _as_if(
    event: PromotionDispatched, drained: tuple[TargetName, ...]
) -> PromotionDispatched:
    assert event.rollout is not None
    plan = event.rollout.model_copy(update={"drained": drained})
    return event.model_copy(update={"rollout": plan})


async def test_a_dispatch_knows_who_stands_aside(one: Desk) -> None:
    await stand_aside(one)
    assert await dispatched(one) == (DEFAULT,)


async def test_without_agents_nobody_stands_aside(one: Desk) -> None:
    assert await dispatched(one) == ()


async def test_who_takes_part_again_is_waited_for(one: Desk) -> None:
    await stand_aside(one)
    recorded(await one.ask("undrain", UNDRAIN))
    assert await dispatched(one) == ()


async def test_why_is_answered_with_agents_around_now_and_then(
    one: Desk, clock: Clock
) -> None:
    await stand_aside(one)
    asked = Explain(model=FRAUD, promotion=PromotionId(1))
    told = await tell(asked, VIEWER, one.cache, now=clock.now)
    assert isinstance(told, Told)
    early = asked.model_copy(update={"as_of": told.sequence - 1})
    then = await tell(early, VIEWER, one.cache, now=clock.now)
    assert isinstance(then, Told)
    assert then.answer["state"] == told.answer["state"] == "READY"


async def test_agents_come_back_from_their_snapshot(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    await stand_aside(one)
    held = await one.cache.load(FLEET)
    assert held.link.rev == 2
    await one.cache.close()
    warm = await desk(one.ledger, tmp_path / "one", clock)
    assert await warm.snapshots.find(FLEET) == held
    assert await warm.cache.load(FLEET) == held


async def test_agents_are_never_forgotten_for_want_of_room(
    tmp_path: Path, clock: Clock
) -> None:
    small = await desk(MemoryLedger(), tmp_path / "small", clock, most=1)
    await stand_aside(small)
    for number in range(5):
        recorded(await small.ask(f"m{number}", new_model(f"acme/m{number}")))
    assert (await small.cache.load(FLEET)).link.rev == 2


async def test_a_no_never_rests_on_which_agents_there_were_before(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    two = await desk(one.ledger, tmp_path / "two", clock)
    recorded(await one.ask("enrol", ENROL))
    recorded(await two.ask("drain", DRAIN))
    no = refused(await one.ask("again", DRAIN))
    assert no.reason is Why.ALREADY_DRAINED


async def test_a_rehearsal_rests_on_the_agents_there_are(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    two = await desk(one.ledger, tmp_path / "two", clock)
    await stand_aside(one)
    told = await two.ask("rehearsed", GO, by=CONDUCTOR, dry_run=True)
    assert isinstance(told, Rehearsed)
    data = [each["data"] for each in told.events]
    [plan] = [each["rollout"] for each in data if "rollout" in each]
    assert plan["drained"] == [DEFAULT]


async def test_who_stood_aside_is_known_when_the_decision_is_taken_again(
    one: Desk, clock: Clock
) -> None:
    await stand_aside(one)
    clock.now += timedelta(hours=1)
    assert await dispatched(one) == (DEFAULT,)
    recorded(await one.ask("undrain", UNDRAIN))
    history = await one.history()
    report = recompute(history)
    assert (report.disagreements, report.agreed) == ((), report.decisions)
    told = [each.what for each in recompute(as_if(history)).disagreements]
    assert "promotion.dispatched: rollout.drained" in told


async def test_a_registrar_may_not_have_heard_yet_who_stands_aside(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    await stand_aside(one)
    late = await desk(one.ledger, tmp_path / "late", clock)
    await late.cache.refresh(model(FRAUD))
    recorded(await one.ask("undrain", UNDRAIN))
    recorded(await one.ask("drain-2", DRAIN))
    recorded(await one.ask("undrain-2", UNDRAIN))
    assert await dispatched(late) == (DEFAULT,)
    assert recompute(await one.history()).disagreements == ()


async def test_what_everybody_has_heard_is_not_overlooked(
    one: Desk, clock: Clock
) -> None:
    await stand_aside(one)
    recorded(await one.ask("undrain", UNDRAIN))
    clock.now += timedelta(minutes=2)
    assert await dispatched(one) == ()
    history = await one.history()
    assert recompute(history).disagreements == ()
    assert recompute(as_if(history, DEFAULT)).disagreements
