"""How does a large mapping change without being copied, and without changing?

A state is a value, but copying 100,000 entries for each event is not affordable. All
faces of one mapping share one dict, which belongs to the newest; an older face
remembers how it differs and takes the dict over when it is read (H. Baker, "Shallow
binding makes functional arrays fast", 1991). Used in one line, as a fold does, each
step costs O(1). One thread only; do not change a face while iterating over another.
"""

# The faces of one mapping pass the dict among themselves.
# ruff: noqa: SLF001

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

K = TypeVar("K")
V = TypeVar("V")

_ABSENT: Final[Any] = object()


class Growing(Mapping[K, V], Generic[K, V]):
    """An immutable mapping to which `plus` adds in constant time."""

    __slots__ = ("_entries", "_newer")

    def __init__(self, entries: Mapping[K, V] | Iterable[tuple[K, V]] = ()) -> None:
        """Copy the entries."""
        self._entries: dict[K, V] | None = dict(entries)
        self._newer: tuple[K, V, Growing[K, V]] | None = None

    def plus(self, key: K, value: V) -> Growing[K, V]:
        """Return the mapping with one entry more, or another value for the key."""
        entries = self._own()
        grown: Growing[K, V] = Growing.__new__(Growing)
        grown._entries, grown._newer = entries, None
        self._newer = (key, entries.get(key, _ABSENT), grown)
        self._entries = None
        entries[key] = value
        return grown

    def _own(self) -> dict[K, V]:
        """Take the shared dict over, undoing what came later."""
        if self._entries is not None:
            return self._entries
        path: list[Growing[K, V]] = []
        face = self
        while face._newer is not None:
            path.append(face)
            face = face._newer[2]
        for older in reversed(path):
            older._take_back()
        return self._own()

    def __getitem__(self, key: K) -> V:
        """Look a key up."""
        return self._own()[key]

    def get(self, key: K, default: Any = None) -> Any:
        """Look a key up; faster than the mixin's."""
        return self._own().get(key, default)

    def __contains__(self, key: object) -> bool:
        """Tell whether a key is there."""
        return key in self._own()

    def __iter__(self) -> Iterator[K]:
        """Go through the keys, oldest first."""
        return iter(self._own())

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._own())

    def __repr__(self) -> str:
        """Show the entries."""
        return f"Growing({self._own()!r})"

    def __reduce__(self) -> tuple[type[Growing[K, V]], tuple[dict[K, V]]]:
        """Write the entries alone: faces are not worth keeping."""
        return Growing, (dict(self._own()),)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Be written and read as a dict of the same types."""
        entries = handler(dict[get_args(source)])  # type: ignore[misc]
        return core_schema.no_info_after_validator_function(
            cls,
            entries,
            serialization=core_schema.plain_serializer_function_ser_schema(
                dict, return_schema=entries
            ),
        )

    def _take_back(self) -> None:
        """Take the dict over from the next newer face."""
        assert self._newer is not None
        key, value, newer = self._newer
        entries = newer._entries
        assert entries is not None
        newer._newer = (key, entries.get(key, _ABSENT), self)
        newer._entries = None
        if value is _ABSENT:
            del entries[key]
        else:
            entries[key] = value
        self._entries, self._newer = entries, None
