"""Which words of a metrics query does a change fill in?"""

import re
from collections.abc import Mapping
from typing import Final

PLACEHOLDERS: Final = frozenset(
    {"version", "digest", "stage", "model", "targets", "window"}
)
"""Written `$version`. What else stands behind a `$` belongs to the query: `$1`."""
_PLACEHOLDER: Final = re.compile(rf"\$({'|'.join(sorted(PLACEHOLDERS))})\b")
_WORD: Final = re.compile(r"\$(?:\{\w+\}|([A-Za-z_]\w*))", re.A)


def unknown(query: str) -> list[str]:
    """Return the words behind a `$` that nothing is filled in for, as written."""
    found = _WORD.finditer(query)
    return [each[0] for each in found if each[1] not in PLACEHOLDERS]


def fill(query: str, values: Mapping[str, str]) -> str:
    """Write a query with its placeholders filled in, once: values hold none."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], query)
