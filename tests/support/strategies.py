"""How are events made from nothing but their types?"""

import types
import typing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, StringConstraints, TypeAdapter
from pydantic import ValidationError as Misfit

from rollbook.names import LARGEST, AliasName, ModelName

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ZONES = st.integers(-14 * 60, 14 * 60).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)
MORE_THAN_LEAST = 3


def instances(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Make any instance of a pydantic class."""
    hints = typing.get_type_hints(model, include_extras=True)
    fields = {name: values(hints[name]) for name in model.model_fields}
    return st.builds(model, **fields)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Make any value of a type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([values(each) for each in inner])
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=3)
    if origin is typing.Annotated:
        return _annotated(inner[0], inner[1:])
    if isinstance(hint, typing.NewType):
        return _new_type(hint)
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return instances(hint)
    return _plain(hint)


def _plain(hint: Any) -> st.SearchStrategy[Any]:
    if hint is AwareDatetime:
        earliest, latest = datetime(1970, 1, 3), datetime(2200, 1, 1)  # noqa: DTZ001
        return st.datetimes(earliest, latest, timezones=ZONES | st.just(UTC))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    made: dict[Any, st.SearchStrategy[Any]] = {
        type(None): st.none(),
        bool: st.booleans(),
        str: TEXT,
        Any: JSON,
    }
    return made[hint]


def _new_type(hint: Any) -> st.SearchStrategy[Any]:
    made = values(hint.__supertype__)
    if hint in (ModelName, AliasName):  # those that a pattern alone does not describe
        return made.filter(_fits(hint))
    return made


def _fits(hint: Any) -> Callable[[Any], bool]:
    adapter = TypeAdapter(hint)

    def fits(value: object) -> bool:
        try:
            adapter.validate_python(value)
        except Misfit:
            return False
        return True

    return fits


def _annotated(inner: Any, extras: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if inner is int:
        bounds: dict[type, Any] = {type(each): each for each in extras}
        return st.integers(bounds[Ge].ge, bounds[Le].le)
    if inner is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if get_origin(inner) is tuple:
        return _bounded(inner, extras)
    if inner is not str:
        return values(inner)
    found = [each for each in extras if isinstance(each, StringConstraints)]
    return _text(found[0]) if found else TEXT


def _bounded(hint: Any, extras: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    said = [bound for each in extras for bound in getattr(each, "metadata", ())]
    least = next((each.min_length for each in said if isinstance(each, MinLen)), 0)
    most = next((each.max_length for each in said if isinstance(each, MaxLen)), LARGEST)
    most = min(most, least + MORE_THAN_LEAST)
    inner = values(get_args(hint)[0])
    return st.lists(inner, min_size=least, max_size=most).map(tuple)


def _text(bounds: StringConstraints) -> st.SearchStrategy[str]:
    if bounds.pattern is not None:
        made = st.from_regex(bounds.pattern, fullmatch=True)
        return made.map(lambda text: text.rstrip("\n"))  # `$` allows one
    least, most = bounds.min_length or 0, bounds.max_length or 50
    letters = st.characters(exclude_categories=["Cs"])
    made = st.text(letters, min_size=least, max_size=min(most, 30))
    if bounds.strip_whitespace:
        return made.filter(lambda text: text == text.strip() and bool(text))
    return made
