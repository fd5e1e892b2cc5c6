"""Does the API tell what runs on each target, who serves it, and how far it is?"""

from pathlib import Path
from typing import Any

import pytest

from rollbook_services.gateway.gateway import Installation
from tests.projections import fleet
from tests.projections.rollout import Canary, canary, run_through
from tests.services.gateway.house import AGENT, House, house, problem, signed_in
from tests.support.nats import NatsServer
from tests.support.recorder import ORIGIN

MODEL = "/models/default/fraud"


@pytest.fixture
async def begun(home: House) -> Canary:
    """A canary under way on eu-1, with two agents, one of them lost."""
    story = home.story
    for _ in range(2):
        story.version()
    run_through(canary(story, 1, "production"))
    change = canary(story, 2, "production")
    change.apply("eu-1")
    change.bake()
    for target in ("eu-1", "eu-2"):
        fleet.enrol(story, f"scorer-{target}", "production", target)
        fleet.hear(story, f"scorer-{target}")
    fleet.lose(story, "scorer-eu-2")
    await home.catch_up()
    return change


def names(answer: Any, what: str) -> list[str]:
    return [each[what] for each in answer["data"]]


async def test_a_promotion_carries_its_rollout(home: House, begun: Canary) -> None:
    shown = (await home.read(f"{MODEL}/promotions/2"))["data"]
    now = shown["rollout"]["now"]
    assert [len(shown["rollout"][part]) for part in ("waves", "steps")] == [2, 3]
    assert (now["wave"], now["step"], now["weight"]) == (0, 0, 25)
    assert now["bake_until"] is not None
    states = {each["target"]: each["state"] for each in shown["targets"]}
    assert states == {"eu-1": "applied", "eu-2": "desired", "us-1": "desired"}


async def test_a_lane_shows_each_target_with_its_agents(
    home: House, begun: Canary
) -> None:
    shown = (await home.read(f"{MODEL}/lanes/production"))["data"]
    [first, second, _] = shown["targets"]
    runs = {each["variant"]: each["version"] for each in first["runs"]}
    assert runs == {"stable": 1, "canary": 2}
    desired = {each["variant"]: each["weight"] for each in first["desired"]["variants"]}
    assert desired == {"stable": 75, "canary": 25}
    assert second["agents"][0]["state"] == "lost"
    assert (shown["slot"]["rollout"]["wave"], shown["slot"]["rollout"]["waves"]) == (
        0,
        2,
    )


async def test_targets_can_be_asked_by_model_stage_and_who_lags(
    home: House, begun: Canary
) -> None:
    assert names(await home.read("/targets"), "target") == ["eu-1", "eu-2", "us-1"]
    lagging = await home.read("/targets", lagging=True, model="fraud")
    assert names(lagging, "target") == ["eu-2", "us-1"]
    first = await home.read("/targets", lagging=True, limit=1)
    rest = await home.read("/targets", lagging=True, limit=1, after=first["next"])
    assert names(first, "target") + names(rest, "target") == ["eu-2", "us-1"]
    assert rest["next"] is None
    assert names(await home.read("/targets", stage="staging"), "target") == []
    assert (await home.refused("/targets", model="nothing"))["code"] == "not-found"


async def test_targets_are_told_as_of_a_moment(home: House, begun: Canary) -> None:
    before = begun.story.now - 9
    then = await home.read("/targets", as_of=before, lagging=True)
    assert then["as_of"]["seq"] == before
    assert names(then, "target") == []


async def test_agents_are_listed_in_pages_and_by_state(
    home: House, begun: Canary
) -> None:
    first = await home.read("/agents", limit=1)
    rest = await home.read("/agents", limit=1, after=first["next"])
    assert names(first, "agent") + names(rest, "agent") == [
        "scorer-eu-1",
        "scorer-eu-2",
    ]
    assert names(await home.read("/agents", state="lost"), "agent") == ["scorer-eu-2"]
    assert names(await home.read("/agents", target="eu-1"), "agent") == ["scorer-eu-1"]


