"""Does an agent say how it is, to whoever asks over HTTP?"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from rollbook.agent import health, scraped
from rollbook.agent.config import Address
from rollbook.agent.metrics import Metrics
from rollbook.agent.standing import Now
from rollbook.errors import Misconfigured
from tests.support.agents import MODEL, STAGE, TARGET, EdgeSite, desired_set, running
from tests.support.files_driver import FilesDriver

NOW = Now(
    stage=STAGE,
    target=TARGET,
    is_alive=True,
    is_connected=True,
    lease="held",
    is_drained=False,
    lease_age_seconds=3.5,
    reports_queued=2,
    models=[],
)
DEAD = Now(
    stage=STAGE,
    target=TARGET,
    is_alive=False,
    is_connected=False,
    lease="new",
    is_drained=False,
    lease_age_seconds=None,
    reports_queued=0,
    models=[],
)


@pytest.fixture
async def at() -> AsyncIterator[Address]:
    async with health.answering(Address("127.0.0.1", 0), lambda: NOW, Metrics()) as it:
        yield it


async def get(at: Address, path: str, method: str = "GET") -> httpx2.Response:
    async with httpx2.AsyncClient() as client:
        return await client.request(method, f"http://{at.host}:{at.port}{path}")


async def raw(at: Address, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(at.host, at.port)
    writer.write(sent)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_one_that_turns_is_well(at: Address) -> None:
    answer = await get(at, "/healthz?verbose")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    said = orjson.loads(answer.content)
    assert (said["stage"], said["target"], said["lease"]) == (STAGE, TARGET, "held")


async def test_one_that_is_stuck_is_not() -> None:
    async with health.answering(Address("127.0.0.1", 0), lambda: DEAD, Metrics()) as at:
        assert (await get(at, "/healthz")).status_code == 503
        assert "lease_age" not in (await get(at, "/metrics")).text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/healthz/x", 404), ("POST", "/healthz", 405)],
)
async def test_nothing_else_is_answered(
    at: Address, method: str, path: str, status: int
) -> None:
    assert (await get(at, path, method)).status_code == status


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /healthz",
        b"GET /healthz\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
        b"GET /" + b"x" * health.LONGEST_HEAD + b" HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX: " + b"x" * health.LONGEST_HEAD + b"\r\n\r\n",
    ],
)
async def test_nonsense_is_answered_with_a_no(at: Address, sent: bytes) -> None:
    assert (await raw(at, sent)).startswith(b"HTTP/1.1 400 ")
    assert (await get(at, "/healthz")).status_code == 200


async def test_a_taken_address_is_named(at: Address) -> None:
    with pytest.raises(Misconfigured, match=f"listen 127.0.0.1:{at.port}"):
        async with health.answering(at, lambda: NOW, Metrics()):
            pass


async def test_the_numbers_are_read_by_prometheus() -> None:
    counted = Metrics()
    for outcome, seconds in (("applied", 0.03), ("applied", 0.2), ("no_capacity", 900)):
        counted.count_apply(outcome, seconds)
    counted.refused["old_revision"] += 3
    async with health.answering(Address("127.0.0.1", 0), lambda: NOW, counted) as at:
        found = numbers((await get(at, "/metrics")).text)
    assert found["rollbook_agent_connected"] == 1
    assert found["rollbook_agent_lease_age_seconds"] == 3.5
    assert found["rollbook_agent_reports_queued"] == 2
    assert found["rollbook_agent_applies_total", "applied"] == 2
    assert found["rollbook_agent_applies_total", "no_capacity"] == 1
    assert found["rollbook_agent_refused_documents_total", "old_revision"] == 3
    assert found["rollbook_agent_apply_seconds_bucket", "0.05"] == 1
    assert found["rollbook_agent_apply_seconds_bucket", "600"] == 2
    assert found["rollbook_agent_apply_seconds_bucket", "+Inf"] == 3
    assert found["rollbook_agent_apply_seconds_sum"] == pytest.approx(900.23)


def test_a_label_may_hold_anything() -> None:
    odd = 'a "quoted"\nline \\ end'
    counted = Metrics()
    counted.refused[odd] += 1
    found = numbers(scraped.text(counted, NOW).decode())
    assert found["rollbook_agent_refused_documents_total", odd] == 1


def test_large_numbers_keep_every_digit() -> None:
    counted = Metrics()
    counted.applies["applied"] = 2**53 - 1
    found = numbers(scraped.text(counted, NOW).decode())
    assert found["rollbook_agent_applies_total", "applied"] == 2**53 - 1


async def test_a_running_agent_tells_of_each_model(
    site: EdgeSite, files: FilesDriver, unused_port: int
) -> None:
    at = Address("127.0.0.1", unused_port)
    await site.desire(desired_set(site.artifact(b"one")))
    async with running(site.settings(listen=f"127.0.0.1:{unused_port}"), files):
        await site.until(lambda: ("applied", 1, None) in site.said())
        files.behave("unloadable")
        await site.desire(desired_set(site.artifact(b"two", 2), revision=2))
        await site.until(lambda: site.said()[-1][0] == "unapplied")
        said = orjson.loads((await get(at, "/healthz")).content)
        found = numbers((await get(at, "/metrics")).text)
    assert (said["is_connected"], said["lease"]) == (True, "held")
    assert said["models"] == [
        {
            "model": MODEL,
            "lane": STAGE,
            "desired_revision": 2,
            "applied_revision": 1,
            "state": "unapplied",
            "reason_code": "load_failed",
        }
    ]
    assert found["rollbook_agent_desired_revision", MODEL, STAGE] == 2
    assert found["rollbook_agent_applied_revision", MODEL, STAGE] == 1
    assert found["rollbook_agent_applies_total", "load_failed"] == 1


def numbers(text: str) -> dict[Any, float]:
    """Read what Prometheus would: by name and the values of the labels."""
    found: dict[Any, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sample.labels.values())
            found[(sample.name, *labels) if labels else sample.name] = sample.value
    return found
