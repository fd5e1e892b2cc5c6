"""Is a decision about several models recorded whole, once, and answered the same?"""

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from rollbook.catalogue.access import Place
from rollbook.catalogue.bundle import BundleDispatched, BundleRequested
from rollbook.catalogue.promotion import PromotionDispatched, PromotionRequested
from rollbook.commands.access import LinkIdentity
from rollbook.commands.bundle import CancelBundle, DispatchBundle, RequestBundle, Wanted
from rollbook.commands.calendar import DeclareFreeze
from rollbook.commands.fleet import EnrolAgent
from rollbook.errors import Unacknowledged
from rollbook.names import (
    AgentName,
    BundleId,
    ModelName,
    Principal,
    Reason,
    StageName,
    TargetName,
    Version,
)
from rollbook.refusals import Reason as Why
from rollbook.subjects import BUNDLES, model
from rollbook_services.registrar.cache import SMALL
from rollbook_services.registrar.command_handler import Rehearsed
from tests.services.registrar.installation import OWNER, activate, propose, written
from tests.services.registrar.registering import (
    Clock,
    Desk,
    Faulty,
    Loss,
    desk,
    new_model,
    new_version,
    recorded,
    refused,
)
from tests.support.scenario import CONDUCTOR

MODELS = tuple(ModelName(f"acme/{name}") for name in ("features", "fraud", "limits"))
ONE = BundleId(1)
GO = DispatchBundle(bundle=ONE)


def request(*names: ModelName) -> RequestBundle:
    wanted = [Wanted(model=name, version=Version(1)) for name in names or MODELS]
    return RequestBundle(
        stage=StageName("development"), members=tuple(wanted), reason=Reason("as one")
    )


async def enter(asked: Desk) -> None:
    for name in MODELS:
        recorded(await asked.ask(f"{name}/m", new_model(name)))
        register = new_version().model_copy(update={"model": name})
        recorded(await asked.ask(f"{name}/v", register))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def one(tmp_path: Path, clock: Clock) -> Desk:
    started = await desk(Faulty(), tmp_path / "one", clock)
    await enter(started)
    return started


async def test_a_decision_about_several_models_stands_in_a_row(one: Desk) -> None:
    answer = recorded(await one.ask("b", request()))
    places = [each.sequence for each in answer.envelopes]
    assert places == list(range(places[0], places[0] + len(places)))
    assert [each.id for each in (await one.history())[-len(places) :]] == [
        each.id for each in answer.envelopes
    ]
    assert len({each.id for each in answer.envelopes}) == len(places)
    assert isinstance(answer.envelopes[0].event, BundleRequested)
    asked = [each for each in answer.envelopes if each.aggregate != BUNDLES]
    assert {each.aggregate for each in asked} == {model(name) for name in MODELS}
    assert {each.correlation_id for each in asked} == {f"{name}:1" for name in MODELS}
    assert answer.envelopes[0].correlation_id == "bundle:1"
    assert answer.rev == 1