async def test_an_agent_is_shown_with_what_it_serves(
    home: House, begun: Canary
) -> None:
    shown = (await home.read("/agents/scorer-eu-1"))["data"]
    assert (shown["state"], shown["drained"]) == ("present", False)
    [served] = shown["targets"]
    assert (served["model"], served["stage"], served["state"]) == (
        "fraud",
        "production",
        "applied",
    )
    assert (await home.refused("/agents/nobody"))["code"] == "not-found"


async def test_drifts_are_listed_open_ones_alone_where_asked(
    home: House, begun: Canary
) -> None:
    while begun.asked.state != "VERIFYING":
        if begun.asked.state == "PAUSED":
            begun.resume()
        begun.go_on()
    begun.succeed()
    begun.drift("eu-1")
    begun.drift("us-1")
    begun.correct("eu-1")
    begun.accept("us-1")
    await home.catch_up()
    every = await home.read("/drifts", model="fraud")
    assert [(each["target"], each["state"]) for each in every["data"]] == [
        ("us-1", "accepted"),
        ("eu-1", "corrected"),
    ]
    assert names(await home.read("/drifts", open=True), "target") == ["us-1"]
    first = await home.read("/drifts", limit=1)
    rest = await home.read("/drifts", limit=1, after=first["next"])
    assert names(first, "target") + names(rest, "target") == ["us-1", "eu-1"]
    assert names(await home.read("/drifts", stage="staging"), "target") == []


async def test_experiments_are_listed_by_state(home: House, begun: Canary) -> None:
    beside = canary(begun.story, 2, "challenger", beside="production")
    fleet.experiment(begun.story, beside.id)
    await home.catch_up()
    [running] = (await home.read("/experiments", state="running"))["data"]
    assert (running["parent"], running["candidate"]) == ("production", 2)
    lane = (await home.read(f"{MODEL}/lanes/challenger"))["data"]
    assert lane["experiment"] == running
    assert names(await home.read("/experiments", state="concluded"), "stage") == []


async def test_whoever_joins_learns_what_to_trust_and_where_nats_is(
    home: House,
) -> None:
    found = (await home.read("/installation"))["data"]
    assert found["origin"] == ORIGIN
    assert len(found["event_key"]) == 44
    assert (found["nats_url"], found["nats_ca"]) == (None, None)


async def test_where_nats_is_comes_from_the_servers_settings(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    told = Installation(nats_url="tls://n1:4222", nats_ca="-----BEGIN")
    async with house(tmp_path, nats_server, installation=told) as home:
        found = (await home.read("/installation"))["data"]
    assert (found["nats_url"], found["nats_ca"]) == ("tls://n1:4222", "-----BEGIN")


@pytest.mark.parametrize("path", ["/agents", "/targets", "/drifts", "/installation"])
async def test_an_agents_own_token_reads_none_of_it(home: House, path: str) -> None:
    answer = await home.http.get(f"/v1{path}", headers=signed_in(AGENT))
    assert problem(answer)["code"] == "forbidden"


async def test_what_was_enrolled_is_named_in_the_answer(home: House) -> None:
    body = {"agent": "scorer", "place": {"stage": "production", "target": "eu-1"}}
    answer = await home.http.post("/v1/agents", json=body)
    assert answer.headers["location"] == "/v1/agents/scorer?min_seq=7"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"agent": "scorer"}, "/place"),
        ({"agent": "a b", "place": {"stage": "s", "target": "t"}}, "/agent"),
        (
            {
                "agent": "scorer",
                "place": {"stage": "s", "target": "t"},
                "public_key": "SUAB",
            },
            "/public_key",
        ),
    ],
)
async def test_an_enrolment_that_is_not_well_formed_names_the_fault(
    home: House, body: dict[str, Any], pointer: str
) -> None:
    said = problem(await home.http.post("/v1/agents", json=body))
    assert [each["pointer"] for each in said["errors"]] == [pointer]
    assert home.registrar.asked == []
