"""Are the bytes that a web server gives the right ones, however it behaves?"""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollbook.agent.artifacts.progress import Teller
from rollbook.agent.artifacts.store import Store
from rollbook.agent.artifacts.watched import Work
from rollbook.agent.driver import Fault, Interrupted
from rollbook.artifact import digest_of
from tests.events.agent.artifact_server import ArtifactServer, Page, artifact_server
from tests.events.agent.artifacts_here import (
    LARGE,
    MIB,
    described,
    folder,
    local,
    lone,
    named,
    unapplied,
)

PASSING = (Fault.ARTIFACT_UNREACHABLE, True)
MISMATCH = (Fault.DIGEST_MISMATCH, False)
CUT = 1_500_000


@pytest.fixture
def server() -> Iterator[ArtifactServer]:
    with artifact_server() as served:
        yield served


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(cache: Path) -> Store:
    return Store(cache)


async def test_a_file_has_the_name_of_its_url(
    server: ArtifactServer, store: Store
) -> None:
    server.pages["/m/model%201.bin?key=K"] = Page(b"model")
    variant = lone(f"{server.url}/m/model%201.bin?key=K", b"model")
    assert (await store.bring(variant) / "model 1.bin").read_bytes() == b"model"
    assert server.headers[0]["Accept-Encoding"] == "identity"


async def test_a_compressed_artifact_stays_as_it_was_registered(
    server: ArtifactServer, store: Store
) -> None:
    held = b"\x1f\x8b\x08 as it lies there"
    server.pages["/m.gz"] = Page(held, headers={"Content-Encoding": "gzip"})
    brought = await store.bring(lone(f"{server.url}/m.gz", held))
    assert (brought / "m.gz").read_bytes() == held


def listing(server: ArtifactServer, at: Path, *, links: str = "") -> None:
    """Serve a folder as web servers do: a page of links for each folder."""
    html = {"Content-Type": "text/html"}
    for inner in [at, *(each for each in at.rglob("*") if each.is_dir())]:
        names = (f"{each.name}{'/' * each.is_dir()}" for each in inner.iterdir())
        page = "".join(f'<a href="{name}">{name}</a>\n' for name in names)
        path = f"/{inner.relative_to(at.parent).as_posix()}/"
        sorts = '<a href="../">up</a> <a href="?C=N;O=D">by name</a>'
        server.pages[path] = Page(f"{sorts}{page}{links}".encode(), headers=html)
        there = {"Location": path}
        server.pages[path.rstrip("/")] = Page(status=301, headers=there)
    for file in at.rglob("*"):
        if file.is_file():
            path = f"/{file.relative_to(at.parent).as_posix()}"
            server.pages[path] = Page(file.read_bytes())


async def test_a_folder_is_what_its_pages_link_to(
    server: ArtifactServer, store: Store, tmp_path: Path
) -> None:
    made = folder(tmp_path / "model")
    listing(server, made)
    brought = await store.bring(local(made, f"{server.url}/model"))
    assert digest_of(brought) == digest_of(made)
    assert (brought / "b" / "c.bin").read_bytes() == b"CC"


@pytest.mark.parametrize(
    "link", ["..%2f..%2fevil", "b/..%2F..%2Fevil", "%2fetc%2fevil", "a%00b"]
)
async def test_a_link_that_leads_out_is_refused(
    server: ArtifactServer, store: Store, tmp_path: Path, link: str
) -> None:
    listing(server, made := folder(tmp_path / "model"), links=f'<a href="{link}">')
    why = await unapplied(store, local(made, f"{server.url}/model"))
    assert (why.fault, why.is_passing) == (Fault.ARTIFACT_UNREACHABLE, False)
    assert "is no name for a file" in why.detail


@pytest.mark.parametrize(
    ("status", "fault", "is_passing"),
    [
        (404, Fault.ARTIFACT_UNREACHABLE, True),
        (500, Fault.ARTIFACT_UNREACHABLE, True),
        (503, Fault.ARTIFACT_UNREACHABLE, True),
        (401, Fault.PERMISSION_DENIED, False),
        (403, Fault.PERMISSION_DENIED, False),
    ],
)
async def test_what_a_server_answers_is_told_apart(
    server: ArtifactServer,
    store: Store,
    *,
    status: int,
    fault: Fault,
    is_passing: bool,
) -> None:
    server.pages["/m?key=SECRET"] = Page(b"no", status=status)
    why = await unapplied(store, lone(f"{server.url}/m?key=SECRET", b"model"))
    assert (why.fault, why.is_passing) == (fault, is_passing)
    assert f"{server.url}/m: " in why.detail


