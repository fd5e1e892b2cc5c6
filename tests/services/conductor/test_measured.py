"""Is what a metrics server says of a running step recorded: in time, and once?"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from rollbook.catalogue.lane import Variant
from rollbook.catalogue.promotion import AnalysisRecorded
from rollbook.catalogue.rollout import Measure, PlannedStep, Rollout
from rollbook.commands.promotion import RecordAnalysis
from rollbook.commands.wire import Problem
from rollbook.event import Event
from rollbook.names import Digest, PromotionId, Version
from rollbook_projections.projector import Projector
from rollbook_services.conductor.measuring import Measuring
from rollbook_services.conductor.prometheus import Prometheus, prometheus
from tests.services.conductor.happening import (
    step_applied,
    step_completed,
    step_started,
    verifying,
)
from tests.services.conductor.metrics_server import (
    MetricsServer,
    metrics_server,
    vector,
)
from tests.services.conductor.remembering import minute
from tests.support.agents import MODEL, TIMEOUT_SECONDS, sha256_of
from tests.support.conducting import (
    Clock,
    Registrar,
    desired,
    dispatched,
    ended,
    no,
    projector,
    requested,
)

ERRORS = Measure(
    metric="errors",
    query='errors{v="$version",d="$digest",t=~"$targets"}[$window]',
    samples_query='count{v="$version"}',
    every_ms=60_000,
)
PLAN = Rollout(
    waves=(),
    steps=(PlannedStep(weight=10, bake_ms=60_000, pause=None),),
    split_key=None,
    measures=(ERRORS,),
    drained=(),
)
NEW, OLD = sha256_of(b"one"), Digest(f"sha256:{6:064d}")
STABLE = Variant(
    version=Version(6), digest=OLD, size_bytes=1, uri="file:///models/fraud"
)


def recorded(command: RecordAnalysis) -> Sequence[Event]:
    return [
        AnalysisRecorded(
            promotion=command.promotion,
            wave=command.wave,
            step=command.step,
            metrics=command.metrics,
            samples=command.samples,
            from_at=command.from_at,
            until_at=command.until_at,
            judged=(),
        )
    ]


@dataclass(slots=True)
class Stand:
    """A conductor's memory, a registrar, a metrics server, and a clock."""

    view: Projector
    registrar: Registrar
    server: MetricsServer
    metrics: Prometheus
    clock: Clock = field(default_factory=lambda: Clock(minute(201)))

    def measuring(self, view: Projector | None = None) -> Measuring:
        return Measuring(
            view or self.view,
            self.registrar,
            self.metrics,
            credential="rbk_conductor",
            now=self.clock,
        )

    async def begin(self, *, rollout: Rollout = PLAN) -> None:
        """Dispatch a canary beside version 6, and begin its first step at 201."""
        lane = desired(1, revision=1).model_copy(
            update={"variants": {"stable": STABLE}, "previous": STABLE}
        )
        batch = dispatched(1, revision=1, rollout=rollout)[:-1]
        await self.registrar.record(requested(1))
        await self.record(*batch, lane, step_started(1, targets=("eu-1", "us-1")))

    async def record(self, *events: Event) -> None:
        """Let this happen now."""
        self.registrar.recorder.model(MODEL, *events, at=self.clock.at)
        await self.registrar.recorder.append_to(self.registrar.ledger)
        await self.view.catch_up(self.registrar.ledger)

    @property
    def said(self) -> list[RecordAnalysis]:
        commands = [each.command for each in self.registrar.requests]
        return [each for each in commands if isinstance(each, RecordAnalysis)]


@pytest_asyncio.fixture(loop_scope="session")
async def stand(view: Projector, registrar: Registrar) -> AsyncIterator[Stand]:
    registrar.decides[RecordAnalysis] = recorded
    async with metrics_server() as server, prometheus(server.url) as metrics:
        server.answer = answer
        yield Stand(view, registrar, server, metrics)


def answer(query: str) -> object:
    if query.startswith("count"):
        return vector(512.5)
    return vector(0.25 if 'v="1"' in query else 0.125)


async def test_both_versions_are_measured_in_the_steps_own_time(stand: Stand) -> None:
    await stand.begin()
    measuring = stand.measuring()
    assert await measuring.look() == 60
    assert stand.server.asked == []
    stand.clock.go(60)
    assert await measuring.look() == 60
    assert sorted(stand.server.asked) == [
        'count{v="1"}',
        f'errors{{v="1",d="{NEW}",t=~"eu-1|us-1"}}[60s]',
        f'errors{{v="6",d="{OLD}",t=~"eu-1|us-1"}}[60s]',
    ]
    [said] = stand.said
    assert said.metrics == {
        "candidate": {"errors": 0.25},
        "champion": {"errors": 0.125},
    }
    assert (said.samples, said.wave, said.step) == (512, 0, 0)
    assert said.from_at == minute(201)
    assert minute(201) < said.until_at <= stand.clock.at
    assert await measuring.look() == 60
    assert len(stand.said) == 1
    stand.clock.go(60)
    await measuring.look()
    assert len(stand.said) == 2


