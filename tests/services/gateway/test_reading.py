"""Is every question answered from one moment, and only to those who may ask?"""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rollbook.catalogue.parts import Lineage
from rollbook.commands.wire import Told
from rollbook.envelope import written
from tests.projections import fleet
from tests.projections.facts import digest
from tests.projections.site import Site, member
from tests.projections.story import ALICE, BOB, Story, dataset
from tests.services.gateway.house import (
    CI,
    OPERATOR,
    REVOKED,
    STRANGER,
    House,
    house,
    problem,
    signed_in,
)
from tests.support.nats import NatsServer
from tests.support.recorder import BEGIN

READS = [
    "/models",
    "/models/default/fraud",
    "/models/default/fraud/versions",
    "/models/default/fraud/versions/1",
    "/models/default/fraud/versions/1/evidence",
    "/models/default/fraud/versions/1/lineage?direction=up&depth=2",
    "/models/default/fraud/compare?a=1&b=2",
    "/models/default/fraud/resolve?ref=latest",
    "/models/default/fraud/aliases",
    "/models/default/fraud/lanes/production",
    "/models/default/fraud/lanes/production/history",
    "/models/default/fraud/history",
    "/models/default/fraud/promotions",
    "/models/default/fraud/promotions/1",
    "/models/default/fraud/promotions/1/why",
    "/models/default/fraud/versions/1/checks?to=production",
    "/policies",
    "/policies/strict",
    "/policies/strict/revisions/active",
    "/metrics-carried",
    "/freezes",
    "/waivers",
    "/reviews",
    "/bundles",
    "/bundles/1",
    "/lanes",
    "/agents",
    "/agents/scorer",
    "/targets",
    "/targets?lagging=true&model=fraud&stage=production",
    "/drifts?open=true",
    "/experiments",
    "/installation",
    "/inbox",
    "/diff?from=1",
    "/lineage?ref=tx",
    "/blast-radius?ref=tx",
    "/events",
    "/events/1",
    "/events/stored",
    "/access/tokens",
    "/access/people",
    "/projections",
    "/doctor",
]


def lived(story: Story) -> None:
    """Tell of two versions, both live in production one after the other."""
    for _ in range(2):
        version = story.version(lineage=Lineage(datasets=(dataset("tx"),)))
        story.evaluate(version, dataset("tx"))
        story.live(version, "production")
    story.point("champion", 2)
    site = Site(story)
    site.activate(site.propose("strict"))
    site.bundle(member("fraud", 2, 2))
    fleet.enrol(story, "scorer", "production", "default")


@pytest.fixture
async def told(home: House) -> House:
    lived(home.story)
    await home.catch_up()
    return home


async def test_every_resource_can_be_read_and_says_its_moment(told: House) -> None:
    head = len(told.ledger.messages)
    told.registrar.answer = lambda _: Told(sequence=head, answer={})
    for path in READS:
        headers = signed_in(OPERATOR) if path.startswith("/access") else None
        answer = await told.http.get(f"/v1{path}", headers=headers)
        assert answer.status_code == 200, (path, answer.text)
        document = answer.json()
        assert document.keys() == {"data", "seq", "as_of", "people", "next"}, path
        assert document["seq"] == head, path
        assert answer.headers["rollbook-seq"] == str(head)


@pytest.mark.parametrize("path", READS)
async def test_no_resource_is_read_without_a_good_token(path: str, home: House) -> None:
    for token in (STRANGER, REVOKED):
        answer = await home.http.get(f"/v1{path}", headers=signed_in(token))
        assert problem(answer)["code"] == "unauthenticated"
    for text in ("", "Bearer", "Bearer rbk_x", f"Bearer {CI.text[:-1]}"):
        answer = await home.http.get(f"/v1{path}", headers={"Authorization": text})
        assert problem(answer)["code"] == "unauthenticated"


async def test_an_id_with_another_secret_is_no_token(home: House) -> None:
    forged = CI.text[:21] + STRANGER.text[21:]
    answer = await home.http.get(
        "/v1/models", headers={"Authorization": f"Bearer {forged}"}
    )
    assert problem(answer)["code"] == "unauthenticated"


