"""Who may begin something, and what if the conductor says no, or nothing?"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from rollbook.agent import outside
from rollbook.agent.config import Config
from rollbook.agent.lease import LIVES, LeaseKeeper, Standing
from rollbook.agent.outside import Outside
from rollbook.agent.promised import Promised
from rollbook.commands.desired import Lease, LeaseRequest
from rollbook.commands.wire import Problem
from rollbook.errors import Misconfigured, Unavailable
from rollbook.ledger.edge import Edge
from rollbook.names import StageName
from tests.support.agents import (
    STAGE,
    TOKEN,
    EdgeSite,
    Said,
    desired_set,
    running,
    site_lease,
)
from tests.support.files_driver import FilesDriver

APPLIED: tuple[Said, ...] = (("acknowledged", 1, None), ("applied", 1, None))
APPLIED_2: tuple[Said, ...] = (("acknowledged", 2, None), ("applied", 2, None))
ANOTHER = Problem(code="conflict", reason="another_session", message="It is held.")
FORBIDDEN = Problem(code="forbidden", reason="forbidden", message="Not yours.")


async def one(site: EdgeSite, revision: int = 1, *, content: bytes = b"one") -> None:
    await site.desire(desired_set(site.artifact(content, revision), revision=revision))


async def test_a_drained_agent_begins_nothing_and_catches_up_later(
    site: EdgeSite, files: FilesDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    site.renew_seconds = 1.0
    await one(site)
    async with running(site.settings(), files):
        await site.until_said(*APPLIED)
        site.is_drained = True
        await until_told(capsys, "drained")
        await one(site, 2, content=b"two")
        await site.until_leased()
        await site.until_leased()
        assert site.said() == [*APPLIED]
        assert files.tries == 1
        site.is_drained = False
        await site.until_said(*APPLIED, *APPLIED_2)


async def test_of_two_processes_one_stands_by_until_the_other_is_gone(
    site: EdgeSite, files: FilesDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    holding = Holding(site)
    site.leasing, site.renew_seconds = holding.answer, 1.0
    await one(site)
    second = FilesDriver(site.folder / "second")
    async with AsyncExitStack() as first:
        await first.enter_async_context(running(site.settings(), files))
        await site.until_said(*APPLIED)
        async with running(site.settings(root=second.root), second):
            await until_told(capsys, "standby")
            await one(site, 2, content=b"two")
            await site.until_said(*APPLIED, *APPLIED_2)
            assert (files.tries, second.tries) == (2, 0)
            await first.aclose()
            holding.session = None  # its time is over
            await site.until_said(*APPLIED, *APPLIED_2, *APPLIED_2)
    assert second.served == [files.served[-1]]
    numbers = [each.report.seq for each in site.reports()]
    assert numbers == sorted(numbers)


async def test_the_session_outlives_a_restart(
    site: EdgeSite, files: FilesDriver
) -> None:
    """So that a killed agent need not wait for the end of its own lease."""
    site.leasing = Holding(site).answer
    await one(site)
    async with running(site.settings(), files):
        await site.until_said(*APPLIED)
    await one(site, 2, content=b"two")
    async with running(site.settings(), files):
        await site.until_said(*APPLIED, *APPLIED_2)
    assert len({each.session for each in site.leases}) == 1


async def test_two_processes_cannot_share_a_session(
    site: EdgeSite, files: FilesDriver
) -> None:
    await one(site)
    async with running(site.settings(), files):
        await site.until_said(*APPLIED)
        with pytest.raises(Misconfigured, match="another agent"):
            async with running(site.settings(), files) as second:
                await second


async def test_another_agents_credential_is_refused_and_it_keeps_serving(
    site: EdgeSite, files: FilesDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    def own_only(asked: LeaseRequest, token: str) -> Lease | Problem:
        return site_lease(site) if token == TOKEN else FORBIDDEN

    site.leasing = own_only
    await one(site)
    async with running(site.settings(), files):
        await site.until_said(*APPLIED)
    await one(site, 2, content=b"two")
    async with running(site.settings(token="rbk_foreign"), files):
        await until_told(capsys, "Not yours. [forbidden]")
        await one(site, 3, content=b"three")
        await site.until_leased()
    assert files.tries == 1
    assert site.said() == [*APPLIED]


async def test_while_nobody_answers_nothing_is_changed_and_then_all_is(
    site: EdgeSite, files: FilesDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    site.renew_seconds = 1.0
    await one(site)
    async with running(site.settings(), files):
        await site.until_said(*APPLIED)
        site.leasing = lambda asked, token: None
        await until_told(capsys, "away")
        site.leasing = None
        await one(site, 2, content=b"two")  # which wakes it: somebody is there
        await site.until_said(*APPLIED, *APPLIED_2)


async def test_what_happened_in_a_week_is_healed_by_the_first_lease(
    site: EdgeSite, files: FilesDriver
) -> None:
    await one(site)
    async with running(site.settings(), files):
        await site.until_said(*APPLIED)
    for revision in range(2, 40):
        await one(site, revision, content=b"%d" % revision)
    async with running(site.settings(resync=3600), files):
        await site.until_said(*APPLIED, *_applied(39))
    assert len(files.served) == 2


async def test_missed_wakes_are_healed_by_the_next_lease(
    site: EdgeSite, files: FilesDriver
) -> None:
    site.renew_seconds = 1.0
    await one(site)
    async with running(site.settings(resync=3600), files):
        await site.until_said(*APPLIED)
        event = desired_set(site.artifact(b"two", 2), revision=2)
        key = await site.write(event)
        site.revisions[key] = 2
        await site.until_said(*APPLIED, *APPLIED_2)


async def test_a_clock_that_is_off_only_dates_the_reports(
    site: EdgeSite, files: FilesDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one(site)
    async with running(site.settings(), files):
        await site.until_said(*APPLIED)
    _set_clock(monkeypatch, timedelta(minutes=-10))
    await one(site, 2, content=b"two")
    async with running(site.settings(), files):
        await site.until_said(*APPLIED, *APPLIED_2)
        _set_clock(monkeypatch, timedelta(minutes=10))
        await one(site, 3, content=b"three")
        await site.until_said(*APPLIED, *APPLIED_2, *_applied(3))
    numbers = [each.report.seq for each in site.reports()]
    assert numbers == [*range(numbers[0], numbers[0] + 6)]
    off = site.reports()[-1].report.reported_at.timestamp() - time.time()
    assert 9 * 60 < off < 11 * 60


@dataclass(slots=True)
class Holding:
    """One session at a time, as the conductor's lease bucket has it."""

    site: EdgeSite
    session: str | None = None

    def answer(self, asked: LeaseRequest, token: str) -> Lease | Problem:
        self.session = self.session or asked.session
        return site_lease(self.site) if asked.session == self.session else ANOTHER


