"""Does the feed miss nothing, does the server stop at once, do clients get through?"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rollbook.client.errors import Conflict, NotFound, Unauthenticated, Unavailable
from rollbook.client.exchange import Fed
from rollbook.client.transport import Transport
from rollbook.commands.wire import Done, Problem, Request
from rollbook.errors import Misconfigured
from rollbook.tokens import NewToken
from rollbook_services.gateway.service import serve
from tests.projections.facts import digest
from tests.services.gateway.house import (
    CI,
    OPERATOR,
    REVOKED,
    House,
    house,
    problem,
    signed_in,
)
from tests.support.nats import LOOK_AGAIN_SECONDS, NatsServer

BODY = {"artifact": {"uri": "s3://m/8", "digest": digest(8), "size_bytes": 5}}
VERSIONS = "/v1/models/default/fraud/versions"


@asynccontextmanager
async def client(url: str, token: NewToken = CI) -> AsyncIterator[Transport]:
    with Transport(url, token=token.text) as transport:
        yield transport


async def first(number: int, url: str, **asked: Any) -> list[Fed]:
    """Read so many events of the feed as a client does, in a thread."""

    def read() -> list[Fed]:
        with Transport(url, token=CI.text) as transport:
            return list(islice(transport.follow(**asked), number))

    async with asyncio.timeout(20):
        return await asyncio.to_thread(read)


async def test_the_feed_gives_every_stored_event_then_live_ones(home: House) -> None:
    async with serve(home.gateway) as url:
        already = len(home.ledger.messages)
        reading = asyncio.create_task(first(already + 2, url))
        home.story.version()
        home.story.version()
        await home.catch_up()
        fed = await reading
    assert [each.sequence for each in fed] == list(range(1, already + 3))
    stored = [message.body.decode() for message in home.ledger.messages]
    assert [each.text for each in fed] == stored
    assert fed[-1].type == "io.rollbook.version.registered.v1"


async def test_the_feed_resumes_after_the_last_event_seen(home: House) -> None:
    async with serve(home.gateway) as url:
        [fed] = await first(1, url, since=3)
    assert fed.sequence == 4


async def test_the_feed_is_filtered_and_does_not_repeat(home: House) -> None:
    home.story.version()
    home.story.point("champion", 1)
    await home.catch_up()
    async with serve(home.gateway) as url:
        reading = asyncio.create_task(first(2, url, type="alias.*"))
        home.story.version()
        home.story.point("champion", 2, was=1)
        await home.catch_up()
        fed = await reading
    assert [each.event["data"]["to_version"] for each in fed] == [1, 2]


async def test_the_feed_takes_a_token(home: House) -> None:
    async with serve(home.gateway) as url, client(url, REVOKED) as transport:
        with pytest.raises(Unauthenticated):
            await asyncio.to_thread(next, transport.follow())


async def test_the_server_stops_at_once_with_an_open_feed(home: House) -> None:
    async with httpx2.AsyncClient(headers=signed_in(CI), timeout=10) as http:
        async with serve(home.gateway) as url:
            asking = http.build_request("GET", f"{url}/v1/events/stream")
            stream = await http.send(asking, stream=True)
            lines = stream.aiter_lines()
            while "id: 1" not in await anext(lines):
                pass
            begin = time.monotonic()
        assert time.monotonic() - begin < 3
        assert "event: rollbook.bye" in [line async for line in lines]


async def test_a_port_in_use_is_named(home: House) -> None:
    async with serve(home.gateway) as url:
        with pytest.raises(Misconfigured, match=r"server\.port"):
            async with serve(home.gateway, port=int(url.rpartition(":")[2])):
                pass


async def test_a_client_reads_what_it_wrote(home: House) -> None:
    def record(request: Request) -> Done:
        home.story.version()
        sequence = len(home.ledger.messages) + 1
        asyncio.get_running_loop().call_later(0.05, recorded.set)
        event = {"commandid": request.id, "data": {"version": 1}}
        return Done(sequence=sequence, rev=2, events=(event,))

    recorded = asyncio.Event()
    home.registrar.answer = record
    async with serve(home.gateway) as url, client(url) as transport:
        written = await asyncio.to_thread(transport.post, VERSIONS, BODY)
        assert written["resource"] == f"{VERSIONS}/1"
        reading = asyncio.create_task(
            asyncio.to_thread(transport.get, written["resource"])
        )
        await recorded.wait()
        await home.catch_up()
        assert (await reading)["data"]["version"] == 1


async def test_a_client_tries_again_with_the_same_command_id(home: House) -> None:
    def busy_twice(request: Request) -> Done | Problem:
        if len(home.registrar.asked) <= 2:
            return Problem(code="unavailable", reason="busy", message="Later.")
        return Done(sequence=1, rev=1, events=({"commandid": request.id},))

    home.registrar.answer = busy_twice
    async with serve(home.gateway) as url, client(url) as transport:
        await asyncio.to_thread(transport.post, VERSIONS, BODY, key="run-1")
    assert [request.id for request in home.registrar.asked] == ["run-1"] * 3


async def test_a_client_meets_each_no_as_its_own_error(home: House) -> None:
    home.registrar.answer = lambda request: Problem(
        code="incumbent-moved",
        reason="incumbent_changed",
        message="It moved.",
        detail={"expected": 7, "actual": 8, "by": "svc:ci-bot"},
    )
    async with serve(home.gateway) as url, client(url) as transport:
        with pytest.raises(Conflict, match="It moved") as moved:
            await asyncio.to_thread(transport.post, VERSIONS, BODY)
        with pytest.raises(NotFound) as missing:
            await asyncio.to_thread(transport.get, "/v1/models/default/none")
    assert (moved.value.expected, moved.value.actual, moved.value.exit) == (7, 8, 6)
    assert (missing.value.reference, missing.value.exit) == ("none", 3)


async def test_no_registrar_means_nothing_was_recorded(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    async with house(tmp_path, nats_server, is_answering=False) as home:
        said = problem(await home.http.post(VERSIONS, json=BODY))
        assert (said["code"], said["reason"]) == ("unavailable", "no_registrar")


async def test_a_silent_registrar_leaves_the_outcome_unknown(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    async with house(tmp_path, nats_server, timeout_seconds=0.2) as home:
        home.registrar.answer = lambda request: None
        key = {"Idempotency-Key": "run-2"}
        said = problem(await home.http.post(VERSIONS, json=BODY, headers=key))
        assert (said["code"], said["reason"]) == ("outcome-unknown", "no_answer")
        assert said["idempotency_key"] == "run-2"


async def test_a_server_that_is_away_is_named(home: House) -> None:
    async with serve(home.gateway) as url:
        pass
    async with client(url) as transport:
        with pytest.raises(Unavailable, match="does not answer") as away:
            await asyncio.to_thread(transport.get, "/v1/models")
    assert (away.value.code, away.value.exit) == ("unavailable", 69)


async def until_ended(home: House, job: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            found: dict[str, Any] = (await home.read(f"/jobs/{job}"))["data"]
            if found["state"] != "running":
                return found
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def worked(home: House, path: str) -> dict[str, Any]:
    """Start a job as an operator and see it done."""
    answer = await home.http.post(path, headers=signed_in(OPERATOR))
    assert answer.status_code == 202, answer.text
    ended = await until_ended(home, answer.json()["job"])
    assert (ended["state"], ended["error"]) == ("done", None)
    return ended


@pytest.mark.parametrize("view", ["stage", "lineage", "audit"])
async def test_a_view_is_rebuilt_and_then_equals_the_ledger(
    view: str, home: House
) -> None:
    home.story.live(home.story.version(), "production")
    head = await home.catch_up()
    rebuilt = await worked(home, f"/v1/projections/{view}/rebuilds")
    assert rebuilt["done"] == rebuilt["result"]["position"] == head
    compared = await worked(home, f"/v1/projections/{view}/comparisons")
    assert compared["done"] == compared["result"]["position"] == head
    assert compared["result"]["equal"] is True


async def test_a_changed_row_is_found_and_named(home: House) -> None:
    home.story.version()
    await home.catch_up()
    database = home.gateway.sources["stage"].database
    await database.write(
        lambda connection: connection.exec_driver_sql("UPDATE versions SET version = 9")
    )
    ended = await worked(home, "/v1/projections/stage/comparisons")
    assert ended["result"]["equal"] is False
    assert ended["result"]["difference"]["table"] == "versions"
    assert json.loads(ended["result"]["difference"]["live"])["version"] == 9


async def test_only_operators_rebuild(home: House) -> None:
    answer = await home.http.post("/v1/projections/stage/rebuilds")
    assert problem(answer)["code"] == "forbidden"
    answer = await home.http.post(
        "/v1/projections/none/rebuilds", headers=signed_in(OPERATOR)
    )
    assert problem(answer)["code"] == "not-found"
