"""Is what the cache gives always whole, verified and fetched once?"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollbook.agent.artifacts.check import is_intact
from rollbook.agent.artifacts.room import KEPT_SECONDS
from rollbook.agent.artifacts.store import Store
from rollbook.agent.driver import Fault, Unapplied
from rollbook.catalogue.lane import Variant
from tests.events.agent.artifact_server import ArtifactServer, Page, artifact_server
from tests.events.agent.artifacts_here import (
    LARGE,
    MIB,
    described,
    file,
    folder,
    local,
    lone,
    named,
    unapplied,
)
from tests.support.agents import until

CUT = 1_500_000


@pytest.fixture
def server() -> Iterator[ArtifactServer]:
    with artifact_server() as served:
        yield served


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    made = tmp_path / "disk"
    made.mkdir()
    return made


@pytest.fixture
def store(cache: Path) -> Store:
    return Store(cache)


async def other_process(
    variant: Variant, cache: Path, prelude: str = ""
) -> asyncio.subprocess.Process:
    """Bring it in a process of its own; it says what it found."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", prelude + BRING),
        *(str(cache), variant.model_dump_json()),
        stdout=asyncio.subprocess.PIPE,
    )


BRING = """
import asyncio, sys
from pathlib import Path
from rollbook.agent.artifacts.store import Store
from rollbook.agent.driver import Unapplied
from rollbook.catalogue.lane import Variant
variant = Variant.model_validate_json(sys.argv[2])
try:
    print(asyncio.run(Store(Path(sys.argv[1])).bring(variant)))
except Unapplied as why:
    print(why.fault, why.is_passing)
"""


async def test_it_is_fetched_once(tmp_path: Path, store: Store) -> None:
    variant = file(tmp_path / "source", b"model")
    first = await store.bring(variant)
    (tmp_path / "source" / "model.bin").unlink()
    assert await store.bring(variant) == first


async def test_many_at_once_fetch_it_once(
    server: ArtifactServer, store: Store, cache: Path
) -> None:
    server.pages["/m"] = Page(LARGE)
    variant, other = lone(f"{server.url}/m", LARGE), Store(cache)
    stores = [store, other] * 10
    found = await asyncio.gather(*(each.bring(variant) for each in stores))
    assert set(found) == {named(cache, variant)}
    assert len(server.asked) == 1


async def test_many_processes_fetch_it_once(
    server: ArtifactServer, cache: Path
) -> None:
    server.pages["/m"] = Page(LARGE)
    variant = lone(f"{server.url}/m", LARGE)
    processes = [await other_process(variant, cache) for _ in range(3)]
    said = [(await each.communicate())[0].decode().strip() for each in processes]
    assert said == [str(named(cache, variant))] * 3
    assert len(server.asked) == 1


async def test_damaged_bytes_are_fetched_again(tmp_path: Path, store: Store) -> None:
    variant = file(tmp_path / "source", b"model")
    brought = await store.bring(variant)
    (brought / "model.bin").write_bytes(b"m0del")
    assert (await store.bring(variant) / "model.bin").read_bytes() == b"model"


async def test_a_file_too_many_is_damage(tmp_path: Path, store: Store) -> None:
    variant = local(folder(tmp_path / "source"))
    brought = await store.bring(variant)
    (brought / "more.bin").write_bytes(b"")
    assert not (await store.bring(variant) / "more.bin").exists()


async def test_what_was_only_touched_is_hashed_and_kept(
    tmp_path: Path, store: Store
) -> None:
    variant = file(tmp_path / "source", b"model")
    brought = await store.bring(variant)
    (tmp_path / "source" / "model.bin").unlink()
    (brought / "model.bin").touch()
    assert (await store.bring(variant) / "model.bin").read_bytes() == b"model"


async def test_a_lost_note_is_no_damage(
    tmp_path: Path, cache: Path, store: Store
) -> None:
    variant = file(tmp_path / "source", b"model")
    await store.bring(variant)
    (tmp_path / "source" / "model.bin").unlink()
    for note in (b"", b"[]", b"{"):
        named(cache, variant, ".json").write_bytes(note)
        await store.bring(variant)
    named(cache, variant, ".json").unlink()
    await store.bring(variant)


async def test_damage_without_a_source_is_told(tmp_path: Path, store: Store) -> None:
    variant = file(tmp_path / "source", b"model")
    brought = await store.bring(variant)
    (brought / "model.bin").write_bytes(b"m0del")
    (tmp_path / "source" / "model.bin").unlink()
    assert (await unapplied(store, variant)).fault is Fault.ARTIFACT_UNREACHABLE


async def test_a_kill_in_the_middle_is_taken_up_where_it_was(
    server: ArtifactServer, store: Store, cache: Path
) -> None:
    server.pages["/m"] = Page(LARGE, stall_after=CUT)
    variant = lone(f"{server.url}/m", LARGE)
    part = named(cache, variant, ".part") / "m"
    killed = await other_process(variant, cache)
    await until(lambda: part.exists() and part.stat().st_size > MIB)
    killed.send_signal(signal.SIGKILL)
    await killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert not named(cache, variant).exists()
    left = part.stat().st_size
    server.pages["/m"] = Page(LARGE)
    assert is_intact(await store.bring(variant), variant.digest)
    assert server.asked[-1] == ("/m", f"bytes={left}-")


async def test_who_waits_for_another_that_hangs_is_told(
    server: ArtifactServer, cache: Path
) -> None:
    server.pages["/m"] = Page(LARGE, stall_after=CUT)
    variant = lone(f"{server.url}/m", LARGE)
    hanging = await other_process(variant, cache)
    await until(lambda: bool(server.asked))
    why = await unapplied(Store(cache, stall_seconds=0.5), variant)
    assert (why.fault, why.is_passing) == (Fault.ARTIFACT_UNREACHABLE, True)
    hanging.kill()
    await hanging.communicate()


