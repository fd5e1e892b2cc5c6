"""How do several agents on one cache fetch each artifact once?"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rollbook.agent.artifacts.watched import Work

PAUSE_SECONDS: Final = 0.05


@contextmanager
def locked(path: Path, work: Work, *, growing: Path) -> Iterator[None]:
    """Hold a lock file until the end of the block; a killed holder lets go.

    While another holds it, its work counts as ours for as long as the folder `growing`
    changes. Raises Interrupted when nobody waits any more.
    """
    seen = _sizes(growing)
    while (descriptor := _try(path)) is None:
        now = _sizes(growing)
        if work.is_over or now != seen:
            work.move()
        seen = now
        time.sleep(PAUSE_SECONDS)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold a lock file, unless somebody else does; tell whether."""
    descriptor = _try(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _try(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever evicts removes the file while it holds it: that one locks nothing.
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _sizes(folder: Path) -> list[int]:
    try:
        return [file.lstat().st_size for file in folder.rglob("*")]
    except OSError:  # it was moved away meanwhile
        return []
