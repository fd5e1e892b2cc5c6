"""Does what runs become what is desired, and nothing else, whatever happens?"""

import asyncio
import base64
import os
import random
import signal
from pathlib import Path
from typing import Any

import orjson
import pytest

from rollbook.agent.state import Remembered
from rollbook.agent.worker import MIRROR_LAG_SECONDS
from rollbook.artifact import digest_of
from rollbook.commands.desired import Document
from rollbook.commands.target import ReportTarget
from rollbook.commands.wire import Problem, Request
from tests.events.agent.test_desired import NEWER, newer
from tests.support.agents import (
    MODEL,
    STAGE,
    TARGET,
    TIMEOUT_SECONDS,
    USER,
    EdgeSite,
    artifact,
    desired_set,
    process,
    recorded,
    running,
    until,
    variant,
)

ACKNOWLEDGED_1 = ("acknowledged", 1, None)
APPLIED_1 = ("applied", 1, None)
APPLIED = (ACKNOWLEDGED_1, APPLIED_1)
APPLIED_2 = (("acknowledged", 2, None), ("applied", 2, None))


async def test_what_is_desired_at_start_is_served(site: EdgeSite) -> None:
    await site.desire(desired_set(variant(artifact(site.folder, b"one"))))
    async with running(site.settings()):
        await site.until_said(*APPLIED)
    assert (site.current / "model.bin").read_bytes() == b"one"


async def test_a_wake_brings_the_next_version_at_once(site: EdgeSite) -> None:
    async with running(site.settings()):
        await site.desire(desired_set(variant(artifact(site.folder, b"one"))))
        await site.until_said(*APPLIED)
        second = variant(artifact(site.folder, b"two"), 2)
        await site.desire(desired_set(second, revision=2))
        await site.until_said(*APPLIED, *APPLIED_2)
    assert (site.current / "model.bin").read_bytes() == b"two"


async def test_a_document_that_comes_late_is_looked_for_soon(site: EdgeSite) -> None:
    event = desired_set(variant(artifact(site.folder, b"one")))
    key = f"{STAGE}.{TARGET}.acme.fraud"
    async with running(site.settings()):
        await site.announce(key, event.revision)
        await asyncio.sleep(1.5 * MIRROR_LAG_SECONDS)  # it has looked, and found none
        await site.write(event)  # and nobody wakes it
        await site.until_said(*APPLIED)


async def test_a_report_names_what_it_is_about(site: EdgeSite) -> None:
    served = variant(artifact(site.folder, b"one"))
    await site.desire(desired_set(served, token=7))
    async with running(site.settings()):
        await site.until_said(*APPLIED)
    first, second = site.requests
    assert isinstance(first.command, ReportTarget)
    assert isinstance(second.command, ReportTarget)
    report = second.command.report
    assert (report.stage, report.target, report.agent) == (STAGE, TARGET, USER)
    assert (report.token, report.promotion) == (7, 1)
    assert report.observed == {"stable": served.digest}
    assert first.command.report.observed == {}
    assert report.seq == first.command.report.seq + 1
    assert second.id == f"agent/{USER}/{MODEL}/{report.seq}"


async def test_nothing_desired_serves_nothing(site: EdgeSite) -> None:
    await site.desire(desired_set(variant(artifact(site.folder, b"one"))))
    async with running(site.settings()):
        await site.until_said(*APPLIED)
        await site.desire(desired_set(None, revision=2))
        await site.until_said(*APPLIED, *APPLIED_2)
    assert not site.current.exists()


async def test_a_restart_applies_nothing_twice(site: EdgeSite) -> None:
    await site.desire(desired_set(variant(artifact(site.folder, b"one"))))
    async with running(site.settings()):
        await site.until_said(*APPLIED)
    switched = site.current.lstat().st_ino
    async with running(site.settings()):
        await site.desire(
            desired_set(variant(artifact(site.folder, b"two"), 2), revision=2)
        )
        await site.until_said(*APPLIED, *APPLIED_2)
    assert site.current.lstat().st_ino != switched


async def test_other_bytes_than_were_registered_are_not_served(site: EdgeSite) -> None:
    await site.desire(desired_set(variant(artifact(site.folder, b"one"))))
    async with running(site.settings()):
        await site.until_said(*APPLIED)
        changed = artifact(site.folder, b"two")
        desired = variant(changed, 2)
        changed.write_bytes(b"TWO")
        await site.desire(desired_set(desired, revision=2))
        await site.until_said(
            *APPLIED,
            ("acknowledged", 2, None),
            ("unapplied", 2, "digest_mismatch"),
        )
    assert (site.current / "model.bin").read_bytes() == b"one"
    last = site.requests[-1].command
    assert isinstance(last, ReportTarget)
    assert [*last.report.observed] == ["other"]


