"""Can a fleet be rolled out to, watched and kept in order on the command line?

Against `rollbook up` and six agents, as real processes.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from tests.journeys.operating import (
    STEPS,
    RollOut,
    Site,
    begin,
    ended,
    enrol,
    goes_out,
    good,
    live,
    register,
    until,
)
from tests.journeys.shell import Rollbook, shell
from tests.support.children import Child

LEASE_SECONDS: Final = 2
PLACES: Final = {
    "edge": ("eu-1", "eu-2", "us-1"),
    "core": ("main", "spare"),
    "gone": ("only",),
}
RULES: Final = """\
apiVersion: rollbook/v1
kind: ReleasePolicy
metadata: {name: fleet-rules}
spec:
  applies_to: {models: [stepwise, failing, drifting, resting, silent, barred]}
  stages:
    - name: edge
      targets: [eu-1, eu-2, us-1]
      strategy:
        canary:
          split_key: "header:x-customer"
          waves: [[eu-1], [eu-2, us-1]]
          steps: [{weight: 20, bake: 1s}, {weight: 100, bake: 1s}]
          analysis: [{metric: error_rate, expr: "value < 0.05", on_missing: pause}]
      rollback: {when: [failed]}
      drift: alert
    - name: core
      targets: [main, spare]
      drift: require_acceptance
    - name: gone
      targets: [only]
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run Rollbook for this file, with leases that are soon over; agents end first."""
    site = Site(tmp_path_factory.mktemp("fleet"))
    leases = {"ROLLBOOK_CONDUCTOR__LEASE_SECONDS": str(LEASE_SECONDS)}
    data = str(site.folder / "data")
    with ExitStack() as ending:
        up = Child(["up", "--data", data], site.folder / "up", leases)
        ending.callback(up.stop)
        begin(up, "Ready in")
        ending.callback(site.stop)
        yield site


@pytest.fixture
def rollbook(
    running: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Rollbook:
    """Type command lines in an empty directory."""
    data = running.folder / "data"
    return shell(data, tmp_path, monkeypatch=monkeypatch, capsys=capsys)


@pytest.fixture
def site(running: Site, rollbook: Rollbook) -> Site:
    """Put the rules in force and let every agent in, once, as an operator does."""
    if not running.agents:
        Path("rules.yaml").write_text(RULES)
        assert rollbook("policy", "lint", "rules.yaml").code == 0
        line = ["policy", "propose", "rules.yaml", "-m", "ours", "-o", "name"]
        policy, _, digest = good(rollbook(*line, as_="carol")).strip().partition("@")
        good(rollbook("policy", "activate", policy, digest, as_="carol"))
        for stage, targets in PLACES.items():
            for target in targets:
                enrol(rollbook, running, stage, target)
                running.agent(stage, target)
    return running


def targets_of(rollbook: Rollbook, model: str, *more: str) -> dict[str, Any]:
    """Read what `status --targets` says of a model, by target."""
    told = rollbook("status", model, "--targets", "--json", *more)
    assert told.code == 0, told.err
    return {row["target"]: row for row in told.json()["data"]}


def shares(row: Mapping[str, Any]) -> dict[int, int]:
    """Return the share of each version that a target should run."""
    return {each["version"]: each["weight"] for each in row["desired"]["variants"]}


def states(rollbook: Rollbook) -> dict[str, tuple[str, bool]]:
    """Read what `agent list` says: whether each answers, and whether it rests."""
    rows = rollbook("agent", "list", "--json").json()["data"]
    return {row["agent"]: (row["state"], bool(row["drained"])) for row in rows}


def until_served(site: Site, model: str, version: int, *targets: str) -> None:
    until(
        lambda: all(
            site.serves(each, model) == f"{model} {version}" for each in targets
        ),
        lambda: f"{targets} do not serve {model}@{version}",
    )


def until_state(rollbook: Rollbook, agent: str, state: str) -> None:
    until(lambda: states(rollbook)[agent][0] == state, lambda: states(rollbook))


def test_a_version_goes_out_step_by_step_for_all_to_see(
    rollbook: Rollbook, site: Site
) -> None:
    model = "stepwise"
    register(rollbook, model, 1, 2)
    goes_out(rollbook, site, model, 1)
    out = RollOut.begin(rollbook, site, model, 2)
    out.until_applied(0, 0)
    during = rollbook("status", model, "--targets", "--json").json()
    assert [(row["target"], shares(row)) for row in during["data"]] == [
        ("eu-1", {1: 80, 2: 20}),
        ("eu-2", {1: 100}),
        ("us-1", {1: 100}),
    ]
    told = good(rollbook("why", out.promotion))
    assert "Wave 1 of 2, step 1 of 2: 20 % on eu-1" in told
    board = good(rollbook("status", model, "--targets"))
    assert f"{model}@1 80 %, {model}@2 20 %" in board
    shown = good(rollbook("agent", "show", "agent-edge-eu-1"))
    assert f"{model}@1 80 %, {model}@2 20 %" in shown
    for wave, step in STEPS:
        out.proves_itself(wave, step)
    assert ended(out.waiting) == 0
    until(lambda: out.why()["state"] == "SUCCEEDED", out.waiting.told)
    after = targets_of(rollbook, model)
    assert all(shares(row) == {2: 100} for row in after.values())
    assert all(
        [each["version"] for each in row["runs"]] == [2] for row in after.values()
    )
    line = ["status", model, "--targets", "--json", "--as-of", str(during["seq"])]
    assert rollbook(*line).json()["data"] == during["data"]
    for told in ("begins on eu-1", "begins on eu-2, us-1", "error_rate   pass"):
        assert told in out.waiting.told()


def test_a_version_that_fails_its_analysis_comes_back_by_itself(
    rollbook: Rollbook, site: Site
) -> None:
    model = "failing"
    register(rollbook, model, 1, 2)
    goes_out(rollbook, site, model, 1)
    out = RollOut.begin(rollbook, site, model, 2)
    out.until_applied(0, 0)
    measured = out.measure(0, 0, 0.4)
    assert "fail     error_rate" in measured.err, measured
    assert ended(out.waiting) == 9
    assert "analysis_breached" in out.waiting.told()
    assert "It ended FAILED" in good(rollbook("why", out.promotion))

    def newest() -> dict[str, Any]:
        rows = rollbook("promotions", model, "--json").json()["data"]
        return dict(rows[0])

    until(lambda: newest()["state"] == "SUCCEEDED", newest)
    back = newest()
    assert (back["promotion"], back["kind"], back["automatic"]) == (3, "rollback", True)
    rows = targets_of(rollbook, model)
    assert {each: shares(row) for each, row in rows.items()} == {
        each: {1: 100} for each in PLACES["edge"]
    }
    assert {site.serves(each, model) for each in PLACES["edge"]} == {f"{model} 1"}
    late = out.measure(0, 0, 0.01)
    assert (late.code, "[wrong-state]" in late.err) == (6, True), late


def test_drift_is_shown_waits_for_a_person_and_is_accepted(
    rollbook: Rollbook, site: Site
) -> None:
    model = "drifting"
    register(rollbook, model, 1, 2, 3)
    live(rollbook, model, 1, "core")
    home = site.home("main", model)
    before = (home / "current").readlink()
    live(rollbook, model, 2, "core")
    (home / "by-hand").symlink_to(before)
    (home / "by-hand").replace(home / "current")
    drifts = ["drift", "list", model, "-o", "name"]
    until(lambda: rollbook(*drifts).out, site.agents["main"].told)
    board = good(rollbook("status", model, "--targets"))
    assert "open (require_acceptance)" in board
    [row] = rollbook("drift", "list", model, "--json").json()["data"]
    assert (row["target"], row["state"]) == ("main", "open")
    line = ["promote", f"{model}@3", "--to", "core", "-m", "weekly", "--wait=deployed"]
    waits = rollbook(*line, "--timeout", "1s")
    assert (waits.code, "wait     drift" in waits.err) == (8, True), waits
    accepting = ["drift", "accept", f"{model}#core", "--target", "main", "-m", "a fix"]
    assert rollbook(*accepting, as_="bob").code == 4
    good(rollbook(*accepting, as_="dave"))
    again = rollbook(*accepting, as_="dave")
    assert again.code == 6, again
    until_served(site, model, 3, "main", "spare")
    until(lambda: rollbook(*drifts).out == "", lambda: rollbook(*drifts))
    [over] = rollbook("drift", "list", model, "--all", "--json").json()["data"]
    assert over["ended_at"], over


def test_a_drained_agent_is_not_waited_for_and_catches_up(
    rollbook: Rollbook, site: Site
) -> None:
    model, agent = "resting", "agent-core-spare"
    register(rollbook, model, 1, 2)
    live(rollbook, model, 1, "core")
    draining = ["agent", "drain", agent, "-m", "a new disk"]
    assert rollbook(*draining, as_="bob").code == 4
    good(rollbook(*draining, as_="dave"))
    assert rollbook(*draining, as_="dave").code == 6
    assert states(rollbook)[agent] == ("present", True)
    resting = site.agents["spare"]
    until(lambda: "drained    what runs goes on" in resting.told(), resting.told)
    live(rollbook, model, 2, "core")
    assert (site.serves("main", model), site.serves("spare", model)) == (
        f"{model} 2",
        f"{model} 1",
    )
    lagging = ["status", model, "--targets", "--lagging", "-o", "name"]
    assert good(rollbook(*lagging)) == f"{model}#core/spare\n"
    assert "drained" in good(rollbook("status", model, "--targets"))
    good(rollbook("agent", "undrain", agent, "-m", "it is in", as_="dave"))
    assert rollbook("agent", "undrain", agent, "-m", "again", as_="dave").code == 6
    until_served(site, model, 2, "spare")
    until(lambda: rollbook(*lagging).out == "", lambda: rollbook(*lagging))
    assert states(rollbook)[agent] == ("present", False)


def test_an_agent_that_was_killed_is_lost_until_it_is_back(
    rollbook: Rollbook, site: Site
) -> None:
    model, agent = "silent", "agent-core-main"
    register(rollbook, model, 1, 2)
    live(rollbook, model, 1, "core")
    until_state(rollbook, agent, "present")
    site.agents["main"].kill9()
    killed_at = time.monotonic()
    until_state(rollbook, agent, "lost")
    assert time.monotonic() - killed_at < 5 * LEASE_SECONDS
    assert agent in good(rollbook("agent", "list", "--state", "lost", "-o", "name"))
    assert f"{agent} lost" in good(rollbook("status", model, "--targets"))
    line = ["promote", f"{model}@2", "--to", "core", "-m", "weekly", "--wait=deployed"]
    assert rollbook(*line, "--timeout", "1s").code == 8
    assert (site.serves("main", model), site.serves("spare", model)) == (
        f"{model} 1",
        f"{model} 2",
    )
    site.agents["main"].start()
    until_state(rollbook, agent, "present")
    until_served(site, model, 2, "main")


def test_a_revoked_agent_goes_on_serving_and_hears_nothing(
    rollbook: Rollbook, site: Site
) -> None:
    model, agent, target = "barred", "agent-gone-only", "only"
    register(rollbook, model, 1, 2)
    live(rollbook, model, 1, "gone")
    revoking = ["agent", "revoke", agent, "-m", "its machine was stolen"]
    assert rollbook(*revoking, as_="bob").code == 4
    good(rollbook(*revoking))
    assert rollbook("agent", "revoke", "nobody", "-m", "x").code == 3
    assert states(rollbook)[agent][0] == "revoked"
    line = ["promote", f"{model}@2", "--to", "gone", "-m", "weekly", "--wait=deployed"]
    assert rollbook(*line, "--timeout", "2s").code == 8
    old = site.agents[target]
    until(lambda: "still serving what runs" in old.told(), old.told)
    assert old.process is not None
    assert old.process.is_alive(), old.told()
    assert site.serves(target, model) == f"{model} 1"
    old.stop()
    old.start()
    assert ended(old) == 2
    assert f"NATS user {agent}" in old.told()
    enrol(rollbook, site, "gone", target, attempt=2)
    site.agent("gone", target, attempt=2)
    until_served(site, model, 2, target)
    until_state(rollbook, agent, "present")
