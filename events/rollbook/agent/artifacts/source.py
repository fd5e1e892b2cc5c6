"""What is where an artifact's bytes come from, whatever its protocol?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, Protocol

PIECE_BYTES: Final = 1024 * 1024
MOST_FILES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of an artifact."""

    name: PurePosixPath
    """Inside the artifact's folder."""
    at: str
    """Where the source has it."""
    size_bytes: int | None
    """None: only opening it tells."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that is being read."""

    starts_at: int
    """Zero where the source cannot begin in between."""
    size_bytes: int | None
    """Of the whole file, as the source says; None: it does not."""
    pieces: Iterator[bytes]


class Source(Protocol):
    """A place to read one artifact from. Blocks; raises whatever its library does."""

    def files(self) -> Sequence[Listed]:
        """List the artifact's files."""

    def opened(self, listed: Listed, offset: int) -> AbstractContextManager[Reading]:
        """Read a file from an offset on, where that can be done."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where an agent may fetch from, and what it says there to be let in."""

    options: Mapping[str, Mapping[str, Any]]
    """fsspec's options by protocol, or by the beginning of a URI: the longest counts.
    What is secret belongs under the beginning of a URI, for a publisher chooses URIs.
    """
    only_from: Sequence[str] = ()
    """Beginnings of URIs; none: everywhere."""

    def allows(self, uri: str) -> bool:
        """Tell whether an agent may fetch from there."""
        return not self.only_from or bool(_longest(uri, self.only_from))

    def options_of(self, uri: str) -> Mapping[str, Any]:
        """Return what a URI's library is told."""
        scheme = uri.partition("://")[0].lower()
        return self.options.get(_longest(uri, self.options) or scheme, {})


def _longest(uri: str, beginnings: Iterable[str]) -> str:
    fitting = (
        each
        for each in beginnings
        if uri == each or uri.startswith(each.rstrip("/") + "/")
    )
    return max(fitting, key=len, default="")
