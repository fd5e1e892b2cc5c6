"""How do tests describe artifacts, and what became of them in a cache?"""

import hashlib
import random
from pathlib import Path
from typing import Final

import pytest

from rollbook.agent.artifacts.store import Store
from rollbook.agent.driver import Unapplied
from rollbook.artifact import digest_of
from rollbook.catalogue.lane import Variant
from rollbook.names import Digest, Version

LARGE: Final = random.Random(4).randbytes(3_000_000)
MIB: Final = 1024 * 1024


def described(uri: str, digest: str, size_bytes: int) -> Variant:
    return Variant(
        version=Version(1), digest=Digest(digest), size_bytes=size_bytes, uri=uri
    )


def local(path: Path, uri: str | None = None) -> Variant:
    """Describe what is there now."""
    return described(uri or str(path), *digest_of(path))


def lone(uri: str, held: bytes) -> Variant:
    """Describe a lone file by what should be in it."""
    return described(uri, f"sha256:{hashlib.sha256(held).hexdigest()}", len(held))


def file(folder: Path, held: bytes, name: str = "model.bin") -> Variant:
    """Write a lone file and describe it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(held)
    return lone(str(folder / name), held)


def folder(at: Path) -> Path:
    """Make an artifact of several files."""
    (at / "b" / "deep").mkdir(parents=True)
    (at / "a.bin").write_bytes(b"A")
    (at / "b" / "c.bin").write_bytes(b"CC")
    (at / "b" / "deep" / "d.bin").write_bytes(b"")
    (at / "b-first.bin").write_bytes(b"order")
    return at


def named(cache: Path, variant: Variant, suffix: str = "") -> Path:
    """Say where the cache has something of a variant."""
    return cache / (variant.digest.replace(":", "-") + suffix)


async def unapplied(store: Store, variant: Variant) -> Unapplied:
    with pytest.raises(Unapplied) as refused:
        await store.bring(variant)
    return refused.value