@dataclass(slots=True)
class Clock:
    """A monotonic clock that a test moves on."""

    at: float = 100.0

    def __call__(self) -> float:
        return self.at


@dataclass(slots=True)
class Asked:
    """Stands in for the connection where only the answers matter."""

    answers: list[Lease | Problem | bytes | None] = field(default_factory=list)
    reconnects: int = 0

    async def lease(self, body: bytes) -> bytes:
        answer = self.answers.pop(0)
        if answer is None:
            raise Unavailable("nobody is there")
        if isinstance(answer, bytes):
            return answer
        return answer.model_dump_json().encode()


async def test_a_lease_ends_by_itself(tmp_path: Path) -> None:
    clock = Clock()
    keeper = _keeper(tmp_path, clock)
    granted = Lease(keys={f"{STAGE}.default.acme.fraud": 3}, renew_seconds=10)
    assert not keeper.may_begin()
    assert await _ask(keeper, granted) == [None]
    assert keeper.may_begin()
    clock.at += LIVES * 10 - 1
    await _ask(keeper, None)
    assert (keeper.standing, keeper.may_begin()) == (Standing.AWAY, True)
    clock.at += 2
    assert not keeper.may_begin()
    assert await _ask(keeper, granted) == [None]  # everything is looked at
    assert await _ask(keeper, granted) == []
    more = granted.model_copy(update={"keys": {f"{STAGE}.default.acme.fraud": 4}})
    assert await _ask(keeper, more) == [f"{STAGE}.default.acme.fraud"]


@pytest.mark.parametrize("no", [ANOTHER, FORBIDDEN])
async def test_a_no_takes_it_away_at_once(tmp_path: Path, no: Problem) -> None:
    keeper = _keeper(tmp_path, Clock())
    await _ask(keeper, Lease())
    await _ask(keeper, no)
    assert not keeper.may_begin()


async def test_a_conductor_that_cannot_keep_it_now_is_away(tmp_path: Path) -> None:
    keeper = _keeper(tmp_path, Clock())
    await _ask(keeper, Lease())
    await _ask(keeper, Problem(code="unavailable", reason="away", message="Later."))
    assert (keeper.standing, keeper.may_begin()) == (Standing.AWAY, True)


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"[]", b'{"keys": {"a": -1}}'])
async def test_an_answer_nobody_can_read_is_none(tmp_path: Path, answer: bytes) -> None:
    keeper = _keeper(tmp_path, Clock())
    await _ask(keeper, answer)
    assert keeper.standing is Standing.AWAY


async def _ask(
    keeper: LeaseKeeper, *answers: Lease | Problem | bytes | None
) -> list[str | None]:
    asked: Edge = Asked([*answers])  # type: ignore[assignment]
    return [*await keeper.renew(asked)]


def _keeper(folder: Path, clock: Clock) -> LeaseKeeper:
    told = Outside(
        is_stopping=lambda: False, monotonic=clock, tell=lambda word, line: None
    )
    config = Config(stage=StageName(STAGE), root=folder)
    promised = Promised(f"{STAGE}.default.")
    return LeaseKeeper(
        config, "session", promised=promised, outside=told, taken_over=lambda: None
    )


def _applied(revision: int) -> tuple[Said, ...]:
    return (("acknowledged", revision, None), ("applied", revision, None))


def _set_clock(monkeypatch: pytest.MonkeyPatch, off: timedelta) -> None:
    wrong = SimpleNamespace(
        time=lambda: time.time() + off.total_seconds(), monotonic=time.monotonic
    )
    monkeypatch.setattr(outside, "time", wrong)


async def until_told(capsys: pytest.CaptureFixture[str], text: str) -> str:
    told = ""
    try:
        async with asyncio.timeout(20):
            while text not in told:
                await asyncio.sleep(0.01)
                told += capsys.readouterr().out
    except TimeoutError:
        raise AssertionError(told) from None
    return told
