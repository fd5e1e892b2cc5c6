"""How does the table of promotion states become a page?

`python -m tests.support.states` writes `docs/promotion-states.md`.
"""

from pathlib import Path
from typing import Final

from rollbook_services.registrar.transitions import (
    ENDED,
    RUNNING,
    TABLE,
    WAITING,
    Input,
    PromotionState,
)

PAGE: Final = Path(__file__).parents[2] / "docs" / "promotion-states.md"
_GROUPS: Final = {"waiting": WAITING, "under way": RUNNING, "ended": ENDED}
_HEAD: Final = """# The states of a promotion

Generated from `registrar/transitions.py` by `python -m tests.support.states`.

A promotion is one attempt to change one lane. While it waits it owns nothing; only
dispatch takes the lane's slot, and every way out of a dispatched state gives it back.
Whatever is not listed is refused, or changes nothing where it is only reported.
A promotion that has ended never changes again: a retry is a new promotion.

"""


def page() -> str:
    """Write the page."""
    return _HEAD + _states() + "\n" + _diagram() + "\n" + _rows()


def _states() -> str:
    lines = ["| group | states |", "|---|---|"]
    for group, states in _GROUPS.items():
        names = ", ".join(f"`{state}`" for state in PromotionState if state in states)
        lines.append(f"| {group} | {names} |")
    return "\n".join(lines) + "\n"


def _diagram() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> GATING: requested"]
    for state, what, then in _sorted():
        if state is not then:
            lines.append(f"    {state} --> {then}: {what.name.lower()}")
    lines += [f"    {state} --> [*]" for state in PromotionState if state in ENDED]
    return "\n".join([*lines, "```"]) + "\n"


def _rows() -> str:
    lines = ["| state | what happens | then |", "|---|---|---|"]
    lines += [f"| `{state}` | {what} | `{then}` |" for state, what, then in _sorted()]
    return "\n".join(lines) + "\n"


def _sorted() -> list[tuple[PromotionState, Input, PromotionState]]:
    states, inputs = list(PromotionState), list(Input)
    rows = [(state, what, then) for (state, what), then in TABLE.items()]
    return sorted(rows, key=lambda row: (states.index(row[0]), inputs.index(row[1])))


if __name__ == "__main__":
    PAGE.write_text(page())
