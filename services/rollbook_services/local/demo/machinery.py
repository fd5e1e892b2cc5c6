"""What runs beside the demo: `rollbook up`, agents, prediction servers."""

import json
import os
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from rollbook.errors import RollbookError
from rollbook_services.local import tied

START_SECONDS: Final = 40.0
STOP_SECONDS: Final = 20.0
READY: Final = "Ready in"
_LOOK_EVERY_SECONDS: Final = 0.05


class Stopped(RollbookError):
    """A process that the demo needs has ended; its log says why."""

    def __init__(self, what: str, log: Path) -> None:
        """Show the end of the log."""
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        told = "\n  ".join(lines[-20:])
        super().__init__(f"{what} did not do its work; {log} ends with:\n  {told}")


@dataclass(frozen=True, slots=True)
class Installation:
    """A running `rollbook up`."""

    data: Path
    process: subprocess.Popen[str]

    @property
    def credentials(self) -> dict[str, Any]:
        """Return what it wrote for programs of this user."""
        found: dict[str, Any] = json.loads((self.data / "credentials.json").read_text())
        return found


@contextmanager
def installation(data: Path, log: Path) -> Iterator[Installation]:
    """Run `rollbook up` on a data directory until the context ends."""
    arguments = ["up", "--data", str(data)]
    with _process([*rollbook_script(), *arguments], log, ready=READY) as process:
        yield Installation(data, process)


@contextmanager
def agent(
    stage: str,
    root: Path,
    log: Path,
    *,
    credentials: Path,
    target: str = "default",
    config: Path | None = None,
) -> Iterator[None]:
    """Run the agent of a target, which switches a link in `root`."""
    arguments = ["agent", "run", "--credentials", str(credentials)]
    arguments += ["--stage", stage, "--target", target, "--root", str(root)]
    arguments += ["--config", str(config)] if config else ["--driver", "symlink"]
    with _process([*rollbook_script(), *arguments], log, ready="agent"):
        yield


@contextmanager
def scorer(home: Path, log: Path) -> Iterator[str]:
    """Run a prediction server over what an agent keeps in `home`; yield its address."""
    module = "rollbook_services.local.demo.scorer"
    command = [sys.executable, "-m", module, "--home", str(home)]
    with _process(command, log, ready="scorer on"):
        yield log.read_text().split("scorer on ")[-1].strip()


@contextmanager
def _process(
    command: Sequence[str], log: Path, *, ready: str
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, tied.__file__, str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C is for the demo, which stops them in order.
    )
    is_ready, what = threading.Event(), f"`{Path(command[0]).name} {command[1]}`"
    assert process.stdout is not None
    reader = threading.Thread(
        target=_keep, args=(process.stdout, log, ready, is_ready), daemon=True
    )
    reader.start()
    try:
        if not _is_ready(is_ready, reader):
            raise Stopped(what, log)
        yield process
    finally:
        _stop(process)
        reader.join(STOP_SECONDS)


def _is_ready(is_ready: threading.Event, reader: threading.Thread) -> bool:
    """Wait for the ready line; an output that ends without it is in vain."""
    deadline = time.monotonic() + START_SECONDS
    while not is_ready.wait(_LOOK_EVERY_SECONDS):
        if not reader.is_alive() or time.monotonic() > deadline:
            return is_ready.is_set()
    return True


def _keep(lines: IO[str], log: Path, ready: str, is_ready: threading.Event) -> None:
    """Copy a process's output to its log, and notice when it is ready."""
    with lines, log.open("a") as out:
        for line in lines:
            out.write(line)
            out.flush()
            if ready in line:
                is_ready.set()


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def rollbook_script() -> list[str]:
    """Return how the command line is started here."""
    script = Path(sysconfig.get_path("scripts")) / "rollbook"
    if script.exists():
        return [str(script)]
    return [
        sys.executable,
        "-c",
        "from rollbook_services.cli.entry import main; main()",
    ]
