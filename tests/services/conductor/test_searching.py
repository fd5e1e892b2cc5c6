"""Does looking for what is due cost the same, however much is open?"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from rollbook_projections.projector import Projector
from rollbook_services.conductor.queries import moment
from rollbook_services.conductor.queries.moment import Looked
from rollbook_services.conductor.tables import LANES, MODELS, PROMOTIONS, TIMERS
from tests.services.conductor.remembering import STORY, at
from tests.services.conductor.remembering import event as event_id
from tests.support.conducting import Registrar

OPEN = 10_000
SMALL = ("policies", "checkpoint", "news", "bundles", "ended_members")


@contextmanager
def listening(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """Collect the statements that are executed."""
    heard: list[tuple[str, Any]] = []

    def hear(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        heard.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", hear)
    yield heard
    event.remove(connection, "before_cursor_execute", hear)


def fill(connection: Connection) -> None:
    """Let ten thousand promotions be open, each ready, with a timer that is past."""
    models = [f"acme/m{number}" for number in range(OPEN)]
    lane = {"stage": "production", "since": 2, "until": None}
    connection.execute(insert(MODELS), [{"model": m, "since": 1} for m in models])
    connection.execute(
        insert(LANES), [{"model": m, **lane, "freed_sequence": 2} for m in models]
    )
    promotion = {
        "promotion": 1,
        "stage": "production",
        "is_running": False,
        "ready_event": event_id(2),
        "ready_sequence": 2,
        "requested_sequence": 1,
        "requested_at": at(0),
        "timers": ["expire"],
        "correlation": STORY,
        "since": 2,
    }
    connection.execute(insert(PROMOTIONS), [{"model": m, **promotion} for m in models])
    timer = {"promotion": 1, "name": "expire", "event": event_id(2), "since": 2}
    connection.execute(
        insert(TIMERS),
        [{"model": m, **timer, "at": at(1), "correlation": STORY} for m in models],
    )


@pytest.fixture
async def crowded(view: Projector, registrar: Registrar) -> Projector:
    await view.catch_up(registrar.ledger)
    await view.database.write(fill)
    return view


async def test_a_look_scans_nothing_that_grows(crowded: Projector) -> None:
    def plans(connection: Connection) -> list[str]:
        with listening(connection) as heard:
            looked = Looked(5, at(10))
            moment.memory(connection, looked=looked, swept=looked, now=at(20))
        return [
            row.detail
            for statement, parameters in heard
            for row in connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", parameters
            )
        ]

    steps = await crowded.database.read(plans)
    scans = [each for each in steps if each.startswith("SCAN")]
    assert steps
    assert [each for each in scans if each.split()[1] not in SMALL] == []


async def test_what_was_answered_is_not_read_again(crowded: Projector) -> None:
    def read(connection: Connection, position: int) -> tuple[int, int]:
        looked = Looked(position, at(10) if position else "")
        memory = moment.memory(connection, looked=looked, swept=looked, now=at(20))
        return len(memory.lanes), len(memory.timers)

    assert await crowded.database.read(read, 0) == (OPEN, OPEN)
    assert await crowded.database.read(read, 5) == (0, 0)
