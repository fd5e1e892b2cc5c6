"""Where are an artifact's verified bytes on this machine?

`<digest>/` holds them, and is there only as a whole; `<digest>.part/` what is half
there; `<digest>.json` how they looked when they were hashed. A kill at any point is
followed by the same call again.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from rollbook.agent.artifacts.check import is_intact, signature
from rollbook.agent.artifacts.faults import as_faults
from rollbook.agent.artifacts.fetch import fetch
from rollbook.agent.artifacts.lock import locked
from rollbook.agent.artifacts.names import shown
from rollbook.agent.artifacts.progress import Teller, Told
from rollbook.agent.artifacts.protocols import source_of
from rollbook.agent.artifacts.room import Place, make_room
from rollbook.agent.artifacts.source import Sources
from rollbook.agent.artifacts.watched import StoodStill, Work, watched
from rollbook.agent.driver import Fault, Unapplied
from rollbook.agent.state import sync_folder
from rollbook.catalogue.lane import Variant

STALL_SECONDS: Final = 45.0


class Store:
    """A cache of artifacts by digest; several agents may share its folder."""

    def __init__(
        self,
        folder: Path,
        *,
        limit_bytes: int | None = None,
        most_bytes_each: int | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        only_from: Sequence[str] = (),
        stall_seconds: float = STALL_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take the folder, what it may hold, and how and whence to fetch.

        `options` are fsspec's, by protocol or by the beginning of a URI; `only_from`
        are beginnings of URIs, none: everywhere. What brings nothing for
        `stall_seconds` is given up.
        """
        self._folder, self._limit_bytes = folder, limit_bytes
        self._most_bytes_each = most_bytes_each
        self._sources = Sources(options or {}, only_from)
        self._stall_seconds, self._now = stall_seconds, now

    async def bring(
        self,
        variant: Variant,
        *,
        is_stopping: Callable[[], bool] = lambda: False,
        told: Told = lambda word, line: None,
    ) -> Path:
        """Return a folder with an artifact's verified bytes, fetched where needed.

        It is kept for at least a minute after this call and never to be changed.
        Raises Unapplied, or Interrupted between two pieces.
        """
        try:
            return await watched(
                partial(self._bring, variant),
                is_stopping=is_stopping,
                look=Teller(shown(variant.uri), told).look,
                stall_seconds=self._stall_seconds,
            )
        except StoodStill as error:
            raise Unapplied(
                Fault.ARTIFACT_UNREACHABLE,
                f"{shown(variant.uri)}: {error}",
                is_passing=True,
            ) from error

    def _bring(self, variant: Variant, work: Work) -> Path:
        most = self._most_bytes_each
        if most is not None and variant.size_bytes > most:
            raise Unapplied(
                Fault.NO_CAPACITY,
                f"{shown(variant.uri)} has {variant.size_bytes} bytes, this agent "
                f"takes {most}: raise most_bytes_each",
            )
        place = Place(self._folder / variant.digest.replace(":", "-"))
        with as_faults(str(place.folder)):
            self._folder.mkdir(parents=True, exist_ok=True)
            with locked(place.lock, work, growing=place.part):
                if not _is_here(place, variant, work):
                    self._fetch(place, variant, work)
                now = self._now()
                os.utime(place.seen, (now, now))
        return place.folder

    def _fetch(self, place: Place, variant: Variant, work: Work) -> None:
        source = source_of(variant.uri, variant.digest, self._sources)
        shutil.rmtree(place.folder, ignore_errors=True)  # it was damaged
        make_room(place, variant.size_bytes, limit=self._limit_bytes, now=self._now())
        fetch(variant, source, part=place.part, work=work)
        seen = signature(place.part)
        place.part.rename(place.folder)
        sync_folder(self._folder)
        _remember(place, seen)


def _is_here(place: Place, variant: Variant, work: Work) -> bool:
    """Tell whether the verified bytes are there; hash them where they were touched."""
    if not place.folder.is_dir():
        return False
    try:
        seen = signature(place.folder)
        known = json.loads(place.seen.read_bytes())
    except (OSError, ValueError):
        known = seen = None
    if seen is not None and known == [[*each] for each in seen]:
        return True
    if not is_intact(place.folder, variant.digest, work.move):
        return False
    _remember(place, signature(place.folder))
    return True


def _remember(place: Place, seen: object) -> None:
    """Write how the bytes look; after a crash without it they are hashed again."""
    draft = place.seen.with_name(f"{place.seen.name}.new")
    draft.write_text(json.dumps(seen))
    draft.replace(place.seen)
