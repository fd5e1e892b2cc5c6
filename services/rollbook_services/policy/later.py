"""Which parts of a policy file are known, but not in this release?"""

from typing import Final

LATER: Final = {
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
