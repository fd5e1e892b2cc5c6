"""How does a long list come in pages, so that no row repeats or vanishes?

A page's end is named by the last row's immutable key and by the filters it was asked
with; another question with the same `after` is refused.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Query
from starlette.requests import Request

from rollbook_services.gateway.problems import invalid

DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 500
_NO_FILTER: Final = frozenset({"limit", "after", "min_seq"})

Row = TypeVar("Row", bound=Mapping[str, Any])


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    after: Any
    """The key of the last row of the page before; None on the first."""
    _filters: str

    @property
    def one_more(self) -> int:
        """How many rows to fetch, so that it shows whether others follow."""
        return self.limit + 1

    def cut(
        self, rows: Sequence[Row], key: Callable[[Row], Any]
    ) -> tuple[list[Row], str | None]:
        """Split what was fetched into this page and the name of the next."""
        page = list(rows[: self.limit])
        if len(rows) <= self.limit:
            return page, None
        named = json.dumps([key(page[-1]), self._filters]).encode()
        return page, base64.urlsafe_b64encode(named).decode().rstrip("=")


async def _page(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT,
    after: Annotated[
        str | None, Query(description="`next` of the page before, as it is")
    ] = None,
) -> Page:
    asked = sorted(
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in _NO_FILTER
    )
    told = json.dumps([request.url.path, asked]).encode()
    filters = hashlib.sha256(told).hexdigest()[:16]
    return Page(limit, None if after is None else _read(after, filters), filters)


def _read(after: str, filters: str) -> Any:
    try:
        padded = after + "=" * (-len(after) % 4)
        key, made_for = json.loads(base64.urlsafe_b64decode(padded))
    except ValueError:
        key, made_for = None, None
    if made_for != filters:
        message = "not the `next` of this very list: ask with the same filters"
        raise invalid([{"pointer": "query.after", "message": message}])
    return key


Paged = Annotated[Page, Depends(_page)]
