"""How is an artifact read that lies on this machine, or is mounted here?"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rollbook.agent.artifacts.names import file_name, inner_name
from rollbook.agent.artifacts.source import PIECE_BYTES, Listed, Reading
from rollbook.artifact import files_of


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A file or a folder by its path."""

    path: Path
    is_folder: bool

    def files(self) -> Sequence[Listed]:
        """List the files; OSError for a link in a folder: it could lead anywhere."""
        if self.is_folder != self.path.is_dir():
            self.path.stat()  # what is not there is said so
            raise OSError("it is a folder" if self.path.is_dir() else "it is a file")
        if not self.is_folder:
            return [Listed(file_name(self.path.name), str(self.path), None)]
        return [
            Listed(inner_name(name.as_posix()), str(file), file.stat().st_size)
            for name, file in files_of(self.path)
        ]

    @contextmanager
    def opened(self, listed: Listed, offset: int) -> Iterator[Reading]:
        """Read a file from an offset on."""
        # A folder's files are no links when they are listed, nor when they are read.
        no_link = os.O_NOFOLLOW if self.is_folder else 0
        descriptor = os.open(listed.at, os.O_RDONLY | os.O_NONBLOCK | no_link)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError("it is neither a file nor a folder")
            start = min(offset, status.st_size)
            file.seek(start)
            yield Reading(start, status.st_size, pieces(file))


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """Read to the end, a piece at a time."""
    while piece := file.read(PIECE_BYTES):
        yield piece
