"""What may be written at a place of a policy file? Read off the shapes themselves."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NewType, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rollbook_services.policy.fault import choice
from rollbook_services.policy.shape import Expected

_PLAIN: Final = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    timedelta: "a duration like 30m or 24h",
}
_KEY: Final = "[key]"  # how pydantic marks that a key is wrong, not what it holds


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file, and what the shapes accept there."""

    path: str
    kinds: tuple[Any, ...]
    """The types of which one has to fit; none where nothing may stand."""

    @property
    def shapes(self) -> tuple[type[BaseModel], ...]:
        """Return the kinds that are settings under keys."""
        return tuple(each for each in self.kinds if _is_shape(each))

    def keys(self) -> set[str]:
        """Return the keys that may stand here."""
        return {key for shape in self.shapes for key in _fields(shape)}

    def words(self) -> set[str]:
        """Return the words of which one may stand here, if only some may."""
        return {str(word) for kind in self.kinds for word in _words(kind)}

    def expected(self) -> str:
        """Say what should stand here."""
        kinds = [_PLAIN[kind] for kind in self.kinds if kind in _PLAIN]
        kinds += [kind.what for kind in self.kinds if isinstance(kind, Expected)]
        kinds += ["settings under keys"] * bool(self.shapes)
        origins = [get_origin(kind) for kind in self.kinds]
        kinds += ["a list"] * (tuple in origins)
        kinds += ["settings under keys"] * (dict in origins)
        words = [choice(sorted(self.words()))] if self.words() else []
        return " or ".join((*words, *kinds)) or "nothing"

    def under(self, key: str) -> "Place":
        """Go on to what stands under a key."""
        path = f"{self.path}.{key}" if self.path else key
        fields = (_fields(shape).get(key) for shape in self.shapes)
        kinds = [kind for each in fields if each for kind in _kinds_of(each)]
        return Place(path, tuple(kinds))

    def at(self, index: int) -> "Place":
        """Go on to an item of a list."""
        items = [get_args(kind)[0] for kind in self.kinds if get_origin(kind) is tuple]
        kinds = [kind for item in items for kind in _kinds(item)]
        return Place(f"{self.path}[{index}]", tuple(kinds))


def locate(root: type[BaseModel], location: Iterable[int | str]) -> Place:
    """Find the place that pydantic means: its locations hold names of types too."""
    place, chosen = Place("", (root,)), True
    for step in location:
        if isinstance(step, int):
            place, chosen = place.at(step), False
        elif step == _KEY:
            continue
        elif not chosen and len(place.kinds) > 1:
            place, chosen = _choose(place, step), True
        elif dicts := [kind for kind in place.kinds if get_origin(kind) is dict]:
            inside = tuple(_kinds(get_args(dicts[0])[1]))
            place, chosen = Place(f"{place.path}.{step}", inside), False
        else:
            place, chosen = place.under(step), False
    return place


def _choose(place: Place, name: str) -> Place:
    """Follow one member of a union; the other kinds stay where it is no shape."""
    named = tuple(each for each in place.shapes if name in (_kind(each), each.__name__))
    return Place(place.path, named or place.kinds)


def _kind(shape: type[BaseModel]) -> object:
    field = shape.model_fields.get("kind")
    return None if field is None else field.default


def _fields(shape: type[BaseModel]) -> dict[str, FieldInfo]:
    return {each.alias or name: each for name, each in shape.model_fields.items()}


def _is_shape(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _words(kind: Any) -> Iterable[object]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [member.value for member in kind]
    return get_args(kind) if get_origin(kind) is Literal else ()


def _kinds_of(field: FieldInfo) -> Iterable[Any]:
    return _told(field.metadata) or _kinds(field.annotation)


def _told(marks: Iterable[object]) -> list[Expected]:
    return [mark for mark in marks if isinstance(mark, Expected)]


def _kinds(annotation: Any) -> Iterator[Any]:
    """Unwrap names, constraints and unions."""
    while isinstance(annotation, NewType):
        annotation = annotation.__supertype__
    origin = get_origin(annotation)
    if origin is Annotated:
        inside, *marks = get_args(annotation)
        yield from _told(marks) or _kinds(inside)
    elif origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from _kinds(each)
    elif annotation is not NoneType:
        yield annotation
