"""Is a moment answered from all that had happened by it, and bad input by its name?"""

from datetime import timedelta
from pathlib import Path

import pytest

from rollbook.envelope import written
from tests.services.gateway.house import House, house, problem
from tests.support.nats import NatsServer
from tests.support.recorder import BEGIN

FRAUD = "/models/default/fraud"
HUGE = "9" * 23


async def test_an_instant_waits_for_what_the_ledger_holds_already(home: House) -> None:
    before = await home.catch_up()
    home.story.version()
    await home.story.ledger.append_to(home.ledger)
    path = f"/v1{FRAUD}?as_of=2026-05-01"
    behind = await home.http.get(path, headers={"Prefer": "wait=0"})
    assert problem(behind)["code"] == "projection-behind"
    assert behind.json()["position"] == before
    head = await home.catch_up()
    assert (await home.read(FRAUD, as_of="2026-05-01"))["as_of"]["seq"] == head > before


async def test_what_was_long_ago_is_answered_whatever_the_view_lacks(
    home: House,
) -> None:
    events = (await home.read("/events"))["data"]
    early = next(row for row in events if row["at_max"] < events[-1]["at_max"])
    home.story.version()
    await home.story.ledger.append_to(home.ledger)
    path = f"/v1/lanes?as_of={early['at_max']}"
    answer = await home.http.get(path, headers={"Prefer": "wait=0"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "moment", ["2026-05-01T10:00:00.001Z", "2026-05-02", "2999-01-01"]
)
async def test_nothing_is_known_of_the_future(
    moment: str, tmp_path: Path, nats_server: NatsServer
) -> None:
    async with house(
        tmp_path, nats_server, now=lambda: BEGIN + timedelta(hours=1)
    ) as home:
        said = await home.refused("/models", as_of=moment)
        assert said["code"] == "as-of-out-of-range"
        assert said["errors"][0]["pointer"] == "query.as_of"


async def test_today_means_until_now(tmp_path: Path, nats_server: NatsServer) -> None:
    now = BEGIN + timedelta(hours=1)
    async with house(tmp_path, nats_server, now=lambda: now) as home:
        today = await home.read("/models", as_of="2026-05-01")
        assert today["as_of"]["at"] == written(now)


@pytest.mark.parametrize(
    "path",
    [
        f"/events/{HUGE}",
        "/events/0",
        "/events?version=99999999999999999999",
        "/events?promotion=99999999999999999999",
        f"/events/stream?since={HUGE}",
        f"/models?min_seq={HUGE}",
        "/models?as_of=9999-12-31",
        "/models?as_of=9999-12-31T23:59:59-12:00",
        "/models?as_of=0001-01-01T00:00:00%2B12:00",
        "/diff?from=9999-12-31",
        f"{FRAUD}/history?on=9999-12-31",
        f"{FRAUD}/promotions/{HUGE}",
        f"{FRAUD}/versions/{HUGE}",
        f"{FRAUD}/versions/{HUGE}/evidence",
        f"{FRAUD}/versions/{HUGE}/lineage",
        f"{FRAUD}/compare?a=1&b={HUGE}",
    ],
)
async def test_a_number_or_moment_beyond_all_bounds_is_named(
    path: str, home: House
) -> None:
    said = await home.refused(path)
    assert said["code"] == "invalid-request"
    assert said["errors"], path


@pytest.mark.parametrize("position", ["9" * 23, "9" * 5000, "x"])
async def test_a_feed_resumes_only_from_a_sequence(position: str, home: House) -> None:
    headers = {"Last-Event-ID": position}
    answer = await home.http.get("/v1/events/stream", headers=headers)
    assert problem(answer)["errors"][0]["pointer"] == "Last-Event-ID"


@pytest.mark.parametrize(
    "path",
    [
        f"{FRAUD}/resolve?ref={HUGE}",
        f"{FRAUD}/resolve?ref={'9' * 5000}",
        f"/lineage?ref=fraud@{HUGE}",
        f"/blast-radius?ref=fraud@{HUGE}",
        f"/lineage?ref=fraud@{'9' * 5000}",
    ],
)
async def test_a_version_of_an_impossible_number_is_not_found(
    path: str, home: House
) -> None:
    home.story.version()
    await home.catch_up()
    assert (await home.refused(path))["code"] == "not-found"


async def test_the_record_is_searched_from_the_first_instant(home: House) -> None:
    found = await home.read("/events", since="0001-01-01T00:00:00Z")
    assert found["data"][0]["seq"] == 1


async def test_an_event_is_not_there_before_it_happened(home: House) -> None:
    assert (await home.read("/events/4", as_of=4))["data"]["seq"] == 4
    said = await home.refused("/events/4", as_of=3)
    assert said["code"] == "not-found"
