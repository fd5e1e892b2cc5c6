"""What is remembered of policies, freezes, people, bundles and holds?"""

from collections.abc import Sequence

import pytest

from rollbook.catalogue.bundle import (
    BundleCancelled,
    BundleDispatched,
    BundleFailed,
    BundleRolledBack,
    BundleSucceeded,
)
from rollbook.catalogue.promotion import PromotionCancelled
from rollbook.event import Event
from rollbook.names import BundleId, PromotionId
from rollbook.subjects import ACCESS, BUNDLES, CALENDAR, POLICIES
from rollbook_projections.projector import Projector
from rollbook_services.conductor.queries.moment import Looked
from rollbook_services.conductor.react.memory import (
    Changed,
    Kind,
    Memory,
    Stir,
    Trigger,
)
from tests.services.conductor.happening import (
    AGENT,
    PERSON,
    PLACE,
    WHY,
    activated,
    bundled,
    deprecated,
    frozen,
    held,
    issued,
    let_go,
    lifted,
    linked,
    proposed,
    registered,
    retired,
    revoked,
)
from tests.services.conductor.remembering import at, minute, remembered
from tests.support.agents import MODEL
from tests.support.conducting import (
    PRODUCTION,
    Registrar,
    dispatched,
    readied,
    requested,
    succeeded,
)

OTHER = "acme/other"
FOUR = BundleId(4)


def covered(memory: Memory) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(stir.at, stir.models, stir.stages) for stir in memory.stirs]


async def test_a_freeze_stirs_at_once_and_at_its_edges(
    view: Projector, registrar: Registrar
) -> None:
    scope = (("acme/*",), (PRODUCTION,))
    event = frozen(
        models=scope[0], stages=scope[1], from_at=minute(60), until=minute(90)
    )
    await registrar.record_on(CALENDAR, event)
    first = await remembered(view, registrar, minute(10))
    assert ([each.is_edge for each in first.stirs], first.next_at) == ([False], at(60))
    looked = Looked(first.position, at(10))
    for now, next_at in ((60, at(90)), (90, None)):
        edge = await remembered(view, registrar, minute(now), looked=looked)
        assert covered(edge) == [(at(now), *scope)]
        assert edge.next_at == next_at
        looked = Looked(edge.position, at(now + 1))


async def test_a_lifted_freeze_stirs_once_more_and_has_no_edges(
    view: Projector, registrar: Registrar
) -> None:
    event = frozen(models=("acme/*",), from_at=minute(60), until=minute(90))
    [freeze] = await registrar.record_on(CALENDAR, event)
    [lift] = await registrar.record_on(CALENDAR, lifted(freeze))
    memory = await remembered(view, registrar)
    [stir] = memory.stirs
    assert (stir.kind, stir.event, stir.is_edge) == (Kind.FREEZE, lift, False)
    assert (stir.models, stir.stages) == (("acme/*",), ())


