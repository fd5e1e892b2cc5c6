"""Are these the bytes that were registered, and were they touched since?"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from rollbook.agent.artifacts.source import PIECE_BYTES
from rollbook.artifact import FILE_DIGEST, FOLDER_DIGEST, files_of
from rollbook.names import Digest

KINDS: Final = frozenset({FILE_DIGEST, FOLDER_DIGEST})
Signature = tuple[tuple[str, int, int, int], ...]
"""Name, inode, size and time of change of each file."""


def kind_of(digest: Digest) -> str:
    """Name what a digest is of: a file, a folder or something else."""
    return digest.partition(":")[0]


def is_folder(digest: Digest) -> bool:
    """Tell whether an artifact is a folder; else it is a lone file."""
    return kind_of(digest) == FOLDER_DIGEST


def content_digest(
    folder: Path, kind: str, moved: Callable[[], None] = lambda: None
) -> Digest:
    """Hash a folder with an artifact in it; a lone file under its own kind.

    Calls `moved` for each piece. Raises OSError where a link or a device is in it.
    """
    digests = [_hash(file, moved) for _, file in files_of(folder)]
    is_lone = kind == FILE_DIGEST and len(digests) == 1
    return combined(digests, FILE_DIGEST if is_lone else FOLDER_DIGEST)


def combined(digests: Sequence[bytes], kind: str) -> Digest:
    """Make an artifact's digest of those of its files, in the order of their names."""
    whole = b"".join(digests)
    raw = whole if kind == FILE_DIGEST else hashlib.sha256(whole).digest()
    return Digest(f"{kind}:{raw.hex()}")


def is_intact(
    folder: Path, digest: Digest, moved: Callable[[], None] = lambda: None
) -> bool:
    """Hash a folder; tell whether it still is that artifact."""
    try:
        return folder.is_dir() and (
            content_digest(folder, kind_of(digest), moved) == digest
        )
    except OSError:
        return False


def _hash(file: Path, moved: Callable[[], None]) -> bytes:
    hashed = hashlib.sha256()
    with file.open("rb", buffering=0) as opened:
        while piece := opened.read(PIECE_BYTES):
            hashed.update(piece)
            moved()
    return hashed.digest()


def signature(folder: Path) -> Signature:
    """Look at a folder's files without reading them: equal means untouched.

    Links to the same files do not change it. Raises OSError.
    """
    return tuple(
        (name.as_posix(), status.st_ino, status.st_size, status.st_mtime_ns)
        for name, file in files_of(folder)
        for status in [file.lstat()]
    )


class Hashes:
    """Remembers what was hashed, for as long as nobody touches it."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._known: dict[Path, tuple[Signature, Digest]] = {}

    def digest(self, folder: Path, kind: str) -> Digest:
        """Return a folder's digest; it is hashed again where it changed."""
        seen = signature(folder)
        known = self._known.get(folder)
        if known is None or known[0] != seen:
            known = self._known[folder] = (seen, content_digest(folder, kind))
        return known[1]

    def moved(self, before: Path, after: Path) -> None:
        """Remember of a folder under its new name what was known of it."""
        known = self._known.pop(before, None)
        self._known.pop(after, None)
        if known is not None:
            self._known[after] = known