async def test_nobody_there_may_pass(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    why = await unapplied(store, lone(f"http://127.0.0.1:{port}/m", b"model"))
    assert (why.fault, why.is_passing) == PASSING


async def test_a_cut_connection_is_taken_up_where_it_ended(
    server: ArtifactServer, store: Store
) -> None:
    server.pages["/m"] = Page(LARGE, cut_after=CUT)
    brought = await store.bring(lone(f"{server.url}/m", LARGE))
    assert (brought / "m").read_bytes() == LARGE
    starts = [int(asked[6:-1]) for _, asked in server.asked[1:] if asked]
    assert 0 < starts[0] <= CUT
    assert starts == sorted(starts)


async def test_the_next_call_goes_on_where_the_last_one_ended(
    server: ArtifactServer, store: Store, cache: Path
) -> None:
    variant = lone(f"{server.url}/m", LARGE)
    server.pages["/m"] = Page(LARGE, cut_after=CUT, has_ranges=False)
    why = await unapplied(store, variant)
    assert (why.fault, why.is_passing) == PASSING
    left = (named(cache, variant, ".part") / "m").stat().st_size
    assert 0 < left <= CUT
    server.pages["/m"] = Page(LARGE)
    brought = await store.bring(variant)
    assert (brought / "m").read_bytes() == LARGE
    assert server.asked[-1] == ("/m", f"bytes={left}-")


async def test_a_server_without_ranges_begins_anew(
    server: ArtifactServer, store: Store, cache: Path
) -> None:
    variant = lone(f"{server.url}/m", LARGE)
    named(cache, variant, ".part").mkdir(parents=True)
    (named(cache, variant, ".part") / "m").write_bytes(LARGE[:CUT])
    server.pages["/m"] = Page(LARGE, has_ranges=False)
    assert (await store.bring(variant) / "m").read_bytes() == LARGE


async def test_a_folder_that_was_cut_off_is_completed(
    server: ArtifactServer, store: Store, cache: Path, tmp_path: Path
) -> None:
    made = folder(tmp_path / "model")
    listing(server, made)
    variant = local(made, f"{server.url}/model")
    part = named(cache, variant, ".part")
    (part / "b").mkdir(parents=True)
    (part / "a.bin").write_bytes(b"A")
    (part / "b" / "c.bin").write_bytes(b"C")
    brought = await store.bring(variant)
    assert digest_of(brought) == digest_of(made)


async def test_a_page_that_is_not_there_makes_no_folder_smaller(
    server: ArtifactServer, store: Store, tmp_path: Path
) -> None:
    made = folder(tmp_path / "model")
    listing(server, made)
    server.pages["/model/b/"] = server.pages["/model/b"] = Page(status=503)
    why = await unapplied(store, local(made, f"{server.url}/model"))
    assert (why.fault, why.is_passing) == PASSING


async def test_a_wrong_beginning_is_thrown_away_once(
    server: ArtifactServer, store: Store, cache: Path
) -> None:
    variant = lone(f"{server.url}/m", LARGE)
    named(cache, variant, ".part").mkdir(parents=True)
    (named(cache, variant, ".part") / "m").write_bytes(b"x" * CUT)
    server.pages["/m"] = Page(LARGE)
    assert (await store.bring(variant) / "m").read_bytes() == LARGE
    assert server.asked == [("/m", f"bytes={CUT}-"), ("/m", None)]


async def test_other_bytes_after_a_resume_are_a_mismatch(
    server: ArtifactServer, store: Store, cache: Path
) -> None:
    variant = lone(f"{server.url}/m", LARGE)
    named(cache, variant, ".part").mkdir(parents=True)
    (named(cache, variant, ".part") / "m").write_bytes(b"x" * CUT)
    server.pages["/m"] = Page(LARGE[::-1])
    why = await unapplied(store, variant)
    assert (why.fault, why.is_passing) == MISMATCH
    assert len(server.asked) == 2
    assert not named(cache, variant, ".part").exists()


@pytest.mark.parametrize("held", [b"mode", b"models", b"edoml", b""])
async def test_other_content_is_a_mismatch(
    server: ArtifactServer, store: Store, cache: Path, held: bytes
) -> None:
    server.pages["/m"] = Page(held)
    variant = lone(f"{server.url}/m", b"model")
    why = await unapplied(store, variant)
    assert (why.fault, why.is_passing) == MISMATCH
    assert not named(cache, variant, ".part").exists()


async def test_what_ends_too_early_without_a_length_may_pass(
    server: ArtifactServer, store: Store
) -> None:
    server.pages["/m"] = Page(b"mod", says_length=False)
    why = await unapplied(store, lone(f"{server.url}/m", b"model"))
    assert (why.fault, why.is_passing) == PASSING
    assert "3 of 5 bytes" in why.detail


async def test_too_many_bytes_are_not_even_taken(
    server: ArtifactServer, store: Store, cache: Path
) -> None:
    server.pages["/m"] = Page(LARGE, says_length=False, stall_after=2 * MIB)
    variant = described(f"{server.url}/m", "sha256:" + "0" * 64, 9)
    async with asyncio.timeout(10):
        why = await unapplied(store, variant)
    assert (why.fault, why.is_passing) == MISMATCH
    assert not named(cache, variant, ".part").exists()


async def test_a_length_that_is_never_reached_may_pass(
    server: ArtifactServer, store: Store
) -> None:
    headers = {"Content-Length": str(len(LARGE))}
    server.pages["/m"] = Page(LARGE[:MIB], headers=headers, has_ranges=False)
    why = await unapplied(store, lone(f"{server.url}/m", LARGE))
    assert (why.fault, why.is_passing) == PASSING


async def test_a_range_that_does_not_exist_brings_the_whole(
    server: ArtifactServer, store: Store, cache: Path
) -> None:
    variant = lone(f"{server.url}/m", LARGE)
    named(cache, variant, ".part").mkdir(parents=True)
    (named(cache, variant, ".part") / "m").write_bytes(LARGE[:CUT])
    server.pages["/m"] = Page(b"short")
    assert (await unapplied(store, variant)).fault is Fault.DIGEST_MISMATCH


async def test_a_server_that_stalls_is_left_behind(
    server: ArtifactServer, cache: Path
) -> None:
    server.pages["/m"] = Page(LARGE, stall_after=CUT)
    store = Store(cache, stall_seconds=0.5)
    why = await unapplied(store, lone(f"{server.url}/m", LARGE))
    assert (why.fault, why.is_passing) == PASSING
    assert "nothing came for 0.5 s" in why.detail


async def test_an_agent_that_stops_waits_for_nobody(
    server: ArtifactServer, store: Store, cache: Path
) -> None:
    server.pages["/m"] = Page(LARGE, stall_after=CUT)
    variant, told = lone(f"{server.url}/m", LARGE), list[str]()
    with pytest.raises(Interrupted):
        async with asyncio.timeout(5):
            await store.bring(
                variant,
                is_stopping=lambda: bool(told),
                told=lambda word, line: told.append(f"{word} {line}"),
            )
    assert told == [f"fetching {server.url}/m  50 %, 1.4 of 2.9 MiB"]
    assert not named(cache, variant).exists()


async def test_a_redirect_is_followed_within_the_web(
    server: ArtifactServer, store: Store
) -> None:
    server.pages["/m"] = Page(status=302, headers={"Location": "/elsewhere"})
    server.pages["/elsewhere"] = Page(b"model")
    brought = await store.bring(lone(f"{server.url}/m", b"model"))
    assert (brought / "m").read_bytes() == b"model"


async def test_a_redirect_out_of_the_web_is_not_followed(
    server: ArtifactServer, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"model")
    where = (tmp_path / "secret").as_uri()
    server.pages["/m"] = Page(status=302, headers={"Location": where})
    why = await unapplied(store, lone(f"{server.url}/m", b"model"))
    assert why.fault is Fault.ARTIFACT_UNREACHABLE


async def test_a_secret_header_goes_only_where_it_belongs(
    server: ArtifactServer, cache: Path
) -> None:
    server.pages |= {"/ours/m": Page(b"one"), "/others/m": Page(b"two")}
    secret = {"headers": {"X-Key": "secret"}}
    store = Store(cache, options={f"{server.url}/ours": secret})
    await store.bring(lone(f"{server.url}/ours/m", b"one"))
    await store.bring(lone(f"{server.url}/others/m", b"two"))
    assert [each.get("X-Key") for each in server.headers] == ["secret", None]


def test_progress_is_told_every_second_or_tenth() -> None:
    told = list[str]()
    teller = Teller("m", lambda word, line: told.append(line.split()[1]))
    work = Work(total_bytes=1000)
    for done in (0, 9, 50, 99, 100, 150, *(151,) * 9, 163, 163, 300, 1000):
        work.done_bytes = done
        teller.look(work)
    assert told == ["10", "15", "30"]