async def test_a_policy_stirs_its_models_and_those_it_held_for_before(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record_on(POLICIES, proposed("one"), activated("one", "a/*"))
    [event] = await registrar.record_on(POLICIES, activated("one", "b/*"))
    newest = _newest(await remembered(view, registrar))
    assert (newest.event, newest.models) == (event, ("a/*", "b/*"))
    await registrar.record_on(POLICIES, retired("one"))
    memory = await remembered(view, registrar)
    assert (_newest(memory).models, memory.policies) == (("b/*",), {})


def _newest(memory: Memory) -> Stir:
    return max(memory.stirs, key=lambda each: each.sequence)


@pytest.mark.parametrize(
    ("events", "is_stirred"),
    [
        ([issued(PERSON)], True),
        ([linked()], True),
        ([issued(AGENT, PLACE)], False),
        ([issued(AGENT, PLACE), revoked()], False),
        ([revoked()], True),
    ],
)
async def test_what_may_change_who_votes_stirs(
    view: Projector, registrar: Registrar, events: Sequence[Event], is_stirred: bool
) -> None:
    await registrar.record_on(ACCESS, *events)
    memory = await remembered(view, registrar)
    assert [stir.kind for stir in memory.stirs] == [Kind.ACCESS] * is_stirred


async def test_of_people_the_newest_word_stands_for_all(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record_on(ACCESS, issued(PERSON), linked())
    [event] = await registrar.record_on(ACCESS, revoked())
    assert [each.event for each in (await remembered(view, registrar)).stirs] == [event]


async def test_every_open_promotion_is_read_where_something_stirs(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1))
    await registrar.record(requested(2), *dispatched(2, revision=1))
    await registrar.record(requested(3), succeeded(3))
    quiet = await remembered(view, registrar)
    assert quiet.open == []
    await registrar.record_on(ACCESS, linked())
    memory = await remembered(view, registrar)
    states = [(each.promotion, each.is_running) for each in memory.open]
    assert states == [(1, False), (2, True)]


async def test_models_are_noted_where_a_policy_chooses(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(registered())
    await registrar.record(deprecated())
    assert (await remembered(view, registrar)).changed == []
    chooses = "newest_eligible"
    await registrar.record_on(
        POLICIES,
        proposed("one", auto_promote=chooses),
        activated("one", "acme/*", auto_promote=chooses),
    )
    memory = await remembered(view, registrar)
    assert memory.changed == [Changed(MODEL, None)]
    looked = Looked(memory.position)
    assert (await remembered(view, registrar, looked=looked)).changed == []
    [event] = await registrar.record(deprecated())
    sequence = len(registrar.recorder.messages)
    changed = (await remembered(view, registrar, looked=looked)).changed
    assert [each.cause for each in changed] == [Trigger(event, sequence)]  # type: ignore[arg-type]


async def test_the_end_of_a_promotion_and_of_a_hold_may_change_the_choice(
    view: Projector, registrar: Registrar
) -> None:
    chooses = "match_upstream"
    await registrar.record(registered())
    await registrar.record_on(
        POLICIES,
        proposed("one", auto_promote=chooses),
        activated("one", MODEL, auto_promote=chooses),
    )
    looked = Looked((await remembered(view, registrar)).position)
    [_, end] = await registrar.record(
        requested(1), PromotionCancelled(promotion=PromotionId(1), reason=WHY)
    )
    [changed] = (await remembered(view, registrar, looked=looked)).changed
    assert changed.cause is not None
    assert changed.cause.event == end
    [hold] = await registrar.record(held(None))
    [release] = await registrar.record(let_go(hold))
    [changed] = (await remembered(view, registrar, looked=looked)).changed
    assert changed.cause is not None
    assert changed.cause.event == release


async def test_a_hold_that_runs_out_is_read_then(
    view: Projector, registrar: Registrar
) -> None:
    [hold] = await registrar.record(held(minute(60)))
    before = await remembered(view, registrar, minute(59))
    assert (before.holds, before.next_at) == ([], at(60))
    [over] = (await remembered(view, registrar, minute(60))).holds
    assert (over.event, over.at) == (hold, at(60))
    await registrar.record(let_go(hold))
    assert (await remembered(view, registrar)).holds == []


async def test_a_held_lane_keeps_its_slot(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1), *dispatched(1, revision=1))
    await registrar.record(held(minute(60)))
    await registrar.record(requested(2), readied(2))
    assert (await remembered(view, registrar)).lanes == []


async def bundle(registrar: Registrar) -> None:
    """Ask for a bundle of two, the first of which is ready."""
    await registrar.record_on(BUNDLES, bundled(4, [(MODEL, 1), (OTHER, 1)]))
    await registrar.record(requested(1, bundle=4), readied(1))
    await registrar.record(requested(1, bundle=4), of=OTHER)


async def test_a_member_never_goes_alone(view: Projector, registrar: Registrar) -> None:
    await bundle(registrar)
    memory = await remembered(view, registrar)
    assert memory.lanes == []
    [known] = memory.bundles
    assert [bool(each.readied) for each in known.members] == [True, False]


async def test_a_bundle_is_read_when_its_last_member_gets_ready(
    view: Projector, registrar: Registrar
) -> None:
    await bundle(registrar)
    looked = Looked((await remembered(view, registrar)).position)
    assert (await remembered(view, registrar, looked=looked)).bundles == []
    await registrar.record(readied(1), of=OTHER)
    [known] = (await remembered(view, registrar, looked=looked)).bundles
    assert all(each.readied and each.is_lane_free for each in known.members)


async def test_a_bundle_is_read_when_a_member_ends(
    view: Projector, registrar: Registrar
) -> None:
    await bundle(registrar)
    await registrar.record_on(BUNDLES, BundleDispatched(bundle=FOUR))
    await registrar.record(*dispatched(1, revision=1))
    looked = Looked((await remembered(view, registrar)).position)
    [event] = await registrar.record(succeeded(1))
    [known] = (await remembered(view, registrar, looked=looked)).bundles
    assert known.is_dispatched
    [member, other] = known.members
    assert (member.has_succeeded, other.ended) == (True, None)
    assert member.ended is not None
    assert member.ended.event == event


@pytest.mark.parametrize(
    "end",
    [
        BundleSucceeded(bundle=FOUR),
        BundleFailed(
            bundle=FOUR, because_of=MODEL, reason_code="load_failed", taken_back=()
        ),
        BundleCancelled(bundle=FOUR, because_of=None, reason=WHY),
        BundleRolledBack(bundle=FOUR, rollbacks=(), reason=WHY),
    ],
    ids=lambda end: str(end.recorded_as),
)
async def test_a_bundle_that_ended_is_forgotten(
    view: Projector, registrar: Registrar, end: Event
) -> None:
    await bundle(registrar)
    await registrar.record(succeeded(1))
    await registrar.record_on(BUNDLES, end)
    await registrar.record(succeeded(1), of=OTHER)
    await registrar.record_on(
        BUNDLES, BundleRolledBack(bundle=FOUR, rollbacks=(), reason=WHY)
    )
    memory = await remembered(view, registrar)
    assert (memory.bundles, memory.lanes) == ([], [])
