"""Which policy is meant: a file, or what the server holds under a name?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rollbook.client.errors import NotFound
from rollbook.client.resources import policy_path
from rollbook_services.cli.call import Call

if TYPE_CHECKING:
    from rollbook_services.policy.fault import Fault
    from rollbook_services.policy.text import Written

FILE: Final = click.argument(
    "file", type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
# What people read first stands first; the ledger keeps no order of keys.
_FIRST: Final = (
    *("apiVersion", "name", "id", "kind", "metadata", "spec", "applies_to", "mode"),
    *("change_control", "freeze_by", "aliases", "defaults", "targets", "beside"),
    *("protected", "after", "auto_promote", "gates", "windows"),
    *("waves", "steps", "weight", "metric", "expr"),
)
_LAST: Final = ("rollback", "break_glass", "stages")


class Faulty(click.ClickException):
    """A file that is no policy; every fault is told at once."""

    exit_code = 2

    def __init__(self, path: Path, faults: "Sequence[Fault]") -> None:
        """Hold the lines that say so."""
        lines = [f"{path}: {each}" for each in faults]
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Meant:
    """A document, and what it is called where it came from."""

    label: str
    document: Mapping[str, Any]


def written_in(path: Path) -> "Written":
    """Read a file as an object; raises Faulty where it is none."""
    from rollbook_services.policy.text import Written, parse

    written = parse(text_of(path))
    if not isinstance(written, Written):
        raise Faulty(path, written)
    return written


def text_of(path: Path) -> str:
    """Read a file as text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{path}: it cannot be read as text: {error}") from error


def meant_by(call: Call, text: str) -> Meant:
    """Find what FILE, NAME or NAME@DIGEST stands for."""
    path = Path(text)
    if path.is_file():
        return Meant(text, written_in(path).document)
    name, at, digest = text.partition("@")
    if not name.replace("-", "").replace("_", "").isalnum():
        raise click.UsageError(f"{text!r}: there is no such file, and no such name")
    if at:
        return revision(call, name, digest)
    return active(call, name)


def active(call: Call, name: str) -> Meant:
    """Read the revision that holds; raises NotFound where none does."""
    found = call.api().read(policy_path(name))["data"]
    if found.get("document") is None:
        raise NotFound(
            f"no revision of {name} holds; 'rollbook policy list' shows what is "
            f"proposed, {name}@DIGEST reads that",
            code="not-found",
        )
    return Meant(f"{name}@{found['digest']}", found["document"])


def revision(call: Call, name: str, word: str) -> Meant:
    """Read one revision, by `active` or by the beginning of its digest."""
    found = call.api().read(f"{policy_path(name)}/revisions/{word}")["data"]
    return Meant(f"{name}@{found['digest']}", found["document"])


def ordered(value: Any) -> Any:
    """Put keys in the order in which people read them, the same for every source."""
    if isinstance(value, Mapping):
        return {key: ordered(value[key]) for key in sorted(value, key=_place)}
    if isinstance(value, list | tuple):
        return [ordered(each) for each in value]
    return value


def _place(key: str) -> tuple[int, str]:
    if key in _FIRST:
        return _FIRST.index(key), key
    return len(_FIRST) + (1 + _LAST.index(key) if key in _LAST else 0), key