async def test_a_short_bake_is_measured_before_it_ends(stand: Stand) -> None:
    await stand.begin()
    await stand.record(step_applied(1, minute(201) + timedelta(seconds=12)))
    measuring = stand.measuring()
    rest = await measuring.look()
    assert rest == 9
    stand.clock.go(rest)
    await measuring.look()
    assert len(stand.said) == 1


async def test_a_step_of_its_own_begins_anew(stand: Stand) -> None:
    await stand.begin()
    stand.clock.go(60)
    measuring = stand.measuring()
    await measuring.look()
    await stand.record(step_completed(1), step_started(1, step=1))
    await measuring.look()
    assert len(stand.said) == 1
    stand.clock.go(60)
    await measuring.look()
    assert [(each.step, each.from_at) for each in stand.said] == [
        (0, minute(201)),
        (1, minute(202)),
    ]


async def test_the_last_step_is_measured_until_it_is_verified(stand: Stand) -> None:
    await stand.begin()
    await stand.record(step_completed(1), verifying(1, minute(301)))
    measuring = stand.measuring()
    stand.clock.go(60)
    await measuring.look()
    assert len(stand.said) == 1
    await stand.record(*ended(1, token=1))
    stand.clock.go(60)
    assert await measuring.look() == 60
    assert len(stand.said) == 1


async def test_what_wants_nothing_measured_is_not(stand: Stand) -> None:
    await stand.begin(rollout=PLAN.model_copy(update={"measures": ()}))
    stand.clock.go(60)
    await stand.measuring().look()
    assert stand.server.asked == []


@pytest.mark.parametrize(
    "silent", [vector(), 500, vector("NaN")], ids=["no series", "failing", "NaN"]
)
async def test_what_is_not_known_is_not_recorded(stand: Stand, silent: object) -> None:
    stand.server.answer = lambda query: silent
    await stand.begin()
    stand.clock.go(60)
    measuring = stand.measuring()
    await measuring.look()
    assert await measuring.look() == 60
    assert stand.said == []
    assert len(stand.server.asked) == 3


async def test_a_champion_that_nothing_is_known_of_is_left_out(stand: Stand) -> None:
    stand.server.answer = lambda query: vector(*([1] if 'v="1"' in query else []))
    await stand.begin()
    stand.clock.go(60)
    await stand.measuring().look()
    [said] = stand.said
    assert said.metrics == {"candidate": {"errors": 1}}


async def test_of_two_conductors_one_counts(stand: Stand, tmp_path: Path) -> None:
    await stand.begin()
    stand.clock.go(60)
    async with projector(tmp_path / "other.db") as view:
        await view.catch_up(stand.registrar.ledger)
        await asyncio.gather(stand.measuring().look(), stand.measuring(view).look())
        await stand.measuring(view).look()  # started anew
    assert len({each.id for each in stand.registrar.requests}) == 1
    assert len(stand.registrar.answered) == 1


async def test_a_record_that_came_too_soon_is_measured_again_later(
    stand: Stand,
) -> None:
    await stand.begin()
    stand.clock.go(60)
    stand.registrar.says = no("too_frequent", retry_after=12)
    measuring = stand.measuring()
    assert await measuring.look() == 12
    stand.registrar.says = None
    stand.clock.go(11)
    assert await measuring.look() == 1
    assert stand.said == []
    stand.clock.go(1)
    await measuring.look()
    assert len(stand.said) == 1


async def test_without_a_registrar_it_is_measured_again(stand: Stand) -> None:
    await stand.begin()
    stand.clock.go(60)
    stand.registrar.says = Problem(code="unavailable", reason="away", message="away")
    measuring = stand.measuring()
    assert await measuring.look() == 1
    stand.registrar.says = None
    stand.clock.go(1)
    await measuring.look()
    assert len(stand.said) == 1


async def test_what_is_refused_is_not_sent_again(stand: Stand) -> None:
    await stand.begin()
    stand.clock.go(60)
    stand.registrar.says = no("wrong_step")
    measuring = stand.measuring()
    await measuring.look()
    stand.registrar.says = None
    assert await measuring.look() == 60
    assert stand.said == []


async def test_it_goes_on_by_itself(stand: Stand) -> None:
    stand.clock.go(60)  # a step that began a minute before it is told of
    running = asyncio.create_task(stand.measuring().run())
    await asyncio.sleep(0)
    at, stand.clock.at = stand.clock.at, minute(201)
    await stand.begin()
    stand.clock.at = at
    await stand.record(requested(2))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not stand.said:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    assert stand.said[0].promotion == PromotionId(1)
