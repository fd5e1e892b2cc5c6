"""How is a fact declared, versioned, upcast and revived?

A class is recorded under a name that is for ever; the class itself may be renamed.
Any change of its shape raises `schema_version` and adds an upcaster under the class.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from rollbook.errors import UnreadableEvent

Data = Mapping[str, Any]
Upcaster = Callable[[Data], Data]

TYPE_PREFIX: Final = "io.rollbook."
_TYPE: Final = re.compile(r"io\.rollbook\.([a-z_]+\.[a-z_]+)\.v([1-9][0-9]{0,3})")

_declared: Final[dict[str, type["Event"]]] = {}
_upcasters: Final[dict[tuple[str, int], Upcaster]] = {}


class Event(BaseModel):
    """One immutable fact; subclass it with the name it is recorded as."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        use_attribute_docstrings=True,
    )

    recorded_as: ClassVar[str]
    schema_version: ClassVar[int]

    def __init_subclass__(
        cls,
        *,
        recorded_as: str,
        schema_version: int = 1,
        **rest: Any,
    ) -> None:
        """Enter the class in the register of declarations, once per name."""
        super().__init_subclass__(**rest)
        if parse_type(f"{TYPE_PREFIX}{recorded_as}.v{schema_version}") is None:
            raise TypeError(f"{recorded_as} v{schema_version} is no `noun.happened`")
        if recorded_as in _declared:
            raise TypeError(f"{recorded_as} is declared twice")
        cls.recorded_as, cls.schema_version = recorded_as, schema_version
        _declared[recorded_as] = cls

    @classmethod
    def type_name(cls) -> str:
        """Spell the CloudEvents type of today's shape."""
        return f"{TYPE_PREFIX}{cls.recorded_as}.v{cls.schema_version}"


AnyEvent = TypeVar("AnyEvent", bound=Event)


def upcasts(event: type[Event], *, from_version: int) -> Callable[[Upcaster], Upcaster]:
    """Declare how data of one stored version becomes data of the next."""

    def declare(upcaster: Upcaster) -> Upcaster:
        step = (event.recorded_as, from_version)
        if step in _upcasters:
            raise TypeError(f"{event.recorded_as} v{from_version} is upcast twice")
        _upcasters[step] = upcaster
        return upcaster

    return declare


def declared() -> Mapping[str, type[Event]]:
    """Return every declared event by the name it is recorded as."""
    return dict(_declared)


@lru_cache(maxsize=1024)
def parse_type(type_: str) -> tuple[str, int] | None:
    """Split a CloudEvents type into recorded name and version, or None."""
    match = _TYPE.fullmatch(type_)
    return (match[1], int(match[2])) if match else None


def upcast(type_: str, data: Data) -> tuple[type[Event], Data]:
    """Lift stored data to today's shape, one version at a time.

    Raises UnreadableEvent for an unknown name or a version from the future.
    """
    parsed = parse_type(type_)
    event = _declared.get(parsed[0]) if parsed else None
    if parsed is None or event is None:
        raise UnreadableEvent(type_, why="this release does not know the type")
    name, version = parsed
    if version > event.schema_version:
        raise UnreadableEvent(type_, why=f"this release reads {event.type_name()}")
    try:
        for step in range(version, event.schema_version):
            data = _upcasters[name, step](data)
    except (LookupError, TypeError, AttributeError) as error:
        raise UnreadableEvent(type_, why=f"its data cannot be lifted: {error!r}") from (
            error
        )
    return event, data


def revive(type_: str, data: Data) -> Event:
    """Turn stored data into today's class; UnreadableEvent when it does not fit."""
    event, lifted = upcast(type_, data)
    try:
        return event.model_validate(lifted)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UnreadableEvent(type_, why=f"{place}: {first['msg']}") from error
