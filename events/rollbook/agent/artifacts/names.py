"""Which names from elsewhere may become files here?"""

from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from rollbook.agent.driver import Fault, Unapplied

DEFAULT_NAME: Final = "artifact"
LONGEST_PART: Final = 255


def inner_name(listed: str) -> PurePosixPath:
    """Read a name that stays inside its folder; Unapplied for any other."""
    parts = listed.split("/")
    if not all(_is_plain(part) for part in parts):
        raise Unapplied(
            Fault.ARTIFACT_UNREACHABLE,
            f"{listed!r} is no name for a file: publish the folder without it",
        )
    return PurePosixPath(*parts)


def file_name(path: str) -> PurePosixPath:
    """Name a lone file as its source does."""
    last = path.rstrip("/").rpartition("/")[2]
    return PurePosixPath(last if _is_plain(last) else DEFAULT_NAME)


def _is_plain(part: str) -> bool:
    return (
        part not in ("", ".", "..")
        and len(part.encode(errors="replace")) <= LONGEST_PART
        and part.isprintable()
    )


def climbs(uri: str) -> bool:
    """Tell whether a path leaves where it seems to lead."""
    return ".." in unquote(urlsplit(uri).path).split("/")


def shown(uri: str) -> str:
    """Write a URI for people: without passwords, keys and signatures."""
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
