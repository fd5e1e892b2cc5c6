"""Does each fault at a target end in the right state, with a record of it?

Real agents under real services; what is faulty is the artifact, the web, the disk, the
driver, the credential or the clock.
"""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import pytest
import pytest_asyncio

from rollbook import subjects
from rollbook.catalogue.promotion import RollbackTriggered
from rollbook.catalogue.target import TargetApplied, TargetErrored, TargetFailed
from rollbook.names import ModelName
from tests.events.agent.artifact_server import Page, artifact_server
from tests.journeys.rolling import QUICK, Fleet, content, fleet, is_sound
from tests.support.children import Child

ERRORS: Final = {"metric": "error_rate", "expr": "value < 0.1", "on_missing": "pause"}
TARGETS: Final = ("eu-1", "eu-2", "us-1")
TAKEN_BACK: Final[dict[str, Any]] = {
    "strategy": {"all_at_once": {"analysis": [ERRORS]}},
    "rollback": {"when": ["failed"]},
}
# As which target a thief with eu-1's token runs, and with whose NATS user.
STOLEN: Final = {
    "token": ("eu-2", "eu-2"),
    "identity": ("eu-2", "eu-1"),
    "name": ("eu-1", "eu-2"),
}
STAGES: Final[dict[str, dict[str, Any]]] = {
    "bytes": {"targets": TARGETS, **TAKEN_BACK},
    "web": {"targets": ["eu-1"]},
    "disk": {"targets": ["eu-1"]},
    "hangs": {"targets": ["eu-1"]},
    "crashes": {"targets": ["eu-1"], "rollback": {"when": ["errored"]}},
    "lies": {"targets": ["eu-1"], **TAKEN_BACK},
    **{f"thief-{stolen}": {"targets": ["eu-1", "eu-2"]} for stolen in STOLEN},
    "clock": {"targets": ["eu-1", "eu-2"]},
}
PLACES: Final = [
    f"{stage}/{target}" for stage, said in STAGES.items() for target in said["targets"]
]
ROOM_BYTES: Final = 1_500_000
OFF: Final = timedelta(minutes=10)
SCRIPT: Final = """\
#!/bin/sh
# Serves version 1, and does to any other what the model's name says.
home="$(dirname "$0")"
if [ "$ROLLBOOK_ACTION" = apply ]; then
  if [ "$ROLLBOOK_VERSION" != 1 ]; then
    case "$ROLLBOOK_MODEL" in
      hangs) exec sleep 600;;
      crashes) rm "$home/runs"; kill -9 $$;;
      lies) exit 0;;
    esac
  fi
  echo "$ROLLBOOK_DIGEST" > "$home/new" && mv "$home/new" "$home/runs"
elif [ "$ROLLBOOK_ACTION" = observe ]; then
  runs=""
  [ -f "$home/runs" ] && runs="\\"$(cat "$home/runs")\\": null"
  echo "{\\"runs\\": {$runs}}"
fi
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """Run an installation; after all faults its ledger must vouch for all of it."""
    async with fleet(tmp_path_factory.mktemp("faults") / "site", PLACES) as found:
        stages = [{"name": name, **said} for name, said in STAGES.items()]
        await found.rules(list(STAGES), stages)
        yield found
        await is_sound(found)


async def proved(site: Fleet, stage: str, *targets: str, said: str = QUICK) -> None:
    """Let version 1 run where it has to prove itself before it may."""
    await site.model(stage)
    number = await site.request(stage, 1, stage)
    await site.until(stage, number, "DISPATCHED")
    await site.measure(stage, number, 0.0)
    await site.start(stage, *targets, said=said)
    await site.until(stage, number, "SUCCEEDED")


async def taken_back(site: Fleet, stage: str, number: int, code: str) -> None:
    """Expect that a version failed, and that the one before it came back by itself."""
    row = await site.until(stage, number, "FAILED", "ERRORED")
    assert row["reason_code"] == code
    [triggered] = await site.told(RollbackTriggered, of=stage)
    assert triggered.failed_promotion == number
    assert triggered.promotion == number + 1
    await site.until(stage, number + 1, "SUCCEEDED")


async def test_other_bytes_than_were_registered_are_served_nowhere(
    site: Fleet,
) -> None:
    stage = "bytes"
    await proved(site, stage, *TARGETS)
    other = b"x" * len(content(stage, 2))
    site.artifact(stage, 2).write_bytes(other)
    number = await site.request(stage, 2, stage)
    await taken_back(site, stage, number, "digest_mismatch")
    failed = await site.told(TargetFailed, of=stage)
    assert {each.reason_code for each in failed} == {"digest_mismatch"}
    await site.until_served(stage, TARGETS, stage, 1)
    kept = [file for file in site.folder.glob("served/bytes.*/**/*") if file.is_file()]
    assert kept
    assert other not in [file.read_bytes() for file in kept]


async def test_a_download_that_breaks_off_is_taken_up_or_reported(site: Fleet) -> None:
    stage = "web"
    await site.model(stage, versions=1)
    with artifact_server() as web:
        for number in (2, 3):
            whole = content(stage, number) * 1_000
            file = site.artifact(stage, number)
            file.write_bytes(whole)
            page = Page(whole, cut_after=len(whole) // 2, has_ranges=number == 2)
            web.pages[f"/{number}.bin"] = page
            await site.publish(stage, file, uri=f"{web.url}/{number}.bin")
        await site.start(stage, "eu-1", said=QUICK.replace("tries = 2", "tries = 5"))
        await site.live(stage, 1, stage)
        await site.live(stage, 2, stage)
        assert (site.served(stage, "eu-1", stage) or b"").startswith(b"web 2")
        assert len([path for path, _ in web.asked if path == "/2.bin"]) > 1
        number = await site.request(stage, 3, stage)
        row = await site.until(stage, number, "ERRORED")
    assert row["reason_code"] == "artifact_unreachable"
    assert (site.served(stage, "eu-1", stage) or b"").startswith(b"web 2")


async def test_a_full_disk_is_reported_and_filled_up_once_there_is_room(
    site: Fleet,
) -> None:
    stage, target = "disk", "eu-1"
    await site.model(stage, versions=1)
    await site.start(stage, target)
    await site.live(stage, 1, stage)
    site.agents[f"{stage}.{target}"].stop()
    file = site.artifact(stage, 2)
    file.write_bytes(b"2" * (ROOM_BYTES + 1_000))  # all but the last write fits
    await site.publish(stage, file)
    limit = f"import resource as r; r.setrlimit(r.RLIMIT_FSIZE, ({ROOM_BYTES},) * 2)"
    with peculiar(site.agent(stage, target), limit):
        number = await site.request(stage, 2, stage)
        row = await site.until(stage, number, "ERRORED")
        assert row["reason_code"] == "no_capacity"
    assert site.served(stage, target, stage) == content(stage, 1)
    [errored] = await site.told(TargetErrored, of=stage)
    await site.start(stage, target)
    applied = await site.until_told(
        TargetApplied,
        lambda each: each.report.revision == errored.report.revision,
        of=stage,
    )
    assert applied.report.observed == {"stable": site.digests[stage, 2]}
    assert site.served(stage, target, stage) == file.read_bytes()


@contextmanager
def peculiar(agent: Child, beginning: str) -> Iterator[None]:
    """Run an agent in a fresh Python in which something was done beforehand."""
    _, _, *arguments = agent.arguments
    program = (
        f"import sys; {beginning}; from rollbook.agent.line import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    agent.folder.mkdir(parents=True, exist_ok=True)
    with (agent.folder / "peculiar.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments], stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.kill()
            process.wait()


def scripted(site: Fleet, stage: str, *, deadline: str = "60s") -> str:
    """Write a driver of somebody's own; return the agent's file that names it."""
    script = site.folder / stage / "driver.sh"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    script.chmod(0o700)
    return (
        f"{QUICK}[driver]\nname = 'command'\ncommand = ['{script}']\n"
        f"deadline = '{deadline}'\n"
    )


def runs(site: Fleet, stage: str) -> str:
    return (site.folder / stage / "runs").read_text().strip()


async def test_a_driver_that_hangs_is_ended_and_reported(site: Fleet) -> None:
    stage = "hangs"
    await site.model(stage)
    await site.start(stage, "eu-1", said=scripted(site, stage, deadline="0.5s"))
    await site.live(stage, 1, stage)
    number = await site.request(stage, 2, stage)
    row = await site.until(stage, number, "ERRORED")
    assert row["reason_code"] == "driver_timeout"
    assert runs(site, stage) == site.digests[stage, 1]
    [errored] = await site.told(TargetErrored, of=stage)
    assert list(errored.report.observed.values()) == [site.digests[stage, 1]]


async def test_a_driver_that_crashes_half_way_serves_again_what_ran(
    site: Fleet,
) -> None:
    stage = "crashes"
    await site.model(stage)
    await site.start(stage, "eu-1", said=scripted(site, stage))
    await site.live(stage, 1, stage)
    number = await site.request(stage, 2, stage)
    await taken_back(site, stage, number, "driver_error")
    [errored] = await site.told(TargetErrored, of=stage)
    assert list(errored.report.observed.values()) == [site.digests[stage, 1]]
    assert runs(site, stage) == site.digests[stage, 1]


async def test_a_driver_that_lies_about_success_is_not_believed(site: Fleet) -> None:
    stage = "lies"
    await proved(site, stage, "eu-1", said=scripted(site, stage))
    number = await site.request(stage, 2, stage)
    await taken_back(site, stage, number, "digest_mismatch")
    applied = await site.told(TargetApplied, of=stage)
    assert [each.report.promotion for each in applied] == [number - 1, number + 1]
    assert runs(site, stage) == site.digests[stage, 1]


@pytest.mark.parametrize("stolen", STOLEN)
async def test_anothers_credential_opens_nothing(site: Fleet, stolen: str) -> None:
    stage, (target, whose_user) = f"thief-{stolen}", STOLEN[stolen]
    await site.model(stage)
    await site.start(stage, "eu-1")
    number = await site.request(stage, 1, stage)
    await site.until_told(TargetApplied, of=stage)
    held = json.loads(site.credentials.read_text())
    agents = held["agents"]
    token = agents[f"{stage}/eu-1"]["token"]
    agents[f"{stage}/{target}"] = {**agents[f"{stage}/{whose_user}"], "token": token}
    file = site.folder / f"{stage}.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(held))
    thief = site.agent(stage, target, name=f"{stage}.thief", credentials=file)
    thief.start()
    await thief.ready("no lease, still serving what runs")
    assert "[forbidden]" in thief.told()
    await site.start(stage, "eu-2")
    await site.until(stage, number, "SUCCEEDED")
    thief.stop()
    assert not [*site.root(f"{stage}.thief").glob("default")]
    applied = await site.told(TargetApplied, of=stage)
    assert [(each.report.target, each.report.agent) for each in applied] == [
        (name, f"agent-{stage}-{name}") for name in ("eu-1", "eu-2")
    ]


async def test_clocks_ten_minutes_off_change_nothing(site: Fleet) -> None:
    stage = "clock"
    await site.model(stage, versions=3)
    with (
        peculiar(site.agent(stage, "eu-1"), shifted(-OFF)),
        peculiar(site.agent(stage, "eu-2"), shifted(OFF)),
    ):
        await site.live(stage, 1, stage)
        await site.live(stage, 2, stage)
    await site.start(stage, "eu-1", "eu-2")
    await site.live(stage, 3, stage)
    off = {"eu-1": -OFF, "eu-2": OFF}
    applied = [
        each
        for each in await site.story(subjects.model(ModelName(stage)))
        if isinstance(each.event, TargetApplied)
    ]
    assert len(applied) == 6
    for each in applied:
        assert isinstance(each.event, TargetApplied)
        report = each.event.report
        wanted = off[report.target] if report.promotion < 3 else timedelta(0)
        assert abs(report.reported_at - each.at - wanted) < timedelta(minutes=1)


def shifted(by: timedelta) -> str:
    """Set a process's clock forward, or back."""
    shift = by.total_seconds()
    return f"import time as t; right = t.time; t.time = lambda: right() + {shift}"
