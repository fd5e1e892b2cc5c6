"""Can agents, targets and roll-outs be followed and acted on from Python?"""

from pathlib import Path

import pytest

from rollbook.client.async_client import AsyncClient
from rollbook.client.client import Client, Version
from rollbook.client.errors import Conflict, Forbidden, NotFound
from rollbook.client.fleet import progress_of
from tests.events.client.house import House
from tests.services.cli.rollouts import BAKES, analysis, promotion, step, target

STAGING = "agent-staging-default"


def register(client: Client, model: str) -> Version:
    Path(f"{model}.bin").write_text(model)
    return client.register(model, path=f"{model}.bin")


def test_agents_say_where_they_speak_and_whether_they_answer(client: Client) -> None:
    found = {each.agent: each for each in client.agents()}
    assert found.keys() == {STAGING, "agent-production-default"}
    assert (found[STAGING].stage, found[STAGING].target) == ("staging", "default")
    assert found[STAGING].state == "present"
    assert found[STAGING] == client.agent(STAGING).status()
    assert [each.agent for each in client.agents(stage="staging")] == [STAGING]
    assert client.agents(state="revoked") == []
    with pytest.raises(NotFound):
        client.agent("nobody").status()


def test_an_agent_is_drained_and_undrained_by_whoever_may(
    client: Client, home: House
) -> None:
    with home.client(home.dave) as dave:  # a release-manager
        agent = dave.agent("agent-production-default")
        agent.drain("disks are changed")
        rests = agent.status()
        assert (rests.drained, rests.reason) == (True, "disks are changed")
        with pytest.raises(Conflict):
            agent.drain("once more")
        agent.undrain("disks are new")
        assert not agent.status().drained
        with pytest.raises(Forbidden):
            agent.revoke("I would like to")
    with pytest.raises(Forbidden):
        client.agent(STAGING).drain("I may not")


def test_a_rollout_is_watched_to_its_end_and_its_targets_say_how_soon(
    client: Client,
) -> None:
    asked = register(client, "watched").promote("staging")
    seen = list(asked.watch())
    assert seen[-1].state == "SUCCEEDED"
    assert seen[-1].waits_for == ""
    assert len(seen) == len({each.model_dump_json() for each in seen})
    [last] = seen[-1].targets
    assert (last.target, last.state) == ("default", "applied")
    assert next(iter(asked.watch())) == seen[-1]
    lane = client.model("watched").lane("staging")
    [found] = lane.targets()
    assert found.desired is not None
    assert [(each.version, each.weight) for each in found.desired.variants] == [
        (1, 100)
    ]
    assert [each.version for each in found.runs] == [1]
    assert found.converged_ms is not None
    assert 0 < found.converged_ms < 30_000
    assert lane.targets(lagging=True) == []


async def test_watching_goes_on_from_wherever_it_begins(home: House) -> None:
    async with AsyncClient(data=home.data, token=home.alice) as client:
        digest = "sha256:" + "e" * 64
        version = await client.register("aio2", digest=digest, size=1, uri="s3://a")
        asked = await version.promote("development")
        assert [each.state async for each in asked.watch()][-1] == "SUCCEEDED"


def test_a_drift_that_is_not_there_cannot_be_accepted(
    client: Client, home: House
) -> None:
    register(client, "steady").promote("staging").wait(30)
    assert client.drifts("steady") == []
    with home.client(home.dave) as dave:
        lane = dave.model("steady").lane("staging")
        with pytest.raises(Conflict):
            lane.accept_drift("default", "it is fine")


def test_what_is_deployed_can_be_waited_for(client: Client) -> None:
    asked = register(client, "deployed").promote("staging")
    assert asked.wait(30, until="deployed").state in {"VERIFYING", "SUCCEEDED"}
    assert asked.status().rollout is not None


def test_progress_reads_waves_steps_weights_and_limits() -> None:
    now = step(applied_at=BAKES, bake_until=BAKES)
    pause = {"cause": "step", "role": "model-owner"}
    found = progress_of(
        promotion("PAUSED", target("eu-1"), now=now, pause=pause, analyses=[analysis()])
    )
    assert (found.wave, found.waves, found.step, found.steps) == (0, 2, 1, 4)
    assert (found.weight, found.paused_for) == (25, "model-owner")
    assert [each["gate"] for each in found.measured] == ["error_rate"]
    assert found.targets[0].desired is not None
    assert found.row["promotion"] == 3


def test_progress_of_what_waits_has_no_step() -> None:
    found = progress_of({"state": "READY", "gates": []})
    assert (found.wave, found.step, found.weight, found.targets) == (
        None,
        None,
        None,
        (),
    )
    assert found.waits_for == "its turn in the lane"
