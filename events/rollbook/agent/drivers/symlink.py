"""How does a link on the disk serve a version?

`<root>/<team>/<name>/versions/<digest>/…` holds verified bytes, `current` points at
one of them and moves by an atomic rename. Versions are kept, so going back is quick.
"""

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from rollbook.agent.desired import Desired
from rollbook.agent.driver import (
    AgentContext,
    DriverOptions,
    Fault,
    Health,
    Observed,
    Plan,
    Progress,
    Unapplied,
    driver,
)
from rollbook.agent.fetch import content_digest, fetch
from rollbook.agent.state import sync_folder
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.names import DEFAULT_TEAM, Digest

COMMAND_TIMEOUT_SECONDS: Final = 60.0
CURRENT: Final = "current"
LAST_WORDS_BYTES: Final = 300


@driver
class SymlinkDriver:
    """Serves a version through the link `current`; whole targets only."""

    name: ClassVar[str] = "symlink"

    def __init__(self, options: DriverOptions) -> None:
        """Take the root of all models and the command to run after a switch."""
        self._root = options.root.absolute()
        self._on_switch = options.on_switch
        self._seen: dict[Path, tuple[object, Digest]] = {}

    def plan(self, desired: Desired, observed: Observed) -> Plan:
        """Plan to serve the one variant that gets all the traffic."""
        try:
            served = desired.served
        except ValueError as error:
            raise Unapplied(Fault.DRIVER_ERROR, f"a link is whole: {error}") from error
        return Plan(
            target=desired.target,
            variant=served[1] if served else None,
            previous=observed,
            revision=desired.event.revision,
        )

    async def apply(
        self, plan: Plan, context: AgentContext
    ) -> AsyncGenerator[Progress]:
        """Fetch beside, verify, switch, tell the server."""
        home = self._home(plan.target)
        if plan.variant is None:
            await asyncio.to_thread(_point, home, None)
            yield Progress("switched", f"{CURRENT} removed, nothing is served")
            return
        folder = _folder(home, plan.variant.digest)
        await asyncio.to_thread(_bring, plan.variant, folder, context)
        yield Progress(
            "verified",
            f"{plan.variant.uri}, {plan.variant.size_bytes} bytes: "
            f"{plan.variant.digest} equals desired",
        )
        before = _pointed_at(home)
        await asyncio.to_thread(_point, home, folder)
        await self._tell_or_go_back(plan, before)
        yield Progress(
            "switched", f"{home / CURRENT} -> versions/{folder.name}   previous kept"
        )

    async def observe(self, target: Target) -> Observed:
        """Hash what the link points at; again only when its files changed."""
        folder = _pointed_at(self._home(target))
        if folder is None:
            return Observed()
        return Observed(await asyncio.to_thread(self._digest, folder))

    async def health(self, target: Target) -> Health:
        """Say good when the link leads to files; who loads them is not known here."""
        folder = _pointed_at(self._home(target))
        return Health.UNKNOWN if folder is None else Health.GOOD

    def _home(self, target: Target) -> Path:
        team, _, name = target.model.rpartition("/")
        return self._root / (team or DEFAULT_TEAM) / name

    def _digest(self, folder: Path) -> Digest:
        signature = tuple(
            (str(file), status.st_ino, status.st_size, status.st_mtime_ns)
            for file in sorted(folder.rglob("*"))
            for status in [file.lstat()]
        )
        known = self._seen.get(folder)
        if known is None or known[0] != signature:
            kind = folder.name.rpartition("-")[0]
            known = self._seen[folder] = (signature, content_digest(folder, kind)[0])
        return known[1]

    async def _tell_or_go_back(self, plan: Plan, before: Path | None) -> None:
        """Run the command; where it says no, serve again what was served."""
        if self._on_switch is None:
            return
        home = self._home(plan.target)
        try:
            await _run(self._on_switch, _environment(plan, home))
        except Unapplied:
            await asyncio.to_thread(_point, home, before)
            with contextlib.suppress(Unapplied):
                await _run(self._on_switch, _environment(plan, home))
            raise


def _environment(plan: Plan, home: Path) -> Mapping[str, str]:
    return {
        **os.environ,
        "ROLLBOOK_MODEL": plan.target.model,
        "ROLLBOOK_STAGE": plan.target.stage,
        "ROLLBOOK_TARGET": plan.target.target,
        "ROLLBOOK_VERSION": str(plan.version),
        "ROLLBOOK_CURRENT": str(home / CURRENT),
    }


async def _run(command: str, environment: Mapping[str, str]) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(command),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            process_group=0,
        )
    except (OSError, ValueError) as error:
        raise Unapplied(Fault.DRIVER_ERROR, f"{command}: {error}") from error
    try:
        async with asyncio.timeout(COMMAND_TIMEOUT_SECONDS):
            said, _ = await process.communicate()
    except TimeoutError as error:
        raise Unapplied(Fault.DRIVER_ERROR, f"{command}: no end in time") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind, too
        await process.wait()
    if process.returncode != 0:
        words = said[-LAST_WORDS_BYTES:].decode(errors="replace").strip()
        raise Unapplied(
            Fault.LOAD_FAILED, f"{command}: exit {process.returncode} {words}"
        )


def _folder(home: Path, digest: Digest) -> Path:
    return home / "versions" / digest.replace(":", "-")


def _bring(variant: Variant, folder: Path, context: AgentContext) -> None:
    """Have the verified bytes in place, or raise and leave nothing half done."""
    if _is_intact(folder, variant.digest):
        return
    beside = folder.with_name(f".{folder.name}.fetching")
    shutil.rmtree(beside, ignore_errors=True)  # a kill left it
    beside.mkdir(parents=True)
    try:
        fetch(
            variant.uri,
            beside,
            digest=variant.digest,
            size_bytes=variant.size_bytes,
            is_stopping=context.is_stopping,
        )
        for inner in (beside, *filter(Path.is_dir, beside.rglob("*"))):
            sync_folder(inner)
        _replace(folder, beside)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _is_intact(folder: Path, digest: Digest) -> bool:
    """Tell whether these are still the bytes that were verified once."""
    try:
        return folder.is_dir() and (
            content_digest(folder, digest.partition(":")[0])[0] == digest
        )
    except OSError:
        return False


def _replace(folder: Path, verified: Path) -> None:
    """Put a verified folder in place; damaged bytes are served until then.

    A crash between the renames leaves a link to nothing: the next start applies again.
    """
    damaged = folder.with_name(f".{folder.name}.damaged")
    shutil.rmtree(damaged, ignore_errors=True)
    if folder.exists():
        folder.rename(damaged)
    verified.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(damaged, ignore_errors=True)


def _pointed_at(home: Path) -> Path | None:
    """Follow the link, where it leads to a folder."""
    link = home / CURRENT
    try:
        folder = home / link.readlink()
    except OSError:
        return None
    return folder if folder.is_dir() else None


def _point(home: Path, folder: Path | None) -> None:
    """Move the link in one step: a reader sees the old version or the new one."""
    link = home / CURRENT
    if folder is None:
        link.unlink(missing_ok=True)
    else:
        draft = home / f".{CURRENT}.new"
        draft.unlink(missing_ok=True)
        draft.symlink_to(folder.relative_to(home))
        draft.replace(link)
    if home.is_dir():
        sync_folder(home)
