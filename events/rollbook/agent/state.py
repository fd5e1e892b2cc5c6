"""What must an agent still know after a kill -9?

One small JSON file, written whole, fsynced and renamed before anything rests on it:
how far each key has come, and the reports that nobody has answered yet.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rollbook.agent.desired import Mark
from rollbook.commands.wire import Request
from rollbook.errors import Misconfigured
from rollbook.names import Count, Digest, Line, Version

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
    outcome: Outcome
    seq: Count
    """Of the last report that was made."""
    reason_code: Line | None = None
    """Why it is not applied."""
    applied_revision: Count = 0
    """The last revision that was applied."""
    served: Mapping[Digest, Version] = Field(default_factory=dict)
    """What that revision named for this target."""
    drifted: str | None = None
    """What was seen instead, where that was reported."""

    @property
    def mark(self) -> Mark:
        """Say how far the key has come."""
        return Mark(self.revision, self.token)


class Remembered(BaseModel):
    """The whole file; it is replaced, never changed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session: str = ""
    """Who asks for the lease: whoever holds this file, also after a restart."""
    keys: dict[str, KeyState] = Field(default_factory=dict)
    reports: tuple[Request, ...] = ()

    def with_key(self, key: str, state: KeyState, *, report: Request) -> Self:
        """Move one key on and queue what is to be said of it."""
        return type(self)(
            session=self.session,
            keys={**self.keys, key: state},
            reports=(*self.reports, report)[-LONGEST_QUEUE:],
        )

    def with_session(self, session: str) -> Self:
        """Name who asks for the lease."""
        return type(self)(session=session, keys=self.keys, reports=self.reports)

    def without(self, answered: Request) -> Self:
        """Forget a report that was answered."""
        reports = tuple(each for each in self.reports if each.id != answered.id)
        return type(self)(session=self.session, keys=self.keys, reports=reports)

    def of_model(self, model: str) -> Iterator[KeyState]:
        """List what is known of a model's documents."""
        return (state for state in self.keys.values() if state.model == model)


class StateFile:
    """The file, held by one process at a time."""

    def __init__(self, path: Path, remembered: Remembered) -> None:
        """Use `opened`."""
        self._path, self._remembered = path, remembered
        self._is_noted = False

    @property
    def remembered(self) -> Remembered:
        """Return what is on the disk, less what was only noted."""
        return self._remembered

    def remember(self, remembered: Remembered) -> None:
        """Write the file to the disk itself; a crash leaves the old or the new one.

        Raises OSError, and then nothing has changed.
        """
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        try:
            with draft.open("w") as file:
                file.write(remembered.model_dump_json())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError:
            draft.unlink(missing_ok=True)  # a full disk is not filled further
            raise
        sync_folder(self._path.parent)
        self._remembered, self._is_noted = remembered, False

    def note(self, remembered: Remembered) -> None:
        """Know it now, and let the next write take it along: it may be lost."""
        self._remembered, self._is_noted = remembered, True

    def write_notes(self) -> None:
        """Write what was only noted."""
        if self._is_noted:
            self.remember(self._remembered)


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
        state = StateFile(path, load(path))
        if not state.remembered.session:
            state.remember(state.remembered.with_session(secrets.token_hex(8)))
        yield state


def load(path: Path) -> Remembered:
    """Read the file as it is now, held or not; nothing where there is none."""
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
