"""Which words of a metrics query does a change fill in?"""

import re
from typing import Final

PLACEHOLDERS: Final = frozenset(
    {"version", "digest", "stage", "model", "targets", "window"}
)
"""Written `$version`. What else stands behind a `$` belongs to the query: `$1`."""
_WORD: Final = re.compile(r"\$(?:\{\w+\}|([A-Za-z_]\w*))", re.A)


def unknown(query: str) -> list[str]:
    """Return the words behind a `$` that nothing is filled in for, as written."""
    found = _WORD.finditer(query)
    return [each[0] for each in found if each[1] not in PLACEHOLDERS]
