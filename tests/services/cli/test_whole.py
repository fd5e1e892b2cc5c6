"""Does a fleet of real agents do what the command line says, and is it seen to?"""

import json
import os
import pty
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from rollbook_services.local.demo.machinery import (
    agent,
    installation,
    rollbook_script,
)

TARGETS: Final = ("eu-1", "eu-2", "us-1")
SECONDS: Final = 30.0
RULES: Final = """\
apiVersion: rollbook/v1
kind: ReleasePolicy
metadata: {name: edge-rules, owners: [risk]}
spec:
  applies_to: {models: ["*"]}
  stages:
    - name: edge
      targets: [eu-1, eu-2, us-1]
      strategy:
        canary:
          waves: [[eu-1], [eu-2, us-1]]
          steps: [{weight: 25}, {pause: model-owner}, {weight: 100}]
      drift: require_acceptance
"""
AGENT: Final = 'resync = "1s"\n[driver]\nname = "symlink"\nroutes = true\n'


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Read the answer."""
        return json.loads(self.out)["data"]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Rollbook with three agents, each enrolled by the command line."""

    folder: Path

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "ROLLBOOK_DATA": str(self.folder / "data"),
            "TERM": "xterm",
        }

    def __call__(self, *words: str, as_: str | None = None) -> Ended:
        """Type a command line, as the operator or as somebody with a token file."""
        whose = ["--token-file", f"{as_}.token"] if as_ else []
        ended = subprocess.run(
            [*rollbook_script(), *words, *whose],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def until(self, wanted: str, *words: str) -> str:
        """Type a command line until its answer shows something."""
        deadline = time.monotonic() + SECONDS
        while True:
            said = self(*words)
            if wanted in said.out + said.err:
                return said.out
            assert time.monotonic() < deadline, said
            time.sleep(0.1)

    def release(self, model: str, content: str) -> None:
        """Register bytes, and bring them to every target with both pauses resumed."""
        self.register(model, content)
        number = self("version", "list", model, "-o", "name").out.splitlines()[0]
        asked = self("promote", number, "--to", "edge", "-o", "name")
        assert asked.code == 0, asked.err
        self.resume(asked.out.strip())
        self.resume(asked.out.strip())
        assert self("watch", asked.out.strip(), "--timeout", "30s").code == 0

    def register(self, model: str, content: str) -> None:
        (self.folder / f"{model}-{content}").write_text(content)
        made = self("register", model, "--path", f"{model}-{content}")
        assert made.code == 0, made.err

    def resume(self, promotion: str) -> None:
        """Wait for the plan's pause and go on from it as the role it names."""
        self.until("paused", "promotions", promotion.partition(":")[0])
        said = self("resume", promotion, "-m", "looks good", as_="olga")
        assert said.code == 0, said.err


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    typed = Fleet(folder)
    (folder / "rules.yaml").write_text(RULES)
    (folder / "agent.toml").write_text(AGENT)
    with ExitStack() as running:
        running.enter_context(installation(folder / "data", folder / "up.log"))
        proposed = typed("policy", "propose", "rules.yaml", "-m", "x", "--json")
        digest = json.loads(proposed.out)["events"][-1]["data"]["digest"]
        assert typed("policy", "activate", "edge-rules", digest).code == 0
        olga = ("token", "create", "olga", "--role", "model-owner")
        assert typed(*olga, "--file", "olga.token").code == 0
        for target in TARGETS:
            file = f"{target}.json"
            enrolled = typed("agent", "enrol", f"edge/{target}", "--file", file)
            assert enrolled.code == 0, enrolled.err
            running.enter_context(
                agent(
                    "edge",
                    folder / target,
                    folder / f"{target}.log",
                    credentials=folder / file,
                    target=target,
                    config=folder / "agent.toml",
                )
            )
        yield typed


def cells(line: str) -> list[str]:
    return [cell for cell in re.split(r"\s{2,}", line.strip()) if cell]


def test_enrolled_agents_hold_their_leases_without_a_restart(fleet: Fleet) -> None:
    for target in TARGETS:
        fleet.until("present", "agent", "show", f"agent-edge-{target}")
    listed = fleet("agent", "list", "--stage", "edge").out.splitlines()
    assert [cells(line)[:3] for line in listed[1:]] == [
        [f"agent-edge-{target}", f"edge/{target}", "present"] for target in TARGETS
    ]
    nobody = fleet("agent", "drain", "agent-edge-eu-9", "-m", "x")
    assert nobody.code == 3
    assert "there is no agent agent-edge-eu-9" in nobody.err
    assert "agent-edge-eu-1" in nobody.err
    again = fleet("agent", "enrol", "edge/eu-1", "--file", "again.json")
    assert again.code == 6
    assert not (fleet.folder / "again.json").exists()


def test_a_canary_stops_for_its_role_and_is_deployed_step_by_step(
    fleet: Fleet,
) -> None:
    fleet.release("steps", "one")
    fleet.register("steps", "two")
    asked = fleet("promote", "steps@2", "--to", "edge", "-o", "name").out.strip()
    fleet.until("paused", "promotions", "steps")
    pending = fleet("watch", asked, "--until", "deployed", "--timeout", "0.1s")
    assert pending.code == 8
    assert "wave 1/2" in pending.err
    board = fleet("status", "steps", "--targets").out.splitlines()
    by_target = {cells(line)[1]: cells(line) for line in board[1:4]}
    assert by_target["eu-1"][2] == "steps@1 75 %, steps@2 25 %"
    assert by_target["eu-1"][3] == "steps@1, steps@2"
    assert by_target["us-1"][2:5] == ["steps@1", "steps@1", "applied"]
    inbox = fleet("inbox", as_="olga").out
    assert f"rollbook resume {asked}" in inbox
    refused = fleet("resume", asked, "-m", "not mine to say")
    assert refused.code == 4, refused.err
    stale = fleet("resume", asked, "--step", "0", "-m", "early", as_="olga")
    assert stale.code == 6, stale.err
    fleet.resume(asked)
    fleet.resume(asked)
    seen = fleet("watch", asked, "--until", "deployed", "--json", "--timeout", "30s")
    assert seen.code == 0
    assert {json.loads(line)["kind"] for line in seen.err.splitlines()} >= {"target"}
    runs = fleet("status", "steps", "--targets", "--json").data
    assert {each["runs"][0]["version"] for each in runs} == {2}
    assert all(0 < each["converged_ms"] < 30_000 for each in runs)
    assert fleet("status", "--targets", "--lagging").err.startswith("no target lags")


def test_the_targets_are_told_as_they_were_at_any_moment(fleet: Fleet) -> None:
    fleet.release("past", "one")
    head = int(json.loads(fleet("status", "--json").out)["seq"])
    asked = ("events", "list", "--model", "past", "--type", "target.applied")
    events = fleet(*asked, "--json").data
    first = min(int(each["seq"]) for each in events)
    line = ("status", "past", "--targets", "--json", "--as-of")
    before, then, now = (fleet(*line, str(at)).data for at in (first - 1, first, head))
    applied = [
        sum(each["state"] == "applied" for each in seen) for seen in (before, then, now)
    ]
    assert applied == [0, 1, 3]


def test_no_change_waits_for_a_drained_agent_which_catches_up(fleet: Fleet) -> None:
    fleet.release("resting", "one")
    assert fleet("agent", "drain", "agent-edge-us-1", "-m", "disks").code == 0
    heard(fleet.folder / "us-1.log", "nothing new is begun")
    fleet.release("resting", "two")
    left = fleet("status", "resting", "--targets", "--lagging").out
    assert "us-1" in left
    assert "drained" in left
    assert "eu-" not in left
    assert fleet("agent", "undrain", "agent-edge-us-1", "-m", "new disks").code == 0
    fleet.until("no target lags", "status", "resting", "--targets", "--lagging")


def heard(log: Path, word: str) -> None:
    """Wait until an agent says so: it hears of a drain when it renews its lease."""
    deadline = time.monotonic() + SECONDS
    while word not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def test_what_somebody_changed_by_hand_drifts_until_it_is_accepted(
    fleet: Fleet,
) -> None:
    fleet.release("drifting", "one")
    fleet.release("drifting", "two")
    home = fleet.folder / "eu-1" / "default" / "drifting"
    now = (home / "current").readlink()
    [before] = {each.name for each in (home / "versions").iterdir()} - {now.name}
    (home / "current").unlink()
    (home / "current").symlink_to(now.with_name(before))
    routes = home / "routes.json"
    swapped = routes.read_text().replace(now.name, before)
    digests = (now.name.replace("-", ":"), before.replace("-", ":"))
    routes.write_text(swapped.replace(*digests))
    fleet.until("require_acceptance", "drift", "list", "drifting")
    assert "drifted" in fleet("status", "drifting", "--targets").out
    accept = ("drift", "accept", "drifting", "--stage", "edge", "--target", "eu-1")
    assert fleet(*accept, "-m", "a hot fix").code == 0
    assert "a hot fix" in fleet("drift", "list", "drifting").out
    assert fleet(*accept, "-m", "again").code == 6


def test_a_terminal_shows_a_picture_and_an_interruption_leaves_it_going(
    fleet: Fleet,
) -> None:
    fleet.register("shown", "one")
    asked = fleet("promote", "shown@1", "--to", "edge", "-o", "name").out.strip()
    ours, theirs = pty.openpty()
    watching = subprocess.Popen(
        [*rollbook_script(), "watch", asked],
        cwd=fleet.folder,
        env=fleet.environment(),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    seen = b""
    while b"model-owner" not in seen:
        seen += os.read(ours, 65_536)
    watching.send_signal(2)
    while True:  # a terminal that nobody reads from would hold it up
        try:
            seen += os.read(ours, 65_536)
        except OSError:  # what a terminal says whose other end is closed
            break
    os.close(ours)
    assert watching.wait(20) == 130
    text = seen.decode()
    assert "█" in text
    assert "\x1b[" in text
    assert f"rollbook watch {asked}" in text
    assert "paused" in fleet("promotions", "shown").out
    assert watching.stdout is not None
    watching.stdout.close()


def test_a_revoked_agent_and_its_token_open_nothing(fleet: Fleet) -> None:
    enrolled = fleet("agent", "enrol", "edge/spare", "--file", "spare.json")
    assert enrolled.code == 0, enrolled.err
    held = json.loads((fleet.folder / "spare.json").read_text())["agents"]["edge/spare"]
    (fleet.folder / "spare.token").write_text(held["token"])
    assert fleet("agent", "revoke", "agent-edge-spare", "-m", "stolen").code == 0
    assert fleet("agent", "revoke", "agent-edge-spare", "-m", "stolen").code == 0
    shown = fleet("agent", "list", "--state", "revoked").out
    assert "stolen" in shown
    assert fleet("status", as_="spare").code == 4
