"""How does a row become the values that a driver writes?"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from sqlalchemy import Boolean, Table

from rollbook_projections.tables import Json, to_json


class Encoder:
    """Turns rows of one table into tuples in the order of its columns."""

    def __init__(self, table: Table, *, leaving_out: tuple[str, ...] = ()) -> None:
        """Take every column but those left out."""
        self._table = table.name
        chosen = [each for each in table.columns if each.name not in leaving_out]
        self._names = tuple(str(each.name) for each in chosen)
        self._all: Callable[[Any], tuple[Any, ...]] = _getter(self._names)
        self._special = tuple(
            (place, encode)
            for place, each in enumerate(chosen)
            if (encode := _encoding(each.type)) is not None
        )

    def encode(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Write one row; a name that is no column is a mistake of the handler."""
        if len(row) != len(self._names):
            row = self._completed(row)
        try:
            values = self._all(row)
        except KeyError:
            values = self._all(self._completed(row))
        if not self._special:
            return values
        encoded = list(values)
        for place, encode in self._special:
            value = encoded[place]
            if value is not None:
                encoded[place] = encode(value)
        return tuple(encoded)

    def _completed(self, row: Mapping[str, Any]) -> dict[str, Any]:
        strange = row.keys() - set(self._names)
        if strange:
            names = ", ".join(sorted(strange))
            raise LookupError(f"table {self._table} has no column {names}")
        return {name: row.get(name) for name in self._names}


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) == 1:
        return lambda row: (row[names[0]],)
    return itemgetter(*names)


def _encoding(type_: Any) -> Callable[[Any], Any] | None:
    if isinstance(type_, Json):
        return to_json
    if isinstance(type_, Boolean):
        return bool
    return None
