"""Which versions of a model lie on the disk for its server, and are they untouched?

`versions/<digest>/` is linked from the agent's cache, or copied, and hashed again: it
stays when the cache drops it, and going back needs no source.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from rollbook.agent.artifacts.check import Hashes, kind_of
from rollbook.agent.artifacts.faults import Different, as_faults
from rollbook.agent.artifacts.names import shown
from rollbook.agent.driver import AgentContext, Fault, Progress
from rollbook.agent.state import sync_folder
from rollbook.agent.wanted import Wanted
from rollbook.artifact import files_of
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.names import DEFAULT_TEAM, Digest

VERSIONS: Final = "versions"
KEPT_VERSIONS: Final = 3


def home_of(root: Path, target: Target) -> Path:
    """Name the folder of one model."""
    team, _, name = target.model.rpartition("/")
    return root / (team or DEFAULT_TEAM) / name


class Versions:
    """The versions of all models of one agent."""

    def __init__(self) -> None:
        """Begin without having looked at anything."""
        self._hashes = Hashes()

    def folder(self, home: Path, digest: Digest) -> Path:
        """Name a version's folder, which may not be there."""
        return home / VERSIONS / digest.replace(":", "-")

    def digest(self, folder: Path) -> Digest:
        """Hash a version's folder, where it was touched since. Raises OSError."""
        return self._hashes.digest(folder, folder.name.rpartition("-")[0])

    def is_intact(self, home: Path, digest: Digest) -> bool:
        """Tell whether a version is there, and is what its name says."""
        folder = self.folder(home, digest)
        try:
            return folder.is_dir() and self.digest(folder) == digest
        except OSError:
            return False

    def place(self, home: Path, digest: Digest, *, artifact: Path) -> None:
        """Put verified bytes in place of whatever is there; Unapplied leaves it.

        A crash in between leaves the old, nothing or the new: placing is repeated.
        """
        folder = self.folder(home, digest)
        beside = folder.with_name(f".{folder.name}.placing")
        with as_faults(str(folder), otherwise=Fault.DRIVER_ERROR):
            shutil.rmtree(beside, ignore_errors=True)  # a kill left it
            try:
                _link_all(artifact, beside)
                actual = self._hashes.digest(beside, kind_of(digest))
                if actual != digest:
                    raise Different(f"{folder}: it is {actual}, wanted is {digest}")
                _replace(folder, beside)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        self._hashes.moved(beside, folder)

    async def bring(self, home: Path, variant: Variant, context: AgentContext) -> bool:
        """Have a version's verified bytes in its folder; tell whether they are new."""
        if await asyncio.to_thread(self.is_intact, home, variant.digest):
            return False
        artifact = await context.fetch(variant)
        await asyncio.to_thread(self.place, home, variant.digest, artifact=artifact)
        return True


def verified(variant: Variant) -> Progress:
    """Say that the bytes are the right ones."""
    return Progress(
        "verified",
        f"{shown(variant.uri)}, {variant.size_bytes} bytes: {variant.digest} "
        "equals desired",
    )


def to_fetch(variant: Variant) -> str:
    """Say what is about to be fetched."""
    uri = shown(variant.uri)
    return f"fetch {uri}, unless it is here, and verify {variant.digest}"


def variants_of(wanted: Wanted) -> Iterator[Variant]:
    """List what is to be served, each artifact once."""
    by_digest = {each.variant.digest: each.variant for each in wanted.shares.values()}
    yield from by_digest.values()


def forget_old(home: Path, *, keep: int, served: Collection[Path]) -> None:
    """Remove all versions but those that are served and the `keep` newest."""
    for folder in served:
        with contextlib.suppress(FileNotFoundError):
            os.utime(folder)
    with contextlib.suppress(FileNotFoundError):
        found = {each: each.lstat().st_mtime for each in (home / VERSIONS).iterdir()}
        whole = [each for each in found if not each.name.startswith(".")]
        newest = sorted(whole, key=lambda each: found[each], reverse=True)[:keep]
        for folder in found.keys() - {*newest, *served}:
            shutil.rmtree(folder, ignore_errors=True)


def _link_all(artifact: Path, beside: Path) -> None:
    beside.mkdir(parents=True)
    for name, file in files_of(artifact):
        target = beside / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(file)
        except OSError:  # another file system, too many links, somebody else's file
            shutil.copyfile(file, target)
            _sync(target)
    for folder in (beside, *_folders(beside)):
        sync_folder(folder)


def _folders(folder: Path) -> Iterable[Path]:
    return filter(Path.is_dir, folder.rglob("*"))


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


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
