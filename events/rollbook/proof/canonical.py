"""Are these bytes one canonical JSON object (RFC 8785), and which one?

Two ways with one result: orjson, where its bytes are surely those of RFC 8785, and
the slow and exact way for everything else, which also finds the reason.
"""

import json
import math
import re
from typing import Any, Final

import orjson
import rfc8785

from rollbook import codec

LARGEST_ENTRY: Final = 32_768
DEEPEST: Final = 16

_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
# Where orjson and RFC 8785 may differ: numbers with an exponent, numbers that end in
# `.0`, and the order of names at and above U+E000. A string that looks like it costs
# time only. One pattern for all is three times slower.
_DOUBTFUL: Final = (
    re.compile(rb"e[+-]?[0-9]+[,\]}]"),
    re.compile(rb"\.0[,\]}]"),
)
_HIGH: Final = re.compile(rb"[\xee-\xff]")
# Far below what any interpreter's stack holds, far above what is accepted.
_DEEPEST_READ: Final = 100
_STRUCTURE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class NotCanonical(Exception):
    """These bytes are not a canonical JSON object; `reason` says what is wrong."""

    def __init__(self, reason: str) -> None:
        """Hold the first reason, in the order of `validity.check`."""
        self.reason = reason
        super().__init__(reason)


def read(body: bytes) -> dict[str, Any]:
    """Read canonical bytes; NotCanonical for all others, whatever they are."""
    if not 1 <= len(body) <= LARGEST_ENTRY:
        raise NotCanonical("size")
    return _read_fast(body) or _read_exactly(body)


def _read_fast(body: bytes) -> dict[str, Any] | None:
    try:
        raw = orjson.loads(body)
        is_same = orjson.dumps(raw, option=_OPTIONS) == body
    except (orjson.JSONDecodeError, TypeError):
        return None
    if not is_same or type(raw) is not dict or _is_doubtful(body):
        return None
    is_flat = body.count(b"{") + body.count(b"[") <= DEEPEST
    return raw if is_flat or _depth(raw) <= DEEPEST else None


def _is_doubtful(body: bytes) -> bool:
    if any(pattern.search(body) for pattern in _DOUBTFUL):
        return True
    return not body.isascii() and _HIGH.search(body) is not None


def _read_exactly(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotCanonical("utf8") from error
    raw = _json(text)
    if _depth(raw) > DEEPEST:
        raise NotCanonical("depth")
    if not _is_finite(raw):
        raise NotCanonical("number")
    try:
        canonical = rfc8785.dumps(raw)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical("not-canonical") from error  # a lone surrogate
    if canonical != body:
        raise NotCanonical("not-canonical")
    return raw


def _json(text: str) -> dict[str, Any]:
    # Before parsing: how deep a parser comes depends on the caller's stack.
    if _nesting(text) > _DEEPEST_READ:
        raise NotCanonical("depth")
    try:
        raw = json.loads(
            text, parse_int=codec.integer, object_pairs_hook=_without_doubles
        )
    except ValueError as error:
        raise NotCanonical("json") from error
    if not isinstance(raw, dict):
        raise NotCanonical("json")
    return raw


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name occurs twice")
    return fields


def _nesting(text: str) -> int:
    if text.count("[") + text.count("{") <= _DEEPEST_READ:
        return 0
    depth = deepest = 0
    for found in _STRUCTURE.finditer(text):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in "]}":
            depth -= 1
    return deepest


def _depth(value: object) -> int:
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        depth += 1
        level = [inner for each in level for inner in _inside(each)]
    return depth


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        value = list(value.values())
    return list(value) if isinstance(value, list) else []


def _is_finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