async def test_another_size_than_was_registered_is_not_served(site: EdgeSite) -> None:
    right = variant(artifact(site.folder, b"one"))
    await site.desire(desired_set(right.model_copy(update={"size_bytes": 2})))
    async with running(site.settings()):
        await site.until_said(ACKNOWLEDGED_1, ("unapplied", 1, "digest_mismatch"))
    assert not site.current.exists()


async def test_a_missing_artifact_is_the_platforms_fault(site: EdgeSite) -> None:
    file = artifact(site.folder, b"one")
    desired = variant(file)
    file.unlink()
    await site.desire(desired_set(desired))
    async with running(site.settings()):
        await site.until_said(ACKNOWLEDGED_1, ("unapplied", 1, "artifact_unreachable"))


async def test_a_missing_artifact_is_applied_once_it_is_there(site: EdgeSite) -> None:
    file = artifact(site.folder, b"one")
    desired = variant(file)
    file.unlink()
    await site.desire(desired_set(desired))
    async with running(site.settings(resync=0.2)):
        await site.until_said(ACKNOWLEDGED_1, ("unapplied", 1, "artifact_unreachable"))
        file.write_bytes(b"one")
        await site.until_said(
            ACKNOWLEDGED_1, ("unapplied", 1, "artifact_unreachable"), APPLIED_1
        )


async def test_a_truncated_artifact_is_not_served(site: EdgeSite) -> None:
    file = artifact(site.folder, b"one")
    desired = variant(file)
    file.write_bytes(b"on")
    await site.desire(desired_set(desired))
    async with running(site.settings()):
        await site.until(
            lambda: bool(site.said()) and site.said()[-1][0] == "unapplied"
        )
    assert not site.current.exists()


@pytest.mark.parametrize("changes", NEWER.values(), ids=NEWER)
async def test_what_a_newer_release_wrote_is_reported_once_and_changes_nothing(
    site: EdgeSite, changes: dict[str, Any]
) -> None:
    one = variant(artifact(site.folder, b"one"))
    key = await site.desire(desired_set(one))
    async with running(site.settings(resync=0.1)):
        await site.until_said(*APPLIED)
        later = desired_set(variant(artifact(site.folder, b"two"), 2), revision=2)
        await site.put(key, newer(later, changes))
        unreadable = ("unapplied", 2, "unreadable_document")
        await site.until_said(*APPLIED, unreadable)
        assert (site.current / "model.bin").read_bytes() == b"one"
        await site.desire(desired_set(one, revision=3))
        await site.until_said(
            *APPLIED, unreadable, ("acknowledged", 3, None), ("applied", 3, None)
        )


