"""Which events are there? The page of all of them, written from their classes.

`python -m tests.support.page` writes `events/README.md`.
"""

import inspect
import types
import typing
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rollbook.event import Event
from tests.support.builders import catalogued

PAGE: Final = Path(__file__).parents[2] / "events" / "README.md"
HEAD: Final = """\
# Every event

<!-- Written by `python -m tests.support.page`; edit the classes instead. -->

What the ledger can hold. Each event is one CloudEvents 1.0 object of type
`io.rollbook.<name>.v<version>`; the fields below are its `data`. The registrar may add
`data.credential`, which says how the actor was authenticated.
Golden messages lie in `tests/events/golden/`.
"""


def page() -> str:
    """Write the page."""
    return "\n".join([HEAD, *_contents(), *_events(), *_parts()]).rstrip() + "\n"


def _files() -> dict[str, list[type[Event]]]:
    files: dict[str, list[type[Event]]] = {}
    for event in catalogued().values():
        files.setdefault(event.__module__.rpartition(".")[2], []).append(event)
    return dict(sorted(files.items()))


def _contents() -> Iterator[str]:
    for name, events in _files().items():
        links = ", ".join(
            f"[`{event.recorded_as}`](#{_anchor(event.recorded_as)})"
            for event in events
        )
        yield f"- **{name}**: {links}"
    yield ""


def _events() -> Iterator[str]:
    for name, events in _files().items():
        module = inspect.getmodule(events[0])
        yield f"## {name}\n"
        yield f"{inspect.getdoc(module)}\n"
        for event in events:
            yield f"### {event.recorded_as}\n"
            yield f"Version {event.schema_version}. {inspect.getdoc(event)}\n"
            yield from _table(event)


def _parts() -> Iterator[str]:
    parts: dict[str, type[BaseModel]] = {}
    for event in catalogued().values():
        _collect(event, parts)
    yield "## Parts\n"
    for name, part in sorted(parts.items()):
        yield f"### {name}\n"
        yield f"{inspect.getdoc(part)}\n"
        yield from _table(part)


def _collect(model: type[BaseModel], parts: dict[str, type[BaseModel]]) -> None:
    for field in model.model_fields.values():
        for part in _models_in(field.annotation):
            if part.__name__ not in parts:
                parts[part.__name__] = part
                _collect(part, parts)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _table(model: type[BaseModel]) -> Iterator[str]:
    if not model.model_fields:
        return
    hints = typing.get_type_hints(model, include_extras=True)
    yield "| field | type | |\n|---|---|---|"
    for name, field in model.model_fields.items():
        yield f"| `{name}` | {_type(hints[name])} | {_about(field)} |"
    yield ""


def _about(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())


def _type(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type(each) for each in inner)
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return f"map of {_type(inner[0])} to {_type(inner[1])}"
    if origin is typing.Annotated:
        return _annotated(hint)
    return _named(hint)


def _named(hint: Any) -> str:
    if hint is Any:
        return "any JSON value"
    if hint is type(None):
        return "null"
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        return f"[{hint.__name__}](#{_anchor(hint.__name__)})"
    if inspect.isclass(hint) and issubclass(hint, StrEnum):
        return " or ".join(f"`{each}`" for each in hint)
    return str(hint.__name__)


def _annotated(hint: Any) -> str:
    inner, *extras = get_args(hint)
    bounds = [
        f"≥ {each.ge}" if isinstance(each, Ge) else f"≤ {each.le}"
        for each in extras
        if isinstance(each, Ge | Le)
    ]
    longest = [
        f"≤ {each.max_length} characters"
        for each in extras
        if getattr(each, "max_length", None)
    ]
    return " ".join([_type(inner), *bounds, *longest])


def _anchor(title: str) -> str:
    return title.lower().replace(".", "")


if __name__ == "__main__":
    PAGE.write_text(page())
