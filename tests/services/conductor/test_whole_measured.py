"""Does what a metrics server says decide a real roll-out?"""

from pathlib import Path
from typing import Any

import pytest

from tests.services.conductor.installation import System, system
from tests.services.conductor.metrics_server import (
    MetricsServer,
    metrics_server,
    vector,
)
from tests.support.agents import artifact, running

STAGE: dict[str, Any] = {
    "name": "staging",
    "targets": ["default"],
    "gates": [],
    "strategy": {
        "all_at_once": {
            "bake": "2s",
            "analysis": [
                {
                    "metric": "errors",
                    "query": 'errors{version="$version"}[$window]',
                    "expr": "value <= 0.5",
                    "on_missing": "pause",
                }
            ],
        }
    },
}


async def rolled_out(it: System, folder: Path, end: str) -> list[str]:
    await it.govern(STAGE)
    await it.register(artifact(folder, b"one"))
    await it.promote(1)
    return await it.until(end)


@pytest.mark.parametrize(
    ("errors", "end", "records"),
    [
        (0.25, "promotion.succeeded", 1),
        (0.75, "promotion.failed", 1),
        (None, "promotion.paused", 0),
    ],
    ids=["good", "bad", "unknown"],
)
async def test_a_version_is_judged_by_what_the_server_knows(
    tmp_path: Path, errors: float | None, end: str, records: int
) -> None:
    async with metrics_server() as server:
        answer(server, errors)
        async with system(tmp_path, metrics=server.url) as it, running(it.agent()):
            happened = await rolled_out(it, tmp_path, end)
    assert happened.count("analysis.recorded") == records
    assert server.asked[0].startswith('errors{version="1"}[')


def answer(server: MetricsServer, errors: float | None) -> None:
    server.answer = lambda query: vector() if errors is None else vector(errors)