async def test_a_document_nobody_signed_changes_nothing(
    site: EdgeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    key = await site.desire(desired_set(variant(artifact(site.folder, b"one"))))
    async with running(site.settings()):
        await site.until_said(*APPLIED)
        evil = variant(artifact(site.folder, b"evil"), 2)
        genuine = Document.model_validate_json(
            (await site.bucket.get(key)).value or b""
        )
        event = orjson.loads(base64.b64decode(genuine.event))
        event["data"] |= {
            "revision": 9,
            "variants": {"stable": evil.model_dump(mode="json")},
        }
        body = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
        forged = genuine.model_copy(update={"event": base64.b64encode(body).decode()})
        await site.put(key, forged.model_dump_json().encode())
        await _until_told(capsys, "refused")
    assert (site.current / "model.bin").read_bytes() == b"one"
    assert site.said() == [*APPLIED]


@pytest.mark.parametrize(
    ("revision", "token"), [(1, 5), (6, 1)], ids=["older revision", "older token"]
)
async def test_an_old_document_is_refused_for_ever(
    site: EdgeSite, capsys: pytest.CaptureFixture[str], revision: int, token: int
) -> None:
    old = desired_set(
        variant(artifact(site.folder, b"old")), revision=revision, token=token
    )
    key = await site.desire(old)
    replayed = (await site.bucket.get(key)).value or b""
    new = desired_set(variant(artifact(site.folder, b"new"), 2), revision=5, token=5)
    await site.desire(new)
    said = [("acknowledged", 5, None), ("applied", 5, None)]
    async with running(site.settings()):
        await site.until_said(*said)
        await site.put(key, replayed)
        await _until_told(capsys, "refused")
    async with running(site.settings()):  # what was seen outlives the process
        await _until_told(capsys, "refused")
    assert (site.current / "model.bin").read_bytes() == b"new"
    assert site.said() == said


async def test_a_document_for_another_target_is_refused(
    site: EdgeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    own = await site.desire(desired_set(variant(artifact(site.folder, b"one"))))
    other = desired_set(
        variant(artifact(site.folder, b"two"), 2), revision=2, target="elsewhere"
    )
    async with running(site.settings()):
        await site.until_said(*APPLIED)
        foreign = await site.desire(other)
        value = (await site.bucket.get(foreign)).value or b""
        await site.put(own, value)
        await _until_told(capsys, "foreign_target")
    assert (site.current / "model.bin").read_bytes() == b"one"


async def test_reports_wait_for_a_registrar(site: EdgeSite) -> None:
    answers: list[str] = []

    def nobody(request: Request) -> Problem:
        answers.append(request.id)
        return Problem(code="unavailable", reason="away", message="later")

    site.answer = nobody
    await site.desire(desired_set(variant(artifact(site.folder, b"one"))))
    settings = site.settings()
    async with running(settings):
        await until(lambda: site.current.exists() and bool(answers))
        await until(lambda: len(_remembered(settings.config.state_file).reports) == 2)
    site.requests.clear()
    site.answer = lambda request: recorded(request, 1)
    async with running(settings):
        await site.until_said(*APPLIED)
        await until(lambda: not _remembered(settings.config.state_file).reports)


async def test_a_refused_report_is_dropped_and_told(
    site: EdgeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    site.answer = lambda request: Problem(
        code="stale-report", reason="stale_token", message="The lane has moved on."
    )
    await site.desire(desired_set(variant(artifact(site.folder, b"one"))))
    settings = site.settings()
    async with running(settings):
        await site.until_said(*APPLIED)
        await _until_told(capsys, "The lane has moved on. [stale-report]")
    assert not _remembered(settings.config.state_file).reports


async def test_the_server_may_die_and_come_back(site: EdgeSite) -> None:
    await site.desire(desired_set(variant(artifact(site.folder, b"one"))))
    async with running(site.settings()):
        await site.until_said(*APPLIED)
        await site.nats.kill9()
        assert (site.current / "model.bin").read_bytes() == b"one"
        second = desired_set(variant(artifact(site.folder, b"two"), 2), revision=2)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                try:
                    await site.desire(second)
                except Exception:  # noqa: BLE001 - the stand-in reconnects, too
                    await asyncio.sleep(0.05)
                else:
                    break
        await site.until_said(*APPLIED, *APPLIED_2)


async def test_a_killed_agent_switches_again_after_its_restart(site: EdgeSite) -> None:
    """The link had moved, but nobody had told the server that loads from it."""
    served = variant(artifact(site.folder, b"one"))
    await site.desire(desired_set(served))
    started, go, log = (site.folder / name for name in ("started", "go", "log"))
    script = site.folder / "switch.sh"
    script.write_text(
        f"#!/bin/sh\nif [ ! -e {go} ]; then echo $$ > {started}.new\n"
        f"mv {started}.new {started}\nexec sleep 60; fi\n"
        f"echo $ROLLBOOK_VERSION >> {log}\n"
    )
    script.chmod(0o755)
    arguments = ["--on-switch", str(script)]
    credentials = site.credentials()
    async with process(credentials, site.root, arguments) as agent:
        await until(started.exists)
        agent.kill()
        await agent.wait()
    os.kill(int(started.read_text()), signal.SIGKILL)
    assert not log.exists()
    go.touch()
    async with process(credentials, site.root, arguments) as agent:
        await site.until_said(*APPLIED)
        agent.terminate()
        assert await agent.wait() == 0
    assert log.read_text() == "1\n"


async def test_whenever_it_is_killed_only_verified_bytes_are_served(
    site: EdgeSite,
) -> None:
    first = artifact(site.folder, b"small")
    await site.desire(desired_set(variant(first)))
    credentials = site.credentials()
    async with process(credentials, site.root):
        await site.until_said(*APPLIED)
    large = artifact(site.folder, random.Random(7).randbytes(40_000_000))
    desired = variant(large, 2)
    await site.desire(desired_set(desired, revision=2))
    known = {desired.digest, variant(first).digest}
    for attempt in range(6):
        async with process(credentials, site.root) as agent:
            assert agent.stdout is not None
            await agent.stdout.readline()  # it has begun
            with_luck = 0.02 * attempt
            try:
                async with asyncio.timeout(with_luck):
                    await agent.wait()
            except TimeoutError:
                agent.kill()
        assert digest_of(site.current / "model.bin")[0] in known
    async with process(credentials, site.root):
        await site.until_said(*APPLIED, *APPLIED_2)
    assert digest_of(site.current / "model.bin")[0] == desired.digest


async def test_a_term_signal_ends_it_cleanly(site: EdgeSite) -> None:
    async with process(site.credentials(), site.root) as agent:
        assert agent.stdout is not None
        first = await agent.stdout.readline()
        assert first.startswith(b"agent production/main   serving nothing yet")
        agent.terminate()
        async with asyncio.timeout(5):
            assert await agent.wait() == 0


def _remembered(file: Path) -> Remembered:
    return Remembered.model_validate_json(file.read_bytes())


async def _until_told(capsys: pytest.CaptureFixture[str], text: str) -> None:
    told = ""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while text not in told:
                await asyncio.sleep(0.01)
                told += capsys.readouterr().out
    except TimeoutError:
        raise AssertionError(told) from None
