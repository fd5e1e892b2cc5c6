"""Does the ledger learn of each agent that came or went, once, and never too early?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from rollbook.commands.wire import Problem
from rollbook.errors import Unavailable
from rollbook.ledger.bucket import NOTHING, LeaseBucket
from rollbook.names import EventId
from rollbook.subjects import FLEET
from rollbook_projections.projector import Projector
from rollbook_services.conductor.react.leasing import Lease
from rollbook_services.conductor.watch import Watch
from tests.services.conductor.happening import PLACE, enrolled
from tests.support.agents import TIMEOUT_SECONDS
from tests.support.conducting import Clock, Registrar, projector

KEY = f"{PLACE.stage}.{PLACE.target}.agent"
LIFE = 60
CAME, WENT = "recovered/agent", "lost/agent"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="session")
async def watch(
    view: Projector, registrar: Registrar, leases: LeaseBucket, clock: Clock
) -> AsyncIterator[Watch]:
    await registrar.record_on(FLEET, enrolled())
    await view.catch_up(registrar.ledger)
    yield watching(view, registrar, leases, clock)


def watching(
    view: Projector,
    registrar: Registrar,
    leases: LeaseBucket,
    clock: Clock,
    *,
    life: int = LIFE,
) -> Watch:
    return Watch(
        view.database,
        registrar,
        leases,
        credential="rbk_conductor",
        now=clock,
        lease_seconds=life,
    )


async def hold(leases: LeaseBucket, clock: Clock, *, seconds: int = LIFE) -> None:
    """Renew the agent's lease, as its conductor does."""
    expected = (await leases.get(KEY)).sequence
    value = Lease(session="first", at=clock.at).model_dump_json().encode()
    await leases.renew(KEY, value, expected=expected, ttl_seconds=seconds)


async def gone(leases: LeaseBucket) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await leases.get(KEY) != NOTHING:
            continue


async def looks(
    watch: Watch, view: Projector, registrar: Registrar, clock: Clock, count: int
) -> None:
    """Look so often, a third of a life apart, and follow what is recorded."""
    for _ in range(count):
        await watch.look()
        await view.catch_up(registrar.ledger)
        clock.go(LIFE / 3)


async def test_it_comes_goes_and_comes_back(
    watch: Watch,
    view: Projector,
    registrar: Registrar,
    leases: LeaseBucket,
    clock: Clock,
) -> None:
    await looks(watch, view, registrar, clock, 4)
    assert registrar.sent() == []
    await hold(leases, clock, seconds=1)
    heard_at = clock.at
    await looks(watch, view, registrar, clock, 2)
    assert registrar.sent() == [CAME]
    await gone(leases)
    await looks(watch, view, registrar, clock, 2)
    assert registrar.sent() == [CAME, WENT]
    lost = registrar.requests[-1].command
    assert lost.model_dump()["last_heard_at"] == heard_at
    await hold(leases, clock)
    await looks(watch, view, registrar, clock, 2)
    assert registrar.sent() == [CAME, WENT, CAME]
    assert [each.causation_id for each in registrar.requests] == [
        EventId(str(message.id)) for message in registrar.recorder.messages[1:4]
    ]


async def test_a_new_conductor_waits_a_whole_life_before_it_calls_anyone_lost(
    watch: Watch,
    view: Projector,
    registrar: Registrar,
    leases: LeaseBucket,
    clock: Clock,
) -> None:
    await hold(leases, clock, seconds=1)
    await looks(watch, view, registrar, clock, 1)
    await gone(leases)
    clock.go(3600)  # it was away, and agents could renew nothing
    again = watching(view, registrar, leases, clock)
    await looks(again, view, registrar, clock, 3)
    assert registrar.sent() == [CAME]
    await looks(again, view, registrar, clock, 1)
    assert registrar.sent() == [CAME, WENT]


@pytest.mark.parametrize("is_unanswered", [True, False], ids=["no answer", "it slept"])
async def test_after_a_time_without_looks_it_waits_again(
    watch: Watch,
    view: Projector,
    registrar: Registrar,
    leases: LeaseBucket,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    is_unanswered: bool,
) -> None:
    await hold(leases, clock, seconds=1)
    await looks(watch, view, registrar, clock, 5)
    await gone(leases)
    if is_unanswered:

        async def away(keys: object) -> object:
            raise Unavailable("NATS is away")

        with monkeypatch.context() as patched:
            patched.setattr(leases, "read", away)
            with pytest.raises(Unavailable):
                await watch.look()
    else:
        clock.go(LIFE)
    await looks(watch, view, registrar, clock, 3)
    assert registrar.sent() == [CAME]
    await looks(watch, view, registrar, clock, 1)
    assert registrar.sent() == [CAME, WENT]


async def test_two_conductors_say_it_once(
    watch: Watch,
    view: Projector,
    registrar: Registrar,
    leases: LeaseBucket,
    clock: Clock,
    tmp_path: Path,
) -> None:
    async with projector(tmp_path / "other.db") as slow:
        await slow.catch_up(registrar.ledger)
        other = watching(slow, registrar, leases, clock)
        await hold(leases, clock, seconds=1)
        for _ in range(4):
            await looks(watch, view, registrar, clock, 1)
            await other.look()  # it knows only of the enrolment
        await gone(leases)
        await slow.catch_up(registrar.ledger)
        for _ in range(2):
            await looks(watch, view, registrar, clock, 1)
            await other.look()
    happened = [message.body for message in registrar.recorder.messages]
    assert sum(b"agent.recovered.v1" in body for body in happened) == 1
    assert sum(b"agent.lost.v1" in body for body in happened) == 1


async def test_what_was_not_answered_is_said_again(
    watch: Watch,
    view: Projector,
    registrar: Registrar,
    leases: LeaseBucket,
    clock: Clock,
) -> None:
    await hold(leases, clock)
    registrar.says = Problem(code="unavailable", reason="away", message="away")
    with pytest.raises(Unavailable):
        await watch.look()
    registrar.says = None
    await looks(watch, view, registrar, clock, 2)
    assert registrar.sent() == [CAME]


async def test_what_was_refused_is_not_said_again(
    watch: Watch,
    view: Projector,
    registrar: Registrar,
    leases: LeaseBucket,
    clock: Clock,
) -> None:
    await hold(leases, clock)
    registrar.says = Problem(code="forbidden", reason="no", message="no")
    await watch.look()
    registrar.says = None
    await looks(watch, view, registrar, clock, 2)
    assert registrar.sent() == []


@asynccontextmanager
async def running(watch: Watch) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch.run())
        yield
        task.cancel()


async def until_sent(registrar: Registrar, count: int) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while len(registrar.sent()) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_who_was_noticed_is_looked_at_before_the_next_look(
    watch: Watch, registrar: Registrar, leases: LeaseBucket, clock: Clock
) -> None:
    async with running(watch):
        await asyncio.sleep(0)
        await hold(leases, clock)
        watch.notice()
        await until_sent(registrar, 1)
    assert registrar.sent() == [CAME]


async def test_it_goes_on_when_something_was_away(
    view: Projector, registrar: Registrar, leases: LeaseBucket, clock: Clock
) -> None:
    await registrar.record_on(FLEET, enrolled())
    await view.catch_up(registrar.ledger)
    await hold(leases, clock)
    registrar.says = Problem(code="unavailable", reason="away", message="away")
    async with running(watching(view, registrar, leases, clock, life=1)):
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while registrar.refused < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        registrar.says = None
        await until_sent(registrar, 1)
