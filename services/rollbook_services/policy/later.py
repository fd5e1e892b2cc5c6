"""Which parts of a policy file are known, but not in this release?"""

from typing import Final

_AT_ONCE: Final = "use `strategy: {all_at_once: {bake: ...}}`"

LATER: Final = {
    "strategy.canary": ("steps with rising weights", _AT_ONCE),
    "strategy.shadow": ("shadow traffic", _AT_ONCE),
    "strategy.challenger": ("champion and challenger", _AT_ONCE),
    "waves": ("targets that change in waves", "leave it out: all change at once"),
    "steps": ("steps with rising weights", _AT_ONCE),
    "beside": ("stages beside another", "leave it out, and the stage with it"),
    "drift": ("the watch for drift", "leave it out"),
    "rollback.profile": ("profiles of rollback", "leave it out: all change at once"),
    "rollback.after_success: propose": (
        "a rollback proposed after success",
        "write `after_success: alert`",
    ),
}
"""By the end of a path, and the word there where only one is meant: what, remedy."""


def later(path: str, word: object = None) -> tuple[str, str] | None:
    """Say that something comes in a later release, and what to write until then."""
    for ending in LATER:
        key, _, only = ending.partition(": ")
        if f".{path}".endswith(f".{key}") and (not only or only == word):
            what, remedy = LATER[ending]
            return f"not in this release: {what}", remedy
    return None
