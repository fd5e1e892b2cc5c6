"""How does a file grow on the disk, hashed while it does?"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rollbook.agent.artifacts.faults import Different
from rollbook.agent.artifacts.source import PIECE_BYTES
from rollbook.agent.artifacts.watched import Work


class Growing:
    """A file that may have begun to grow before."""

    def __init__(self, file: BinaryIO, work: Work, limit_bytes: int) -> None:
        """Hash what is there already; more than the limit is thrown away."""
        self._file, self._work, self._limit_bytes = file, work, limit_bytes
        self._hash, self.size_bytes = hashlib.sha256(), 0
        file.seek(0)
        while self.size_bytes <= limit_bytes and (piece := file.read(PIECE_BYTES)):
            self._count(piece)
        if self.size_bytes > limit_bytes:
            self.begin_again()

    def take(self, pieces: Iterator[bytes]) -> None:
        """Write and hash; Different at the first byte too many."""
        for piece in pieces:
            if self.size_bytes + len(piece) > self._limit_bytes:
                raise Different(f"more than the {self._limit_bytes} bytes that are due")
            self._write(piece)
            self._count(piece)

    def begin_again(self) -> None:
        """Forget what has grown so far."""
        self._file.truncate(0)
        self._work.done_bytes -= self.size_bytes
        self._hash, self.size_bytes = hashlib.sha256(), 0

    def digest(self) -> bytes:
        """Return the SHA-256 of what is there."""
        return self._hash.digest()

    def _write(self, piece: bytes) -> None:
        """Write all of it: on a disk that is nearly full a write may be a short one."""
        left = memoryview(piece)
        while left:
            left = left[self._file.write(left) :]

    def _count(self, piece: bytes) -> None:
        self._hash.update(piece)
        self.size_bytes += len(piece)
        self._work.move(len(piece))


@contextmanager
def growing(path: Path, work: Work, *, limit_bytes: int) -> Iterator[Growing]:
    """Open a file to grow; at the end of the block its bytes are on the disk itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # It appends wherever it has read to: what is there is never written twice.
    with path.open("ab+", buffering=0) as file:
        yield Growing(file, work, limit_bytes)
        os.fsync(file.fileno())
