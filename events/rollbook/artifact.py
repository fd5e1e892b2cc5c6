"""Which bytes are these: the digest and the size of a file or of a folder?

One answer for who registers them and for the agent that will load them: `sha256` of
a file; `oms-sha256` of a folder, which is SHA-256 over the raw SHA-256 of each of its
files in the order of their names, as OpenSSF model signatures have it.
"""

import hashlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from rollbook.names import Digest

FILE_DIGEST: Final = "sha256"
FOLDER_DIGEST: Final = "oms-sha256"


@dataclass(frozen=True, slots=True)
class Measured:
    """What identifies an artifact."""

    digest: Digest
    size_bytes: int


def measure(path: Path) -> Measured:
    """Hash what is to be registered; raises OSError for what nobody could load."""
    if not (path.is_dir() or path.is_file()):
        raise FileNotFoundError(f"there is no file or folder {path}")
    if path.is_dir() and not any(found.is_file() for found in path.rglob("*")):
        raise OSError(f"{path}: the folder holds no file")
    return Measured(*digest_of(path))


def digest_of(path: Path) -> tuple[Digest, int]:
    """Hash a file or a folder piece by piece, and count its bytes.

    A folder's digest covers what each file holds, in the order of the names, but not
    the names: a file renamed or moved without changing that order is not noticed.
    """
    if path.is_file():
        digest, size = _hash(path)
        return Digest(f"{FILE_DIGEST}:{digest.hex()}"), size
    whole, total = hashlib.sha256(), 0
    for _, file in files_of(path):
        digest, size = _hash(file)
        whole.update(digest)
        total += size
    return Digest(f"{FOLDER_DIGEST}:{whole.hexdigest()}"), total


def files_of(folder: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    """List a folder's regular files by relative name, in name order.

    Raises OSError at what is neither file nor folder: it could point anywhere.
    """
    found = {
        file.relative_to(folder).as_posix(): file
        for file in folder.rglob("*")
        if not stat.S_ISDIR(file.lstat().st_mode)
    }
    for name in sorted(found):
        if not stat.S_ISREG(found[name].lstat().st_mode):
            raise OSError(f"{found[name]} is neither a file nor a folder")
        yield PurePosixPath(name), found[name]


def _hash(file: Path) -> tuple[bytes, int]:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").digest()
        return digest, opened.tell()
