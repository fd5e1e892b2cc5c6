"""What must an agent still know after a kill -9?

One small JSON file, written whole, fsynced and renamed before anything rests on it:
how far each key has come, and the reports that nobody has answered yet.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rollbook.agent.desired import Mark
from rollbook.commands.wire import Request
from rollbook.errors import Misconfigured
from rollbook.names import Count, Digest, Version

LONGEST_QUEUE: Final = 1_000


class Outcome(StrEnum):
    """How far the newest document of a key has come."""

    PENDING = "pending"
    APPLIED = "applied"
    UNAPPLIED = "unapplied"


class KeyState(BaseModel):
    """What is remembered of one key."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    revision: Count
    token: Count
    version: Version | None
    digest: Digest | None
    outcome: Outcome
    seq: Count
    """Of the last report that was made."""

    @property
    def mark(self) -> Mark:
        """Say how far the key has come."""
        return Mark(self.revision, self.token)


class Remembered(BaseModel):
    """The whole file; it is replaced, never changed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    keys: dict[str, KeyState] = Field(default_factory=dict)
    reports: tuple[Request, ...] = ()

    def with_key(self, key: str, state: KeyState, *, report: Request) -> Self:
        """Move one key on and queue what is to be said of it."""
        reports = (*self.reports, report)[-LONGEST_QUEUE:]
        return type(self)(keys={**self.keys, key: state}, reports=reports)

    def without(self, answered: Request) -> Self:
        """Forget a report that was answered."""
        reports = tuple(each for each in self.reports if each.id != answered.id)
        return type(self)(keys=self.keys, reports=reports)


class StateFile:
    """The file, held by one process at a time."""

    def __init__(self, path: Path, remembered: Remembered) -> None:
        """Use `opened`."""
        self._path, self._remembered = path, remembered

    @property
    def remembered(self) -> Remembered:
        """Return what is on the disk."""
        return self._remembered

    def remember(self, remembered: Remembered) -> None:
        """Write the file to the disk itself; a crash leaves the old or the new one."""
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        with draft.open("w") as file:
            file.write(remembered.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        sync_folder(self._path.parent)
        self._remembered = remembered


@contextmanager
def opened(path: Path) -> Iterator[StateFile]:
    """Open the file until the end of the block; refuse a second process.

    Raises Misconfigured when it is held, or damaged: a state that is silently begun
    anew would accept old documents.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise Misconfigured(
                str(path), "another agent serves this target here: stop one of them"
            ) from held
        for leftover in path.parent.glob(f"{path.name}.*"):
            leftover.unlink()
        yield StateFile(path, _load(path))


def _load(path: Path) -> Remembered:
    if not path.exists():
        return Remembered()
    try:
        return Remembered.model_validate_json(path.read_bytes())
    except ValidationError as damaged:
        raise Misconfigured(
            str(path),
            "the agent's memory is damaged: remove the file, and the agent "
            "starts from what Rollbook says now",
        ) from damaged


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
