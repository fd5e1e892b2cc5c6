"""Is the blocking client the asynchronous one, wherever it is called from?"""

import asyncio
import inspect
import os
import subprocess
import sys
from typing import Any

import pytest

from rollbook.client import (
    async_bundle,
    async_calendar,
    async_client,
    async_fleet,
    async_model,
    async_policy,
    async_promotion,
    async_version,
)
from rollbook.client import client as blocking
from rollbook.client.background import Closed
from rollbook.client.client import Client
from rollbook.client.models import PromotionRecord
from tests.events.client.house import House

PAIRS: list[tuple[type[Any], type[Any]]] = [
    (async_client.AsyncClient, blocking.Client),
    (async_model.AsyncModel, blocking.Model),
    (async_model.AsyncLane, blocking.Lane),
    (async_version.AsyncVersion, blocking.Version),
    (async_promotion.AsyncPromotion, blocking.Promotion),
    (async_policy.AsyncPolicy, blocking.Policy),
    (async_calendar.AsyncCalendar, blocking.Calendar),
    (async_bundle.AsyncBundle, blocking.Bundle),
    (async_fleet.AsyncAgent, blocking.Agent),
]
CLOSING = {"aclose": "close", "close": "close"}
FORKING = """
import os, sys
from rollbook.client import Client
client = Client()
model = client.model("forked")
made = client.register("forked", digest="sha256:" + "b" * 64, size=1, uri="s3://f")
child = os.fork()
if child == 0:
    found = model.version(made.number).promote("development").wait(20)
    client.close()
    os._exit(0 if found.state == "SUCCEEDED" else 1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
assert [each.state for each in model.promotions()] == ["SUCCEEDED"]
"""
LEFT_OPEN = """
from rollbook.client import Client
client = Client()
feed = client.follow(since=0)
print(next(feed).sequence)
"""


def public(kind: type[Any]) -> dict[str, Any]:
    named = {name: part for name, part in inspect.getmembers(kind) if name[0] != "_"}
    return {CLOSING.get(name, name): part for name, part in named.items()}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[1].__name__)
def test_both_have_the_same_methods_with_the_same_parameters(
    pair: tuple[type[Any], type[Any]],
) -> None:
    theirs, ours = (public(kind) for kind in pair)
    added = {"run", "show"} | {"record"}  # an attribute there, a property here
    assert ours.keys() - added == theirs.keys() - added
    for name, method in theirs.items():
        if callable(method):
            here, there = (
                list(inspect.signature(each).parameters.values())
                for each in (ours[name], method)
            )
            assert here == there, name
            assert inspect.getdoc(ours[name]), name
    both = (inspect.signature(kind).parameters for kind in pair)
    if pair[1] is Client:
        assert len({str(parameters) for parameters in both}) == 1


async def test_the_blocking_client_works_where_a_loop_runs(client: Client) -> None:
    assert asyncio.get_running_loop().is_running()
    assert client.model("nobody-has-this").name == "nobody-has-this"
    assert isinstance(client.status(), list)


async def test_the_asynchronous_client_does_the_same(home: House) -> None:
    async with (
        asyncio.timeout(60),
        async_client.AsyncClient(data=home.data, token=home.alice) as client,
    ):
        digest = "sha256:" + "c" * 64
        version = await client.register("aio", digest=digest, size=1, uri="s3://a")
        promotion = await version.promote("development")
        assert (await promotion.wait(30)).state == "SUCCEEDED"
        following = client.follow(model="aio", since=0)
        assert (await anext(following)).type == "model.registered"
        await following.aclose()


async def test_waiting_for_an_event_can_be_cancelled_at_once(home: House) -> None:
    async with async_client.AsyncClient(data=home.data) as client:
        following = client.follow(model="nothing-happens-here", since=0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await anext(following)


def test_one_asynchronous_client_serves_one_loop_after_another(home: House) -> None:
    client = async_client.AsyncClient(data=home.data)

    async def ask() -> int:
        async with client:
            return len(await client.status())

    with asyncio.Runner() as one, asyncio.Runner() as other:
        assert one.run(ask()) == other.run(ask())


@pytest.mark.parametrize("program", [FORKING, LEFT_OPEN], ids=["fork", "left open"])
def test_programs_end_as_they_should(home: House, program: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        capture_output=True, text=True, timeout=60,
        env={"ROLLBOOK_DATA": str(home.data), "PATH": os.environ["PATH"]}, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_closed_client_says_so(home: House) -> None:
    client = home.client()
    client.status()
    client.close()
    client.close()
    with pytest.raises(Closed, match="make another"):
        client.status()


def test_words_and_members_of_newer_servers_survive() -> None:
    found = PromotionRecord.model_validate(
        {
            "model": "fraud", "promotion": 1, "kind": "shadow", "stage": "s",
            "version": 1, "digest": "d", "state": "VERIFYING", "requester": "svc:ci",
            "requested_at": "2026-05-01T00:00:00Z", "mood": {"new": True},
        }
    )  # fmt: skip
    assert (found.state, found.kind) == ("VERIFYING", "shadow")
    assert not hasattr(found, "mood")


def test_closing_ends_a_feed_that_was_left_open_in_silence(
    home: House, caplog: pytest.LogCaptureFixture
) -> None:
    with home.client() as client:
        feed = client.follow(since=0)
        next(feed)
    assert caplog.records == []
    with pytest.raises(Closed):
        list(feed)


def test_the_client_loads_what_a_pipeline_installs_and_nothing_else() -> None:
    program = "import sys; from rollbook.client import Client; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in ended.stdout.split()}
    assert "pydantic" in loaded
    assert not loaded & {"nats", "click", "rich", "sqlalchemy", "fastapi", "faststream"}
