"""What becomes of an MLflow that is away, refuses, or is none?"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rollbook.agent.artifacts.store import Store
from rollbook.agent.driver import AgentContext, Fault, Observed, Setup, Unapplied
from rollbook.agent.drivers.mlflow import MlflowDriver
from rollbook.errors import Misconfigured
from tests.events.agent.driver_contract import PLACE, file_variant, wants


def driver_of(root: Path, **options: Any) -> MlflowDriver:
    given = {"tracking_uri": "http://127.0.0.1:1", **options}
    return MlflowDriver(Setup(PLACE.stage, PLACE.target, root, given))


async def test_an_mlflow_that_is_away_may_come_back(tmp_path: Path) -> None:
    driver = driver_of(tmp_path, tracking_uri="http://127.0.0.1:1")
    with pytest.raises(Unapplied, match="MLflow is away") as why:
        await driver.observe(PLACE)
    assert (why.value.fault, why.value.is_passing) == (Fault.DRIVER_ERROR, True)


Answer = Callable[[Mapping[str, str]], str | None]
"""Makes an answer of the headers, and of the first line; None: there is none."""
Serve = Callable[[Answer], Awaitable[str]]
EMPTY_MODEL = '{"registered_model": {"name": "fraud"}}'


@pytest_asyncio.fixture(loop_scope="session")
async def answering() -> AsyncIterator[Serve]:
    """Serve what a well MLflow without accounts never answers."""
    servers: list[asyncio.Server] = []

    async def serve(answer: Answer) -> str:
        async def one(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            pairs = (line.split(": ", 1) for line in lines if line)
            headers = {name.lower(): value for name, value in pairs}
            said = answer({**headers, ":asked": first})
            if said is None:
                await reader.read()  # until the caller gives up
            else:
                writer.write(said.encode())
            writer.close()
            await writer.wait_closed()

        servers.append(await asyncio.start_server(one, "127.0.0.1", 0))
        return f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}"

    yield serve
    for each in servers:
        each.close()
        await each.wait_closed()


def response(status: str, body: str) -> str:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n{body}"


async def test_the_token_of_the_file_is_sent_as_it_is_now(
    tmp_path: Path, answering: Serve
) -> None:
    seen: list[str] = []

    def answer(headers: Mapping[str, str]) -> str:
        seen.append(headers["authorization"])
        return response("200 OK", EMPTY_MODEL)

    token = tmp_path / "token"
    driver = driver_of(
        tmp_path, tracking_uri=await answering(answer), token_file=str(token)
    )
    for secret in ("first", "second"):
        token.write_text(f"{secret}\n")
        assert await driver.observe(PLACE) == Observed()
    assert seen == ["Bearer first", "Bearer second"]
    token.unlink()
    with pytest.raises(Unapplied) as why:
        await driver.observe(PLACE)
    assert why.value.fault is Fault.PERMISSION_DENIED


async def test_a_user_name_makes_the_token_a_password(
    tmp_path: Path, answering: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def answer(headers: Mapping[str, str]) -> str:
        seen.append(headers["authorization"])
        return response("200 OK", EMPTY_MODEL)

    monkeypatch.setenv("TEST_TOKEN", "geheim")
    driver = driver_of(
        tmp_path,
        tracking_uri=await answering(answer),
        token_env="TEST_TOKEN",
        username="agent",
    )
    await driver.observe(PLACE)
    assert seen == [f"Basic {base64.b64encode(b'agent:geheim').decode()}"]


async def test_a_version_on_the_second_page_is_found(
    tmp_path: Path, answering: Serve
) -> None:
    served = file_variant(tmp_path, b"one")
    digest = {"key": "rollbook.digest", "value": served.digest}
    pages: dict[bool, object] = {
        False: {"next_page_token": "more"},
        True: {"model_versions": [{"version": "12", "tags": [digest]}]},
    }
    asked: list[str] = []

    def answer(headers: Mapping[str, str]) -> str:
        asked.append(headers[":asked"])
        is_search = "model-versions/search" in asked[-1]
        page = pages["page_token=more" in asked[-1]] if is_search else {}
        return response("200 OK", json.dumps(page))

    driver = driver_of(tmp_path, tracking_uri=await answering(answer))
    plan = driver.plan(wants(served), Observed())
    context = AgentContext(is_stopping=lambda: False, fetch=Store(tmp_path).bring)
    told = [step.line async for step in driver.apply(plan, context)]
    assert told[-1] == "acme.fraud@champion -> version 12"
    assert asked[-1].startswith("POST /api/2.0/mlflow/registered-models/alias")


@pytest.mark.parametrize(
    ("status", "body", "fault", "is_passing", "said"),
    [
        ("401 No", "", Fault.PERMISSION_DENIED, False, "MLflow answers 401"),
        ("403 No", '{"message": "ask"}', Fault.PERMISSION_DENIED, False, "ask"),
        ("503 Busy", "<html>", Fault.DRIVER_ERROR, True, "MLflow answers 503"),
        ("302 Found", "", Fault.DRIVER_ERROR, False, "look at tracking_uri"),
        ("200 OK", "<html>", Fault.DRIVER_ERROR, False, "look at tracking_uri"),
    ],
)
async def test_each_refusal_says_whose_fault_it_is(
    tmp_path: Path,
    answering: Serve,
    status: str,
    body: str,
    fault: Fault,
    is_passing: bool,
    said: str,
) -> None:
    driver = driver_of(
        tmp_path, tracking_uri=await answering(lambda headers: response(status, body))
    )
    with pytest.raises(Unapplied, match=said) as why:
        await driver.observe(PLACE)
    assert (why.value.fault, why.value.is_passing) == (fault, is_passing)


async def test_an_answer_that_does_not_come_is_a_timeout(
    tmp_path: Path, answering: Serve
) -> None:
    driver = driver_of(
        tmp_path,
        tracking_uri=await answering(lambda headers: None),
        timeout_seconds=0.1,
    )
    with pytest.raises(Unapplied) as why:
        await driver.observe(PLACE)
    assert (why.value.fault, why.value.is_passing) == (Fault.DRIVER_TIMEOUT, True)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"tracking_uri": "sqlite:///mlflow.db"}, "driver.tracking_uri"),
        ({"alias": "{colour}"}, "driver.alias"),
        ({"version_from": "guess"}, "driver.version_from"),
        ({"alais": "champion"}, "driver.alais"),
    ],
)
def test_options_that_make_no_sense_are_named(
    tmp_path: Path, options: dict[str, str], place: str
) -> None:
    given = {"tracking_uri": "http://mlflow", **options}
    with pytest.raises(Misconfigured) as why:
        MlflowDriver(Setup("production", "main", tmp_path, given))
    assert why.value.setting == place
