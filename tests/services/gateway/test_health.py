"""Do `doctor` and /readyz name a view that stands still, and why?"""

from typing import Any

from rollbook_projections import standstill
from tests.services.gateway.house import House


async def bad(home: House) -> dict[str, Any]:
    """Return the one check that fails, on which doctor and /readyz must agree."""
    data = (await home.read("/doctor"))["data"]
    ready = await home.http.get("/readyz")
    assert (data["ok"], ready.status_code) == (False, 503)
    [found] = [check for check in ready.json()["checks"] if not check["ok"]]
    assert found in data["checks"]
    assert found["fix"]
    return dict(found)


async def test_a_view_that_stopped_is_named_with_what_stopped_it(home: House) -> None:
    stage = home.gateway.sources["stage"]
    await stage.database.write(
        lambda held: standstill.record(held, why="the disk is full", is_final=True)
    )
    found = await bad(home)
    assert found["name"] == "view stage"
    assert "the disk is full" in found["detail"]
    [row] = [
        row
        for row in (await home.read("/projections"))["data"]
        if row["standstill"] is not None
    ]
    assert (row["name"], row["standstill"]["is_final"]) == ("stage", True)
    home.story.version()
    await home.catch_up()
    assert (await home.read("/doctor"))["data"]["ok"] is True


async def test_a_view_that_is_behind_and_does_not_move_is_named(home: House) -> None:
    home.story.version()
    await home.story.ledger.append_to(home.ledger)
    for name, source in home.gateway.sources.items():
        if name != "stage":
            await source.projector.catch_up(home.ledger)
    found = await bad(home)
    assert found["name"] == "view stage"
    assert "1 events behind, and not moving" in found["detail"]


async def test_a_view_whose_database_is_broken_is_named(home: House) -> None:
    lineage = home.gateway.sources["lineage"]
    await lineage.database.write(
        lambda held: held.exec_driver_sql("DROP TABLE checkpoint")
    )
    found = await bad(home)
    assert found["name"] == "view lineage"
    assert "no such table" in found["detail"]
