"""How is an artifact read that lies elsewhere?

Through fsspec, which is imported when the first one is fetched: an agent that idles
stays small.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from rollbook.agent.artifacts.local import pieces
from rollbook.agent.artifacts.names import file_name, inner_name
from rollbook.agent.artifacts.source import (
    MOST_FILES,
    PIECE_BYTES,
    Listed,
    Reading,
)
from rollbook.agent.driver import Fault, Unapplied

EXTRAS: Final = {
    "http": "http",
    "https": "http",
    "s3": "s3",
    "gs": "gs",
    "abfs": "abfs",
    "abfss": "abfs",
}
CONNECT_SECONDS: Final = 10
READ_SECONDS: Final = 30
DEEPEST: Final = 16
BLOCK_BYTES: Final = 4 * PIECE_BYTES
"""Of one request to a bucket: small enough to arrive before it counts as hanging."""
_RANGE: Final = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", re.ASCII)


def filesystem(scheme: str, options: Mapping[str, Any]) -> Any:
    """Make fsspec's filesystem; Unapplied names the extra that is missing."""
    try:
        return import_module("fsspec").filesystem(
            scheme, skip_instance_cache=True, use_listings_cache=False, **options
        )
    except ImportError as missing:
        raise missing_extra(scheme) from missing


def missing_extra(scheme: str) -> Unapplied:
    """Say what to install for a protocol."""
    return Unapplied(
        Fault.ARTIFACT_UNREACHABLE,
        f"{scheme}:// cannot be read here: pip install "
        f"'rollbook[{EXTRAS[scheme]}]' and start the agent again",
    )


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """Objects of a bucket: each tells its size, and is read from any place on."""

    filesystem: Any
    uri: str
    is_folder: bool

    def files(self) -> Sequence[Listed]:
        """List the object, or all whose keys begin as the folder's."""
        if not self.is_folder:
            return [_object(self.filesystem.info(self.uri), file_name(self.uri).name)]
        found = self.filesystem.find(self.uri, detail=True)
        root = _inside(self.filesystem.info(self.uri)["name"])
        return _limited(
            _object(each, name.removeprefix(root))
            for name, each in found.items()
            if not name.endswith("/")  # stands for a folder, and is none
        )

    @contextmanager
    def opened(self, listed: Listed, offset: int) -> Iterator[Reading]:
        """Read an object from an offset on."""
        with self.filesystem.open(
            listed.at, "rb", block_size=BLOCK_BYTES, cache_type="readahead"
        ) as file:
            file.seek(offset)
            yield Reading(offset, listed.size_bytes, pieces(file))


@dataclass(frozen=True, slots=True)
class WebSource:
    """What a web server gives; sizes and ranges are as it likes."""

    filesystem: Any
    uri: str
    is_folder: bool
    headers: Mapping[str, str]

    def files(self) -> Sequence[Listed]:
        """Name the file, or follow the links of the folder's page."""
        if not self.is_folder:
            return [Listed(file_name(unquote(urlsplit(self.uri).path)), self.uri, None)]
        return _limited(self._linked(_inside(self.uri), DEEPEST))

    def _linked(self, page: str, deep: int) -> Iterator[Listed]:
        """Follow a page's links, down only; what links to itself ends, too."""
        root = _inside(self.uri)
        for each in self.filesystem.ls(page):
            if urlsplit(each["name"]).query:
                continue  # the page itself, in another order
            name = inner_name(unquote(each["name"].removeprefix(root)).rstrip("/"))
            if each["type"] != "directory":
                yield Listed(name, each["name"], None)
            elif deep:
                yield from self._linked(each["name"], deep - 1)

    @contextmanager
    def opened(self, listed: Listed, offset: int) -> Iterator[Reading]:
        """Read a file from an offset on, or whole where the server only does that."""
        with self._asked(listed.at, offset) as file:
            start, size = _extent(file.r.status, file.r.headers)
            yield Reading(start, size, pieces(file))

    def _asked(self, url: str, offset: int) -> Any:
        headers = {**self.headers, "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        try:
            # With a size, nothing is asked before; with no blocks, it is a stream.
            return self.filesystem.open(
                url, "rb", block_size=0, size=1, headers=headers
            )
        except import_module("aiohttp").ClientResponseError as error:
            if offset and error.status == 416:  # RFC 9110: nothing begins there
                return self._asked(url, 0)
            raise


def _extent(status: int, headers: Mapping[str, str]) -> tuple[int, int | None]:
    """Read where an answer begins, and how large the whole file is."""
    said = _RANGE.fullmatch(headers.get("Content-Range", ""))
    if status == 206 and said and said[1]:
        size = None if said[2] == "*" else int(said[2])
        return int(said[1]), size
    length = headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _object(found: Mapping[str, Any], name: str) -> Listed:
    return Listed(inner_name(name), found["name"], found["size"])


def _inside(path: str) -> str:
    return path.rstrip("/") + "/"


def _limited(listed: Iterable[Listed]) -> Sequence[Listed]:
    files = list(islice(listed, MOST_FILES + 1))
    if len(files) > MOST_FILES:
        raise Unapplied(
            Fault.ARTIFACT_UNREACHABLE,
            f"it has more than {MOST_FILES} files: publish it packed",
        )
    return files
