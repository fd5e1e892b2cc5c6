"""Is a foreign or damaged message kept, without any effect, and shown by `doctor`?"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import httpx2

from rollbook.commands.model import RegisterModel
from rollbook.commands.version import RegisterVersion
from rollbook.names import ModelName
from rollbook.subjects import model, subject
from rollbook_projections.stage.queries.version import versions
from rollbook_projections.view import View
from tests.support import oracle
from tests.support.children import Child
from tests.support.load import artifact
from tests.support.recorder import Recorder
from tests.support.settling import accepted
from tests.support.system import System, system

MODEL, OTHER = ModelName("strange/one"), ModelName("strange/other")
STATION = subject(model(MODEL))


async def strange_messages(running: System) -> list[tuple[str, bytes, str]]:
    """Write what should not be there: subject, body, and why it has no effect."""
    found = await oracle.history(running.ledger)
    genuine = found.recorded[-1]
    aggregate, before = genuine.aggregate, genuine.sequence - 1
    [stored] = [
        each.body for each in await running.ledger.history(aggregate, after=before)
    ]
    damaged = stored.replace(b'"version":1', b'"version":7')
    assert damaged != stored
    [forged] = Recorder().messages[:1]
    return [
        (STATION, b"not an event", "json"),
        (STATION, damaged, "signature"),
        (STATION, stored, "rev"),
        (subject(model(OTHER)), stored, "misfiled"),
        ("rollbook.ledger.keys", forged.body, "source"),
        ("rollbook.ledger.nonsense.here", b"\xff\xfe", "utf8"),
        (STATION, b'{"b":1,"a":2}', "not-canonical"),
    ]


async def test_strange_messages_are_kept_without_effect_and_shown(
    tmp_path: Path,
) -> None:
    async with system(tmp_path) as running:
        await register(running, 1)
        head = await seen(running)
        before = await versions_of(running)
        assert await doctor_is_content(running)

        strange = await strange_messages(running)
        async with running.connect("core-admin") as admin:
            for to, body, _ in strange:
                answer = json.loads((await admin.request(to, body, timeout=10)).data)
                assert "error" not in answer, answer
        assert await seen(running) == head + len(strange)

        wanted = {head + at: why for at, (_, _, why) in enumerate(strange, start=1)}
        assert (await oracle.history(running.ledger)).strange == wanted
        assert await versions_of(running) == before
        await shown(running, list(wanted.items()))
        assert not await doctor_is_content(running)

        await register(running, 2)
        end = await seen(running)
        assert await versions_of(running) == 2
        await oracle.assert_views_equal_replay(running.sources.values(), head=end)


async def seen(running: System) -> int:
    """Wait until every view has seen the ledger's end; return it."""
    end = await running.ledger.head()
    for source in running.sources.values():
        await source.projector.wait_for(end, timeout_seconds=30)
    return end


async def register(running: System, number: int) -> None:
    """Register a version, and the model before the first."""
    token = running.operator
    if number == 1:
        await accepted(running.gateway, RegisterModel(model=MODEL), credential=token)
    made = artifact(running.folder / f"{number}.bin", f"{number}".encode())
    command = RegisterVersion(model=MODEL, artifact=made)
    done = await accepted(running.gateway, command, credential=token)
    assert done.events[0]["data"]["version"] == number


async def versions_of(running: System) -> int:
    rows = await running.sources["stage"].database.read(
        lambda connection: versions(View(connection), MODEL)
    )
    return len(rows)


async def shown(running: System, strange: Sequence[tuple[int, str]]) -> None:
    """Expect the gateway's doctor to name each message and its reason."""
    headers = {"Authorization": f"Bearer {running.operator}"}
    async with httpx2.AsyncClient(base_url=running.url, timeout=30) as http:
        answer = await http.get("/v1/doctor", headers=headers)
    checks = {each["name"]: each for each in answer.json()["data"]["checks"]}
    assert not checks["messages"]["ok"]
    for sequence, why in strange:
        assert f"{sequence} ({why})" in checks["messages"]["detail"]
    assert checks["messages"]["fix"]


async def doctor_is_content(running: System) -> bool:
    """Run `rollbook doctor` as people do."""
    arguments = ["doctor", "--data", str(running.data), "--json"]
    child = Child(arguments, running.folder / "doctor")
    child.start()
    assert child.process is not None
    await asyncio.to_thread(child.process.join, 60)
    assert child.process.exitcode in (0, 1), child.told()
    return child.process.exitcode == 0
