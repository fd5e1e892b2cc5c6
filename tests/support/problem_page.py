"""How does the table of problems become a page?

`python -m tests.support.problem_page` writes `docs/problems.md`.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rollbook import fleet, governing, refusals, standing, underway, waiving
from rollbook.problems import CODES, code_of
from rollbook.refusals import Reason

PAGE: Final = Path(__file__).parents[2] / "docs" / "problems.md"
_HEAD: Final = """\
# Every problem

Generated from `events/rollbook/problems.py` and the refusals by
`python -m tests.support.problem_page`.

Whoever is refused gets a code, a sentence that says what to do next, and often a
reason, which is finer. HTTP answers `application/problem+json` with `code` and
`reason`; the command line writes `error: … [code]` to stderr and ends with the exit
code. Programs match the code. In 4xx nothing was written; after a 503 the same
request may be sent again with the same id.

"""


def page() -> str:
    """Write the page."""
    return _HEAD + "\n".join([*_codes(), "", *_reasons()]) + "\n"


def _codes() -> Iterator[str]:
    yield "| code | HTTP | exit | what it says |\n|---|---|---|---|"
    for name, code in CODES.items():
        yield f"| `{name}` | {code.http} | {code.exit} | {code.title} |"


def _reasons() -> Iterator[str]:
    yield "## Reasons\n\n| reason | code | when |\n|---|---|---|"
    for reason in Reason:
        yield f"| `{reason}` | `{code_of(reason)}` | {_when(reason)} |"


def _when(reason: Reason) -> str:
    """Read what its wording says of itself; that function is named for the reason."""
    places = (refusals, standing, governing, underway, waiving, fleet)
    wording = next(
        (getattr(each, reason) for each in places if hasattr(each, reason)), None
    )
    if wording is None:  # worded case by case
        return str(reason).replace("_", " ").capitalize() + "."
    return (inspect.getdoc(wording) or "").splitlines()[0]


if __name__ == "__main__":
    PAGE.write_text(page())
