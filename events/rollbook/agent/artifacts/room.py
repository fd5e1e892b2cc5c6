"""What may go when the cache is full?

The least recently used, but nothing that somebody fetches, and nothing that was asked
for within the last minute: its caller may still be copying it.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rollbook.agent.artifacts.lock import locked_if_free
from rollbook.agent.driver import Fault, Unapplied

KEPT_SECONDS: Final = 60.0
LOCK, PART, SEEN = ".lock", ".part", ".json"


@dataclass(frozen=True, slots=True)
class Place:
    """Everything the cache has of one digest."""

    folder: Path
    """With the verified bytes."""

    @property
    def lock(self) -> Path:
        """Name the file that whoever works on it holds."""
        return self.folder.with_name(self.folder.name + LOCK)

    @property
    def part(self) -> Path:
        """Name the folder with what is half there."""
        return self.folder.with_name(self.folder.name + PART)

    @property
    def seen(self) -> Path:
        """Name the file with what the bytes looked like when they were hashed.

        It is touched whenever they are asked for.
        """
        return self.folder.with_name(self.folder.name + SEEN)

    def size_bytes(self) -> int:
        """Count what is there and what is half there."""
        return _size(self.folder) + _size(self.part)

    def used_at(self) -> float:
        """Say when it was last asked for; at latest when it was last written."""
        places = (self.seen, self.part, self.folder)
        return max((_changed_at(each) for each in places), default=0.0)

    def remove(self) -> None:
        """Remove it, the lock last; whoever calls holds it."""
        # Without what was seen, a half removed folder is hashed before it is used.
        self.seen.unlink(missing_ok=True)
        for folder in (self.folder, self.part):
            shutil.rmtree(folder, ignore_errors=True)
        self.lock.unlink(missing_ok=True)


def make_room(place: Place, size_bytes: int, *, limit: int | None, now: float) -> None:
    """Evict until `size_bytes` fit for `place`, as far as that may be.

    Raises Unapplied where they never fit, or not on the disk.
    """
    cache = place.folder.parent
    if limit is not None:
        if size_bytes > limit:
            raise Unapplied(
                Fault.NO_CAPACITY,
                f"it has {size_bytes} bytes, the whole cache may have {limit}: "
                "raise limit_bytes",
            )
        others = [each for each in places(cache) if each != place]
        _evict(others, limit - size_bytes, now=now)
    missing = size_bytes - _size(place.part)
    free = shutil.disk_usage(cache).free
    if missing > free:
        raise Unapplied(
            Fault.NO_CAPACITY,
            f"{missing} bytes are missing, {cache} has room for {free}",
            is_passing=True,
        )


def places(cache: Path) -> Iterator[Place]:
    """List what is cached, and what is half there."""
    names = {each.name.removesuffix(PART) for each in cache.iterdir() if each.is_dir()}
    return (Place(cache / name) for name in sorted(names))


def _evict(others: list[Place], limit: int, *, now: float) -> None:
    total = sum(each.size_bytes() for each in others)
    for place in sorted(others, key=Place.used_at):
        if total <= limit or now - place.used_at() < KEPT_SECONDS:
            return
        with locked_if_free(place.lock) as is_ours:
            # Somebody may have asked for it since the list was made.
            if is_ours and now - place.used_at() >= KEPT_SECONDS:
                total -= place.size_bytes()
                place.remove()


def _size(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
