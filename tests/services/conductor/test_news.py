"""Does what happens around promotions reach them, and bundles, and automation?"""

from collections.abc import Sequence

import pytest

from rollbook.catalogue.bundle import BundleDispatched
from rollbook.catalogue.promotion import PromotionFailed
from rollbook.commands.bundle import DispatchBundle, SettleBundle
from rollbook.commands.promotion import (
    AdvancePromotion,
    DispatchPromotion,
    EvaluatePromotion,
    RequestCandidates,
)
from rollbook.event import Event
from rollbook.ledger.bucket import DesiredBucket
from rollbook.names import BundleId, PromotionId, Version
from rollbook.subjects import ACCESS, BUNDLES, CALENDAR, POLICIES, Aggregate
from rollbook_projections.projector import Projector
from rollbook_services.conductor import answers
from rollbook_services.conductor import conductor as conducting_module
from tests.services.conductor.happening import (
    PERSON,
    activated,
    bundled,
    deprecated,
    frozen,
    held,
    issued,
    linked,
    proposed,
    registered,
)
from tests.services.conductor.remembering import at, minute
from tests.support.agents import MODEL
from tests.support.conducting import (
    PRODUCTION,
    Clock,
    Registrar,
    conductor,
    dispatched,
    judged,
    readied,
    requested,
    rounds,
)

OTHER = "acme/other"


@pytest.mark.parametrize(
    ("aggregate", "events", "asked"),
    [
        pytest.param(
            POLICIES,
            [proposed("one"), activated("one", "acme/fraud")],
            ["advance/acme/fraud:2", "evaluate/acme/fraud:1"],
            id="a policy",
        ),
        pytest.param(
            CALENDAR,
            [frozen(models=("acme/f*",))],
            ["advance/acme/fraud:2", "evaluate/acme/fraud:1"],
            id="a freeze",
        ),
        pytest.param(
            ACCESS,
            [linked()],
            ["evaluate/acme/fraud:1", "evaluate/acme/other:1"],
            id="who may vote",
        ),
    ],
)
async def test_each_open_promotion_it_may_concern_is_looked_at_once(
    view: Projector,
    registrar: Registrar,
    bucket: DesiredBucket,
    aggregate: Aggregate,
    events: Sequence[Event],
    asked: list[str],
) -> None:
    await registrar.record(requested(1))
    await registrar.record(requested(2), *dispatched(2, revision=1))
    await registrar.record(requested(1), of=OTHER)
    conducting = conductor(view, registrar, bucket)
    await rounds(view, registrar, conducting)
    assert not registrar.requests
    [*_, cause] = await registrar.record_on(aggregate, *events)
    await rounds(view, registrar, conducting)
    assert sorted(registrar.sent()) == asked
    assert {each.causation_id for each in registrar.requests} == {cause}


async def test_many_are_looked_at_in_rounds_and_slots_are_taken_in_between(
    view: Projector,
    registrar: Registrar,
    bucket: DesiredBucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conducting_module, "BATCH", 4)
    monkeypatch.setattr(conducting_module, "AT_ONCE", 2)
    monkeypatch.setattr(answers, "KEPT", 3)
    for number in range(1, 12):
        await registrar.record(requested(number))
    await registrar.record_on(ACCESS, issued(PERSON))

    def evaluate(command: EvaluatePromotion) -> Sequence[Event]:
        return [readied(1)] if command.promotion == 1 else ()

    registrar.decides[EvaluatePromotion] = evaluate
    conducting = conductor(view, registrar, bucket)
    await view.catch_up(registrar.ledger)
    await conducting.act()
    evaluated = registrar.sent(EvaluatePromotion)
    assert sorted(evaluated) == sorted(
        f"evaluate/{MODEL}:{number}" for number in range(1, 12)
    )
    await rounds(view, registrar, conducting)
    assert registrar.sent(DispatchPromotion) == ["dispatch/1"]
    assert len(registrar.sent(EvaluatePromotion)) == 11


async def test_a_gate_that_closed_at_dispatch_lets_the_next_one_go(
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> None:
    await registrar.record(requested(1), readied(1))
    await registrar.record(requested(2), readied(2))

    def dispatch(command: DispatchPromotion) -> Sequence[Event]:
        if command.promotion == 1:
            return [judged(1, minute(10_000))]
        return dispatched(command.promotion, revision=1)

    registrar.decides[DispatchPromotion] = dispatch
    await rounds(view, registrar, conductor(view, registrar, bucket))
    assert registrar.sent() == ["dispatch/1", "dispatch/2"]


async def bundle(registrar: Registrar) -> None:
    await registrar.record_on(BUNDLES, bundled(4, [(MODEL, 1), (OTHER, 1)]))
    for model in (MODEL, OTHER):
        await registrar.record(requested(1, bundle=4), of=model)


async def test_a_bundle_goes_as_one_and_is_settled_when_a_member_fails(
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> None:
    registrar.decides[DispatchBundle] = registrar.decides[SettleBundle] = lambda _: ()
    conducting = conductor(view, registrar, bucket)
    await bundle(registrar)
    await registrar.record(readied(1))
    await rounds(view, registrar, conducting)
    assert not registrar.requests
    await registrar.record(readied(1), of=OTHER)
    await rounds(view, registrar, conducting)
    assert registrar.sent() == ["dispatch-bundle/4"]
    await registrar.record_on(BUNDLES, BundleDispatched(bundle=BundleId(4)))
    for model in (MODEL, OTHER):
        await registrar.record(*dispatched(1, revision=1)[:2], of=model)
    failed = PromotionFailed(
        promotion=PromotionId(1),
        stage=PRODUCTION,
        version=Version(1),
        reason_code="load_failed",
        inputs=(),
    )
    [end] = await registrar.record(failed, of=OTHER)
    await rounds(view, registrar, conducting)
    assert registrar.sent() == ["dispatch-bundle/4", "settle/4"]
    assert registrar.requests[-1].id == f"{end}/settle/4"
    assert AdvancePromotion not in {type(each.command) for each in registrar.requests}


async def test_automation_is_asked_once_for_its_newest_reason(
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> None:
    clock = Clock(minute(10))
    chooses = "newest_eligible"
    await registrar.record(registered())
    await registrar.record(registered(OTHER), of=OTHER)
    await registrar.record(deprecated())
    conducting = conductor(view, registrar, bucket, now=clock)
    await rounds(view, registrar, conducting)
    assert not registrar.requests
    policy = await registrar.record_on(
        POLICIES,
        proposed("one", auto_promote=chooses),
        activated("one", MODEL, auto_promote=chooses),
    )
    await rounds(view, registrar, conducting)
    news = [(await registrar.record(deprecated()))[0] for _ in range(2)]
    await registrar.record(deprecated(), of=OTHER)
    await rounds(view, registrar, conducting)
    [hold] = await registrar.record(held(minute(60)))
    clock.at = minute(60)
    await rounds(view, registrar, conducting)
    assert [each.id for each in registrar.requests] == [
        f"{policy[-1]}/candidates/{MODEL}",
        f"{news[-1]}/candidates/{MODEL}",
        f"{hold}/candidates/{at(60)}/{MODEL}",
    ]
    assert {type(each.command) for each in registrar.requests} == {RequestCandidates}