async def test_an_expired_token_reads_nothing(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    async with house(
        tmp_path, nats_server, now=lambda: BEGIN + timedelta(days=31)
    ) as home:
        assert (await home.refused("/models"))["code"] == "unauthenticated"


async def test_what_is_not_there_is_not_found(told: House) -> None:
    fraud = "/models/default/fraud"
    for path in (
        "/models/default/other",
        "/models/risk/fraud",
        "/models/default/other/versions",
        f"{fraud}/versions/9",
        f"{fraud}/versions/9/lineage",
        f"{fraud}/lanes/nowhere",
        f"{fraud}/promotions/9",
        "/policies/none",
        "/policies/none/revisions/active",
        "/policies/strict/revisions/abcdef",
        "/freezes/none",
        "/bundles/9",
        f"{fraud}/resolve?ref=nobody",
        f"{fraud}/resolve?ref=%23nowhere",
        f"{fraud}/resolve?ref=%23production~5",
        f"{fraud}/compare?a=1&b=9",
        "/lineage?ref=unheard-of",
        "/blast-radius?ref=unheard-of",
        "/events/9999",
        "/jobs/none",
        "/nothing/here",
    ):
        assert (await told.refused(path))["code"] == "not-found", path


async def test_a_parameter_that_is_unknown_or_malformed_is_refused(
    home: House,
) -> None:
    fraud = "/models/default/fraud"
    for path in (
        "/models?asof=7",
        "/models?limit=0",
        "/models?limit=501",
        "/models?after=nonsense",
        "/models?as_of=yesterday",
        "/models?as_of=2026-05-01T09:00:00",
        "/models?min_seq=-1",
        f"{fraud}/versions/x",
        f"{fraud}/history?on=soon",
        f"{fraud}/compare?a=1",
        "/diff",
        "/lineage?ref=tx&direction=sideways",
        f"{fraud}/versions/1/checks",
        f"{fraud}/versions/1/checks?to=No Such",
        f"{fraud}/versions/1/checks?to=production&kind=sideways",
        f"{fraud}/promotions/0/why",
        "/freezes?open=perhaps",
        "/waivers?promotion=x",
        "/bundles/x",
    ):
        said = await home.refused(path)
        assert said["code"] == "invalid-request", path
        assert said["errors"], path


async def test_words_name_versions(told: House) -> None:
    words = {
        "1": 1,
        "v2": 2,
        "latest": 2,
        "champion": 2,
        digest("fraud1"): 1,
        "#production": 2,
        "#production~1": 1,
    }
    for word, version in words.items():
        answer = await told.read("/models/default/fraud/resolve", ref=word)
        assert answer["data"]["version"] == version, word


async def test_a_digest_that_fits_several_names_them(told: House) -> None:
    said = await told.refused(
        "/models/default/fraud/resolve", ref=digest("fraud1")[:16]
    )
    assert said["candidates"] == ["fraud@1", "fraud@2"]


async def test_the_past_is_answered_as_it_was(told: House) -> None:
    lane = "/models/default/fraud/lanes/production"
    now = await told.read(lane)
    assert now["data"]["stable"]["version"] == 2
    since = datetime.fromisoformat(now["data"]["stable"]["since"])
    instant = written(since - timedelta(milliseconds=1))
    then = await told.read(lane, as_of=instant)
    assert then["data"]["stable"]["version"] == 1
    assert then["as_of"]["at"] == instant
    by_sequence = await told.read(lane, as_of=then["as_of"]["seq"])
    assert by_sequence["data"] == then["data"]


async def test_a_date_means_the_end_of_that_day(told: House) -> None:
    head = len(told.ledger.messages)
    day = await told.read("/models", as_of="2026-05-01")
    assert day["as_of"]["seq"] == head
    assert day["as_of"]["at"] == "2026-05-01T23:59:59.999Z"


@pytest.mark.parametrize("moment", ["0", "9999", "2026-04-30", "1999-01-01T00:00:00Z"])
async def test_a_moment_outside_the_ledger_is_refused(moment: str, home: House) -> None:
    assert (await home.refused("/models", as_of=moment))["code"] == "as-of-out-of-range"


async def test_a_reader_waits_for_what_it_wrote(home: House) -> None:
    wanted = len(home.ledger.messages) + 1
    asking = asyncio.create_task(
        home.read("/models/default/fraud/versions", min_seq=wanted)
    )
    home.story.version()
    await home.catch_up()
    assert len((await asking)["data"]) == 1


async def test_a_view_that_stays_behind_says_so(home: House) -> None:
    wanted = len(home.ledger.messages) + 1
    answer = await home.http.get(
        f"/v1/models?min_seq={wanted}", headers={"Prefer": "wait=0"}
    )
    said = problem(answer)
    assert (said["code"], said["position"]) == ("projection-behind", wanted - 1)
    assert answer.headers["retry-after"] == "1"


async def test_pages_show_each_row_once_and_in_order(home: House) -> None:
    for _ in range(7):
        home.story.version()
    await home.catch_up()
    seen, after = [], None
    while True:
        page = await home.read(
            "/models/default/fraud/versions",
            limit=3,
            **({} if after is None else {"after": after}),
        )
        seen += [row["version"] for row in page["data"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]


async def test_a_page_belongs_to_its_filters(told: House) -> None:
    first = await told.read("/events", limit=1, model="fraud")
    said = await told.refused("/events", limit=1, after=first["next"])
    assert said["errors"][0]["pointer"] == "query.after"


async def test_people_are_named_beside_the_answer(told: House) -> None:
    admin = signed_in(OPERATOR)
    made = await told.http.post(
        "/v1/access/people", json={"name": "Zoë"}, headers=admin
    )
    again = await told.http.post(
        "/v1/access/people", json={"name": " Zoë "}, headers=admin
    )
    assert made.status_code == again.status_code == 201
    assert made.json() == again.json() == {**made.json(), "name": "Zoë"}
    principal = made.json()["principal"]
    listed = await told.http.get("/v1/access/people", headers=admin)
    assert listed.json()["people"] == {principal: "Zoë"}


async def test_only_an_access_admin_names_people(home: House) -> None:
    answer = await home.http.post("/v1/access/people", json={"name": "eve"})
    assert problem(answer)["code"] == "forbidden"
    for body in (
        {},
        {"name": ""},
        {"name": 7},
        {"name": "a\x00"},
        {"name": "a", "b": 1},
    ):
        answer = await home.http.post(
            "/v1/access/people", json=body, headers=signed_in(OPERATOR)
        )
        assert problem(answer)["code"] == "invalid-request"


async def test_history_answers_what_was_live_on_a_day(told: House) -> None:
    path = "/models/default/fraud/history"
    assert len((await told.read(path, on="2026-05-01"))["data"]) == 2
    assert (await told.read(path, on="2026-04-30"))["data"] == []
    last = (await told.read(path))["data"][-1]
    assert last["approved_by"] == [BOB.id]
    at = (await told.read(path, on=last["from_at"]))["data"]
    assert at[-1]["version"] == 2


async def test_the_events_are_searched(told: House) -> None:
    found = await told.read("/events", type="approval.*", actor=BOB.id, model="fraud")
    assert len(found["data"]) == 2
    assert {row["actor"] for row in found["data"]} == {BOB.id}
    assert (await told.read("/events", q="BETTER"))["data"][0]["actor"] == ALICE.id
    until = written(BEGIN)
    assert (await told.read("/events", until=until))["data"] == []


async def test_an_events_stored_bytes_are_given_as_they_are(told: House) -> None:
    stored = told.ledger.messages[4].body
    answer = await told.http.get(
        "/v1/events/5", headers={"Accept": "application/cloudevents+json"}
    )
    assert answer.headers["content-type"] == "application/cloudevents+json"
    assert answer.content == stored
    assert (await told.read("/events/5"))["data"]["event"] == answer.json()


async def test_stored_bytes_come_in_pages(told: House) -> None:
    bodies: list[bytes] = []
    after: dict[str, str] = {}
    while True:
        page = await told.read("/events/stored", limit=7, since=2, **after)
        bodies += [row["body"].encode() for row in page["data"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert bodies == [message.body for message in told.ledger.messages[1:]]
    then = await told.read("/events/stored", as_of=5, model="fraud", limit=500)
    assert {row["seq"] for row in then["data"]} <= set(range(1, 6))


async def test_no_answer_shows_a_tokens_hash(home: House) -> None:
    headers = signed_in(OPERATOR)
    answer = await home.http.get("/v1/access/tokens", headers=headers)
    assert CI.id in answer.text
    assert CI.sha256 not in answer.text


async def test_the_contract_names_every_resource_and_loads_nothing(
    home: House,
) -> None:
    contract = (await home.http.get("/openapi.json")).json()
    assert "/v1/models/{team}/{name}/versions" in contract["paths"]
    version = contract["paths"]["/v1/models/{team}/{name}/versions"]["post"]
    schema = version["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["artifact"]
    assert "command" not in schema["properties"]
    assert "model" not in schema["properties"]
    assert "Artifact" in contract["components"]["schemas"]
    for path in ("/docs", "/redoc"):
        assert (await home.http.get(path)).status_code == 404


async def test_health_needs_no_token_and_doctor_finds_a_foreign_message(
    home: House,
) -> None:
    for path in ("/healthz", "/readyz"):
        answer = await home.http.get(path, headers={"Authorization": ""})
        assert answer.status_code == 200, answer.text
    assert (await home.read("/doctor"))["data"]["ok"] is True
    home.story.ledger.foreign("rollbook.ledger.model.default.fraud", b"{}")
    await home.catch_up()
    doctor = (await home.read("/doctor"))["data"]
    [bad] = [check for check in doctor["checks"] if not check["ok"]]
    assert bad["name"] == "messages"
    assert bad["fix"]
