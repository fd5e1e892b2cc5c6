"""How do an artifact's bytes come here, and when are they the right ones?

They are hashed while they are written. What is half there stays for the next try,
which goes on where this one ended; the digest is always that of the whole.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rollbook.agent.artifacts.check import combined, is_folder, kind_of
from rollbook.agent.artifacts.faults import Different, as_faults
from rollbook.agent.artifacts.growing import Growing, growing
from rollbook.agent.artifacts.names import shown
from rollbook.agent.artifacts.source import Listed, Source
from rollbook.agent.artifacts.watched import Work
from rollbook.agent.driver import Fault, Unapplied
from rollbook.agent.state import sync_folder
from rollbook.artifact import files_of
from rollbook.catalogue.lane import Variant
from rollbook.errors import RollbookError

TRIES: Final = 5


def fetch(variant: Variant, source: Source, *, part: Path, work: Work) -> None:
    """Leave exactly the variant's bytes in the folder `part`, on the disk itself.

    What is in it from an earlier try is used. Blocks. Raises Unapplied, Interrupted.
    """
    is_resumed = part.exists()
    try:
        _fetch(variant, source, part, work)
    except Different:
        # What was half there may have been of something else: once more from nothing.
        if not is_resumed:
            raise
        _fetch(variant, source, part, work)


def _fetch(variant: Variant, source: Source, part: Path, work: Work) -> None:
    work.done_bytes, work.total_bytes = 0, variant.size_bytes
    try:
        with as_faults(shown(variant.uri)):
            _Fetching(variant, source, part, work, variant.size_bytes).all_files()
    except Unapplied as why:
        # A full disk needs the room; other bytes are of no use to anybody.
        if why.fault in (Fault.NO_CAPACITY, Fault.DIGEST_MISMATCH):
            shutil.rmtree(part, ignore_errors=True)
        raise


@dataclass(slots=True)
class _Fetching:
    variant: Variant
    source: Source
    part: Path
    work: Work
    left_bytes: int

    @property
    def is_lone(self) -> bool:
        """Tell whether it is a file without a folder."""
        return not is_folder(self.variant.digest)

    def all_files(self) -> None:
        """Bring each file, in the order of the names, and compare the whole."""
        listed = sorted(self.source.files(), key=lambda each: each.name.as_posix())
        if not listed:
            raise FileNotFoundError("the folder holds no file")
        if sum(each.size_bytes or 0 for each in listed) > self.variant.size_bytes:
            raise self._different("it is larger")
        self._forget_others({str(each.name) for each in listed})
        self._compare([self._file(each) for each in listed])
        for folder in (self.part, *filter(Path.is_dir, self.part.rglob("*"))):
            sync_folder(folder)

    def _forget_others(self, names: set[str]) -> None:
        """Remove what an earlier try from elsewhere left."""
        self.part.mkdir(parents=True, exist_ok=True)
        for name, file in list(files_of(self.part)):
            if str(name) not in names:
                file.unlink()

    def _file(self, listed: Listed) -> bytes:
        path = self.part / listed.name
        with growing(path, self.work, limit_bytes=self.left_bytes) as grown:
            due = self.left_bytes if self.is_lone else listed.size_bytes
            if grown.size_bytes != due or not due:
                self._read(listed, grown)
        self.left_bytes -= grown.size_bytes
        return grown.digest()

    def _read(self, listed: Listed, grown: Growing) -> None:
        """Read to the end; where the connection breaks, go on while that helps."""
        for tries_left in reversed(range(TRIES)):
            before = grown.size_bytes
            try:
                return self._read_on(listed, grown)
            except RollbookError:
                raise
            except Exception:
                if not tries_left or grown.size_bytes <= before:
                    raise
        return None

    def _read_on(self, listed: Listed, grown: Growing) -> None:
        with self.source.opened(listed, grown.size_bytes) as reading:
            if reading.starts_at != grown.size_bytes:
                grown.begin_again()
            said = reading.size_bytes
            if said is not None and said > self.left_bytes:
                raise self._different(f"{listed.name} has {said} bytes")
            grown.take(reading.pieces)
        # Whoever says how long a file is may have cut it off; a lone one that nobody
        # measured is held against what was registered.
        due = self.left_bytes if said is None and self.is_lone else said
        if due is not None and grown.size_bytes < due:
            raise ConnectionError(f"it ended after {grown.size_bytes} of {due} bytes")

    def _compare(self, digests: list[bytes]) -> None:
        actual = combined(digests, kind_of(self.variant.digest))
        if actual != self.variant.digest or self.left_bytes:
            got = self.variant.size_bytes - self.left_bytes
            raise self._different(f"it is {actual}, {got} bytes")

    def _different(self, what: str) -> Different:
        variant = self.variant
        return Different(
            f"{shown(variant.uri)}: {what}; registered is {variant.digest}, "
            f"{variant.size_bytes} bytes"
        )
