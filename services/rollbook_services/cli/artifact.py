"""Which bytes are these: the digest and the size of a file or of a folder?

The agent that will load them computes it by the same function: `sha256` of a file;
`oms-sha256` of a folder, which is SHA-256 over the raw SHA-256 of each of its files in
the order of their names, as OpenSSF model signatures have it.
"""

from dataclasses import dataclass
from pathlib import Path

import click


@dataclass(frozen=True, slots=True)
class Measured:
    """What identifies an artifact."""

    digest: str
    size_bytes: int


def measure(path: Path) -> Measured:
    """Hash a file or a folder piece by piece; nothing is held in memory."""
    from rollbook.agent.fetch import digest_of

    if not (path.is_dir() or path.is_file()):
        raise click.UsageError(f"there is no file or folder {path}")
    if path.is_dir() and not any(found.is_file() for found in path.rglob("*")):
        raise click.UsageError(f"{path}: the folder holds no file")
    try:
        digest, size_bytes = digest_of(path)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be hashed: {error}") from error
    return Measured(str(digest), size_bytes)
