"""What is taken for an answer of a metrics server, and what for nothing?"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rollbook.errors import Misconfigured
from rollbook_services import settings
from rollbook_services.conductor.prometheus import Nothing, prometheus
from tests.services.conductor.metrics_server import (
    MetricsServer,
    metrics_server,
    scalar,
    success,
    vector,
)

QUERY = 'sum(rate(errors{version="7"}[120s])) > 0 & "é"'


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[MetricsServer]:
    async with metrics_server() as running:
        yield running


async def asked(server: MetricsServer, **given: Any) -> float | Nothing:
    async with prometheus(server.url, **given) as metrics:
        return await metrics.value(QUERY)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (vector(0.25), 0.25),
        (vector("1e3"), 1000),
        (scalar(3), 3),
        (vector(-1), -1),
        ({**vector(7), "warnings": ["slow"]}, 7),
    ],
)
async def test_one_number_is_an_answer(
    server: MetricsServer, answer: Any, value: float
) -> None:
    server.answer = lambda query: answer
    assert await asked(server) == value


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(vector(), "no series", id="empty"),
        pytest.param(vector(1, 2), "several series", id="several"),
        pytest.param(vector("NaN"), "NaN", id="not a number"),
        pytest.param(vector("+Inf"), "Inf", id="infinite"),
        pytest.param(success("matrix", []), "a matrix", id="a matrix"),
        pytest.param(success("string", [1, "x"]), "a string", id="a string"),
        pytest.param(
            {"status": "error", "errorType": "bad_data", "error": "parse error"},
            "bad_data: parse error",
            id="an error",
        ),
        pytest.param(503, "HTTP 503", id="unavailable"),
        pytest.param(401, "HTTP 401", id="a token is missing"),
        pytest.param(302, "HTTP 302", id="elsewhere"),
        pytest.param(b"<html>", "not in the format", id="no JSON"),
        pytest.param(b"[]", "not in the format", id="other JSON"),
        pytest.param({"status": "success"}, "not in the format", id="no data"),
        pytest.param(success("vector", {}), "several", id="no list"),
        pytest.param(success("vector", [{"value": [1, "x"]}]), "format", id="a word"),
        pytest.param(success("scalar", [1]), "a scalar", id="half a scalar"),
    ],
)
async def test_everything_else_is_nothing(
    server: MetricsServer, answer: Any, why: str
) -> None:
    server.answer = lambda query: answer
    said = await asked(server)
    assert isinstance(said, Nothing)
    assert why in said.why


async def test_a_server_that_hangs_is_waited_for_no_longer_than_promised(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollbook_services.conductor.prometheus.TIMEOUT_SECONDS", 0.1)
    server.answer = lambda query: None
    said = await asked(server)
    assert isinstance(said, Nothing)
    assert "no answer" in said.why


async def test_a_server_that_is_away_is_nothing() -> None:
    async with metrics_server() as gone:
        pass
    assert isinstance(await asked(gone), Nothing)


async def test_it_is_asked_as_prometheus_is(server: MetricsServer) -> None:
    server.answer = lambda query: vector(1)
    async with prometheus(f"{server.url}/prefix/") as metrics:
        assert await metrics.value(QUERY) == 1
    assert server.paths == ["POST /prefix/api/v1/query HTTP/1.1"]
    assert server.forms == [{"query": [QUERY], "limit": ["2"]}]
    assert server.tokens == [None]


async def test_its_token_is_read_for_each_question(
    server: MetricsServer, tmp_path: Path
) -> None:
    server.answer = lambda query: vector(1)
    file = tmp_path / "token"
    async with prometheus(server.url, token_file=file) as metrics:
        missing = await metrics.value(QUERY)
        assert isinstance(missing, Nothing)
        assert server.asked == []
        for token in ("first", "renewed"):
            file.write_text(f"{token}\n")
            assert await metrics.value(QUERY) == 1
    assert server.tokens == ["Bearer first", "Bearer renewed"]


def test_a_token_is_never_sent_in_the_clear() -> None:
    away = {"url": "http://metrics:9090", "token_file": "/run/token"}
    with pytest.raises(Misconfigured, match=r"prometheus\.url.*https"):
        settings.load(prometheus=away)
    for fine in (
        {**away, "url": "https://metrics:9090"},
        {**away, "url": "http://127.0.0.1:9090"},
        {"url": "http://metrics:9090"},
    ):
        settings.load(prometheus=fine)


@pytest.mark.parametrize("url", ["metrics:9090", "ftp://metrics", "http://m/?query=1"])
def test_an_address_is_one_of_http(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"prometheus\.url"):
        settings.load(prometheus={"url": url})
