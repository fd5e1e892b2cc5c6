"""How do an artifact's bytes come here, and are they the right ones?

The bytes are copied beside what is served, and what was written is read back and
hashed: what is loaded later is what was compared.
"""

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from rollbook.agent.driver import Fault, Interrupted, Unapplied
from rollbook.artifact import FILE_DIGEST, FOLDER_DIGEST, digest_of, files_of
from rollbook.names import Digest

CHUNK_BYTES: Final = 1024 * 1024
DEFAULT_NAME: Final = "artifact"


def fetch(
    uri: str,
    into: Path,
    *,
    digest: Digest,
    size_bytes: int,
    is_stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Copy an artifact into an empty folder and compare size and digest.

    A file keeps its name; a folder's content lands directly in `into`. Blocks: run it
    in a thread. Raises Unapplied, or Interrupted between two chunks.
    """
    source = local_path(uri)
    try:
        _copy_all(source, into, limit_bytes=size_bytes, is_stopping=is_stopping)
        _compare(into, digest=digest, size_bytes=size_bytes)
    except PermissionError as error:
        raise Unapplied(Fault.PERMISSION_DENIED, f"{uri}: {error}") from error
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        fault = Fault.NO_CAPACITY if is_full else Fault.ARTIFACT_UNREACHABLE
        raise Unapplied(fault, f"{uri}: {error}") from error


def local_path(uri: str) -> Path:
    """Read `file:///…` or a plain path; other schemes cannot be fetched yet."""
    parts = urlsplit(uri)
    if not parts.scheme:
        return Path(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    raise Unapplied(
        Fault.ARTIFACT_UNREACHABLE,
        f"{uri}: this agent reads file:// and plain paths; mount the artifact there",
    )


def _compare(into: Path, *, digest: Digest, size_bytes: int) -> None:
    """Hash what was written: the bytes that will be loaded."""
    kind = digest.partition(":")[0]
    if kind not in (FILE_DIGEST, FOLDER_DIGEST):
        raise Unapplied(Fault.ARTIFACT_UNREACHABLE, f"{kind} cannot be checked here")
    actual, size = content_digest(into, kind)
    if actual != digest or size != size_bytes:
        raise Unapplied(
            Fault.DIGEST_MISMATCH,
            f"{actual}, {size} bytes; desired is {digest}, {size_bytes} bytes",
        )


def content_digest(folder: Path, kind: str) -> tuple[Digest, int]:
    """Hash a folder that `fetch` filled; a lone file under its own kind."""
    files = [file for _, file in files_of(folder)]
    is_lone = kind == FILE_DIGEST and len(files) == 1
    return digest_of(files[0] if is_lone else folder)


def _copy_all(
    source: Path, into: Path, *, limit_bytes: int, is_stopping: Callable[[], bool]
) -> None:
    if source.is_dir():
        files = [(into / name, file) for name, file in files_of(source)]
    elif stat.S_ISREG(source.stat().st_mode):
        files = [(into / (source.name or DEFAULT_NAME), source)]
    else:
        raise OSError("it is neither a file nor a folder")
    left = limit_bytes
    for target, file in files:
        target.parent.mkdir(parents=True, exist_ok=True)
        left -= _copy(file, target, limit_bytes=left, is_stopping=is_stopping)


def _copy(
    source: Path, target: Path, *, limit_bytes: int, is_stopping: Callable[[], bool]
) -> int:
    """Copy one file to the disk itself; stop at the first byte too many."""
    written = 0
    with source.open("rb") as reading, target.open("xb") as writing:
        while chunk := reading.read(CHUNK_BYTES):
            if is_stopping():
                raise Interrupted("stopped while fetching")
            written += len(chunk)
            if written > limit_bytes:
                raise Unapplied(
                    Fault.DIGEST_MISMATCH, f"{source} is larger than was registered"
                )
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    shutil.copymode(source, target)
    return written
