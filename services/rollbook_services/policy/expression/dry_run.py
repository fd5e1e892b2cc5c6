"""What does an expression do on facts that hold all that it asks for?"""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final

from rollbook_services.policy.expression.caps import LONGEST_STRING, MOST_ITEMS
from rollbook_services.policy.expression.context import ANALYSIS
from rollbook_services.policy.expression.engine import Unknown, outcome, sort
from rollbook_services.policy.expression.reading import literal, metrics_named
from rollbook_services.policy.expression.tokens import Kind, Script, read

_MIXED: Final = re.compile(r"Unsupported operation: (\w+) (\S+) (\w+)")
_NUMBERS: Final = (0.5, 0.0, 1e6)
_FUNCTIONS: Final = (
    "there are has, size, startsWith, endsWith, contains, matches, in, duration, "
    "all, exists, exists_one, map, filter"
)
_VARIABLES: Final = (
    "metrics and versions are doubles, lineage.datasets and lineage.parents are "
    "lists of texts, age is a duration, the others are texts"
)
_FILLERS: Final = ("a", "Zz9 ", "0")


def of_dry_runs(script: Script, variables: frozenset[str]) -> Iterator[str]:
    """Say why an expression, or a part of it, would never be true or false.

    Parts run by themselves too, so that no short circuit hides a fault.
    """
    contexts = specimens(script.text, variables, items=2, length=8)
    for written in pieces(script):
        found = (_fault(written, outcome(written, each)) for each in contexts)
        if fault := next(filter(None, found), None):
            yield fault
            return  # what a part does, the whole does too


def pieces(script: Script) -> list[str]:
    """Return what an expression puts together by `&&`, `||` and `?:`, itself last."""
    whole = (0, len(script.tokens))
    found = [script.written(*part) for part in (*_parts(script, *whole), whole)]
    return list(dict.fromkeys(found))


def _fault(written: str, said: object) -> str | None:
    if isinstance(said, Unknown):
        return f"{written} is never known {_advice(said.why)}"
    if not isinstance(said, bool):
        return f"{written} is {sort(said)}: compare it with something"
    return None


def specimens(
    text: str, variables: frozenset[str], *, items: int, length: int
) -> list[dict[str, object]]:
    """Make facts that hold every metric an expression names.

    Several, so that a short circuit in one is none in another; their texts begin like
    the expression's own, so that startsWith() is true of some.
    """
    named = metrics_named(text)
    found = []
    for number, filler in zip(_NUMBERS, _FILLERS, strict=True):
        texts = _texts(text, filler, items, length)
        others = texts[: MOST_ITEMS - len(named)]
        metrics = dict.fromkeys([*named, *others], number)
        found.append(_specimen(number, texts, metrics, variables))
    return found


def largest(text: str, variables: frozenset[str]) -> list[dict[str, object]]:
    """Make the largest facts an expression may ever be asked about."""
    return specimens(text, variables, items=MOST_ITEMS, length=LONGEST_STRING)


def _texts(text: str, filler: str, items: int, length: int) -> list[str]:
    script = read(text)
    texts = [token.text for token in script.tokens if token.kind is Kind.TEXT]
    begins = ["", *(literal(each) or "" for each in texts)]
    padded = [
        f"{begin}{filler * length}".encode()[: length - 4].decode(errors="ignore")
        for begin in begins
    ]
    return [f"{padded[at % len(padded)]}{at:04}" for at in range(items)]


def _specimen(
    number: float,
    texts: Sequence[str],
    metrics: dict[str, float],
    variables: frozenset[str],
) -> dict[str, object]:
    if variables == ANALYSIS:
        return {"value": number, "champion": number, "samples": number}
    every: dict[str, object] = {
        "metrics": metrics,
        "verdict": "pass",
        "age": timedelta(hours=number),
        "champion": {
            "exists": number > 0,
            "version": number,
            "metrics": metrics if "metrics" in variables else {},
        },
        "version": {"number": number, "label": texts[-1]},
        "model": {"name": texts[-1], "tier": texts[-1]},
        "stage": texts[-1],
        "lineage": {"datasets": list(texts), "parents": list(texts)},
        "request": {"automatic": number > 0, "kind": "forward"},
    }
    return {name: every[name] for name in variables & every.keys()}


def _parts(script: Script, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Split at `&&`, `||` and `?:`, inside of brackets too where they only group."""
    while script.word(begin) == "(" and script.partner.get(begin) == end - 1:
        begin, end = begin + 1, end - 1
    edges = [begin - 1, *_edges(script, begin, end), end]
    if len(edges) == 2:
        yield begin, end
        return
    for before, after in pairwise(edges):
        yield from _parts(script, before + 1, after)


def _edges(script: Script, begin: int, end: int) -> Iterator[int]:
    at = begin
    while at < end:
        if script.word(at) in {"&&", "||", "?", ":"}:
            yield at
        # Behind a bracket that opens, go on where it closes.
        at = max(at, script.partner.get(at, at)) + 1


def _advice(why: str) -> str:
    mixed = _MIXED.search(why)
    if mixed and {mixed[1], mixed[3]} & {"int", "uint"}:
        return f"({mixed[0]}): every fact is a double, write 1.0 for 1"
    advice = _FUNCTIONS if "Undefined" in why else _VARIABLES
    return f"({why}): {advice}"