async def test_every_history_goes_on_in_its_own_chain(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    recorded(await one.ask("b", request()))
    recorded(await one.ask("go", GO, by=CONDUCTOR))
    cold = await desk(one.ledger, tmp_path / "cold", clock)
    for aggregate in (BUNDLES, *map(model, MODELS)):
        fresh = await cold.cache.refresh(aggregate)
        assert fresh == await one.cache.refresh(aggregate)
    last = [each for each in await one.history() if each.aggregate == model(MODELS[0])]
    assert [each.rev for each in last] == list(range(1, len(last) + 1))


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_retry_gets_every_event_of_the_first_answer(
    one: Desk, is_restarted: bool, tmp_path: Path, clock: Clock
) -> None:
    first = recorded(await one.ask("b", request()))
    head = await one.ledger.head()
    asked = one
    if is_restarted:
        asked = await desk(one.ledger, tmp_path / "two", clock)
    again = recorded(await asked.ask("b", request()))
    assert (again.replayed, again.rev) == (True, first.rev)
    assert [each.id for each in again.envelopes] == [
        each.id for each in first.envelopes
    ]
    assert await one.ledger.head() == head
    other = refused(await asked.ask("b", request(*MODELS[:2])))
    assert other.reason is Why.COMMAND_ID_REUSED


@pytest.mark.parametrize("loss", Loss)
async def test_an_unanswered_bundle_is_recorded_once_by_the_next_try(
    one: Desk, loss: Loss, tmp_path: Path, clock: Clock
) -> None:
    assert isinstance(one.ledger, Faulty)
    one.ledger.loss = loss
    with suppress(Unacknowledged):
        await one.ask("b", request())
        pytest.fail("nobody could know, yet an answer came")
    for asked in (one, await desk(one.ledger, tmp_path / "two", clock)):
        recorded(await asked.ask("b", request()))
    counted = Counter(type(each.event) for each in await one.history())
    assert (counted[BundleRequested], counted[PromotionRequested]) == (1, 3)


async def test_a_registrar_that_knows_nothing_of_a_bundle_learns_of_it(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    two = await desk(one.ledger, tmp_path / "two", clock)
    recorded(await one.ask("b", request()))
    answer = recorded(await two.ask("go", GO, by=CONDUCTOR))
    counted = Counter(type(each.event) for each in answer.envelopes)
    assert (counted[BundleDispatched], counted[PromotionDispatched]) == (1, 3)
    unknown = DispatchBundle(bundle=BundleId(7))
    assert refused(await two.ask("x", unknown, by=CONDUCTOR)).reason is (
        Why.UNKNOWN_BUNDLE
    )


async def test_a_bundle_starts_behind_no_freeze_it_did_not_know_of(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    two = await desk(one.ledger, tmp_path / "two", clock)
    recorded(await one.ask("b", request()))
    recorded(await two.ask("freeze", DeclareFreeze(reason=Reason("year end"))))
    await one.ask("go", GO, by=CONDUCTOR)
    assert PromotionDispatched not in {type(each.event) for each in await one.history()}


async def test_a_rehearsed_bundle_leaves_nothing(one: Desk) -> None:
    head = await one.ledger.head()
    told = await one.ask("b", request(), dry_run=True)
    assert isinstance(told, Rehearsed)
    subjects = [event["subject"] for event in told.events]
    assert set(subjects) == {BUNDLES, *map(model, MODELS)}
    assert await one.ledger.head() == head


async def test_bundles_and_their_models_get_in_nobody_s_way(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    two = await desk(one.ledger, tmp_path / "two", clock)
    pairs = [MODELS[:2], MODELS[1:], (MODELS[2], MODELS[0])]
    async with asyncio.timeout(30):
        answers = await asyncio.gather(
            *[
                (one, two)[number % 2].ask(f"b{number}", request(*pairs[number % 3]))
                for number in range(12)
            ],
            *[
                (one, two)[number % 2].ask(
                    f"v{number}",
                    new_version("0123456789abcdef"[number]).model_copy(
                        update={"model": MODELS[number % 3]}
                    ),
                )
                for number in range(9)
            ],
        )
    assert answers
    cold = await desk(one.ledger, tmp_path / "cold", clock)
    for aggregate in (BUNDLES, *map(model, MODELS)):
        fresh = await cold.cache.refresh(aggregate)
        assert fresh.state == (await one.cache.refresh(aggregate)).state
    numbers = [
        each.event.bundle
        for each in await one.history()
        if isinstance(each.event, BundleRequested)
    ]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_what_holds_for_all_models_comes_back_from_its_snapshot(
    one: Desk, tmp_path: Path, clock: Clock
) -> None:
    document = written("tier1", "acme/*", mode="warn")
    recorded(await one.ask("propose", propose(document), by=OWNER))
    recorded(await one.ask("activate", activate(document), by=OWNER))
    recorded(await one.ask("freeze", DeclareFreeze(reason=Reason("year end"))))
    same = LinkIdentity(
        principals=(Principal("prn:" + "a" * 13), Principal("prn:" + "b" * 13)),
        reason=Reason("married"),
    )
    recorded(await one.ask("link", same))
    place = Place(stage=StageName("live"), target=TargetName("default"))
    enrol = EnrolAgent(agent=AgentName("agent-live-default"), place=place)
    recorded(await one.ask("enrol", enrol))
    refused(await one.ask("b", request()))  # the policy has no such stage
    asked = request().model_copy(update={"stage": StageName("live")})
    recorded(await one.ask("c", asked))
    held = [await one.cache.load(each) for each in (*SMALL, model(MODELS[0]))]
    await one.cache.close()
    warm = await desk(one.ledger, tmp_path / "one", clock)
    for each in held:
        assert await warm.snapshots.find(each.aggregate) == each
        assert await warm.cache.load(each.aggregate) == each


async def test_who_may_not_withdraw_a_bundle_is_told(one: Desk) -> None:
    recorded(await one.ask("b", request()))
    cancel = CancelBundle(bundle=ONE, reason=Reason("no"))
    assert refused(await one.ask("c", cancel, by=CONDUCTOR)).reason is Why.FORBIDDEN