def cached(cache: Path) -> set[str]:
    """Name what is in the cache, by the content of each file."""
    found = {each.read_text() for each in cache.glob("*/model.bin")}
    assert len([*cache.glob("*.lock")]) == len([*cache.glob("*.json")]) == len(found)
    return found


async def bring_each(
    store: Store, tmp_path: Path, contents: str, clock: list[float]
) -> None:
    """Bring an artifact of one byte each, a minute and more after the one before."""
    for content in contents:
        await store.bring(file(tmp_path / content, content.encode()))
        clock[0] += KEPT_SECONDS + 1


async def test_the_least_recently_used_goes_first(tmp_path: Path, cache: Path) -> None:
    clock = [2_000_000_000.0]
    store = Store(cache, limit_bytes=3, now=lambda: clock[0])
    await bring_each(store, tmp_path, "abca", clock)
    assert cached(cache) == {"a", "b", "c"}
    await bring_each(store, tmp_path, "d", clock)
    assert cached(cache) == {"a", "c", "d"}


async def test_what_was_asked_for_within_a_minute_stays(
    tmp_path: Path, cache: Path
) -> None:
    clock = [2_000_000_000.0]
    store = Store(cache, limit_bytes=2, now=lambda: clock[0])
    await bring_each(store, tmp_path, "ab", clock)
    clock[0] -= KEPT_SECONDS
    for content in "cd":
        await store.bring(file(tmp_path / content, content.encode()))
    assert cached(cache) == {"b", "c", "d"}


async def test_what_is_half_there_and_old_goes_too(tmp_path: Path, cache: Path) -> None:
    clock = [2_000_000_000.0]
    variant = file(tmp_path / "x", b"x" * 3)
    half = named(cache, variant, ".part")
    half.mkdir(parents=True)
    (half / "model.bin").write_bytes(b"xx")
    store = Store(cache, limit_bytes=3, now=lambda: clock[0])
    await bring_each(store, tmp_path, "ab", clock)
    assert cached(cache) == {"a", "b"}


async def test_what_another_process_fetches_is_not_evicted(
    server: ArtifactServer, tmp_path: Path, cache: Path
) -> None:
    server.pages["/m"] = Page(LARGE, stall_after=CUT)
    variant = lone(f"{server.url}/m", LARGE)
    part = named(cache, variant, ".part") / "m"
    fetching = await other_process(variant, cache)
    await until(lambda: part.exists() and part.stat().st_size > MIB)
    store = Store(cache, limit_bytes=10, now=lambda: 2_000_000_000.0)
    await store.bring(file(tmp_path / "a", b"a"))
    assert part.exists()
    fetching.kill()
    await fetching.communicate()
    await store.bring(file(tmp_path / "b", b"b"))
    assert not part.exists()


@pytest.mark.parametrize("limit", ["limit_bytes", "most_bytes_each"])
async def test_what_never_fits_is_refused_with_the_setting(
    tmp_path: Path, cache: Path, limit: str
) -> None:
    bounds: dict[str, int] = {limit: 4}
    why = await unapplied(
        Store(
            cache,
            limit_bytes=bounds.get("limit_bytes"),
            most_bytes_each=bounds.get("most_bytes_each"),
        ),
        file(tmp_path / "source", b"model"),
    )
    assert (why.fault, why.is_passing) == (Fault.NO_CAPACITY, False)
    assert f"raise {limit}" in why.detail


async def test_what_the_disk_has_no_room_for_is_not_begun(
    tmp_path: Path, store: Store, cache: Path
) -> None:
    uri = file(tmp_path / "source", b"model").uri
    huge = described(uri, "sha256:" + "0" * 64, 2**53 - 1)
    why = await unapplied(store, huge)
    assert (why.fault, why.is_passing) == (Fault.NO_CAPACITY, True)
    assert not named(cache, huge, ".part").exists()


async def test_a_disk_that_is_full_in_the_middle_gets_its_room_back(
    tmp_path: Path, cache: Path
) -> None:
    """The kernel refuses each byte above one MiB, as a quota does."""
    limit = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({MIB}, {MIB}))\n"
    )
    variant = file(tmp_path / "source", LARGE)
    process = await other_process(variant, cache, limit)
    said, _ = await process.communicate()
    assert said.decode().split() == ["no_capacity", "True"]
    assert not named(cache, variant, ".part").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
async def test_a_disk_that_fills_up_meanwhile_is_no_capacity(
    tmp_path: Path, disk: Path
) -> None:
    if await command("mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)):
        pytest.skip("nothing can be mounted here")
    try:
        variants = [file(tmp_path / n, n.encode() * 600_000) for n in "abc"]
        bringing = (Store(disk).bring(each) for each in variants)
        found = await asyncio.gather(*bringing, return_exceptions=True)
        refused = [each for each in found if isinstance(each, Unapplied)]
        assert len(refused) >= 2
        for each in refused:
            assert (each.fault, each.is_passing) == (Fault.NO_CAPACITY, True)
        assert parts(disk) == []
    finally:
        assert await command("umount", str(disk)) == 0


def parts(cache: Path) -> list[Path]:
    return [*cache.glob("*.part")]


async def command(*arguments: str) -> int:
    return await (await asyncio.create_subprocess_exec(*arguments)).wait()


async def test_an_idle_agent_loads_no_library_for_fetching() -> None:
    check = (
        "import sys, rollbook.agent.artifacts.store\n"
        "print(*{'fsspec', 'aiohttp', 'httpx2', 'requests'} & {*sys.modules})"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", check, stdout=asyncio.subprocess.PIPE
    )
    assert (await process.communicate())[0].strip() == b""
