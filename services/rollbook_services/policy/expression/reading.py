"""What does an expression read, and how is it told with the values it read?"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final

from rollbook_services.policy.expression.caps import MOST_BYTES, macros, over
from rollbook_services.policy.expression.tokens import Kind, Script, read
from rollbook_services.policy.words import line

_COMPARES: Final = frozenset({"<", "<=", ">", ">=", "==", "!="})
_BESIDE: Final = frozenset({"", "(", ")", "[", "]", ",", "&&", "||", "?", ":", "!"})
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)")
MOST_VALUES: Final = 20
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, slots=True)
class Path:
    """A place in the context that an expression names: `champion.metrics.auc`."""

    names: tuple[str, ...]
    begin: int
    end: int
    """The places of its first word and of the first one after it."""

    @property
    def metric(self) -> str | None:
        """Return the metric it names, the version's or its champion's."""
        match self.names:
            case ("metrics", name, *_) | ("champion", "metrics", name, *_):
                return name
            case _:
                return None


def metrics_named(text: str) -> frozenset[str]:
    """Return the metrics an expression reads by name, its champion's among them."""
    if over(text):
        return frozenset()
    named = (path.metric for path in paths(read(text)))
    return frozenset(name for name in named if name is not None)


def reads_champion(text: str) -> bool:
    """Tell whether it rests on what was measured of the champion."""
    if over(text):
        return False
    # `champion` by itself, or with a computed name, may be anything of it.
    known = ("exists", "version")
    return any(
        path.names[0] == "champion"
        and path.names[1:2] not in [(each,) for each in known]
        for path in paths(read(text))
    )


def paths(script: Script) -> tuple[Path, ...]:
    """Find every place in the context that an expression names."""
    return _paths(script.text)


@lru_cache(maxsize=4096)
def _paths(text: str) -> tuple[Path, ...]:
    return tuple(_found(read(text)))


def _found(script: Script) -> Iterator[Path]:
    loops = {script.word(at + 2) for at, _ in macros(script)}
    for at, token in enumerate(script.tokens):
        is_root = token.kind is Kind.NAME and script.word(at - 1) != "."
        if is_root and script.word(at + 1) != "(" and token.text not in loops:
            yield _path(script, at)


def _path(script: Script, begin: int) -> Path:
    names, at = [script.word(begin)], begin + 1
    while True:
        is_dotted = script.word(at) == "." and script.is_name(at + 1)
        if is_dotted and script.word(at + 2) != "(":
            names, at = [*names, script.word(at + 1)], at + 2
        elif name := _index(script, at):
            names, at = [*names, name], at + 3
        else:
            return Path(tuple(names), begin, at)


def _index(script: Script, at: int) -> str | None:
    """Return the name in `["name"]`; None for everything else."""
    if script.word(at) != "[" or script.word(at + 2) != "]":
        return None
    is_text = script.kind(at + 1) is Kind.TEXT
    return literal(script.word(at + 1)) if is_text else None


def literal(written: str) -> str | None:
    """Return what a string literal stands for, where that needs no escapes."""
    if written[0] in "rR":
        return written[2:-1]
    return None if "\\" in written else written[1:-1]


@lru_cache(maxsize=4096)
def ages(text: str) -> tuple[timedelta, ...] | None:
    """Return the ages at which the word may change; None: they cannot be told.

    They can where `age` is only compared with `duration("…")`, and nothing else.
    """
    if over(text):
        return ()
    script = read(text)
    found: list[timedelta] = []
    for at in range(len(script.tokens)):
        if script.word(at) == "age" and script.word(at - 1) != ".":
            limit = _age_limit(script, at)
            if limit is None:
                return None
            # Whichever comparison it is: the word changes there or just behind.
            found += [limit, limit + timedelta.resolution]
    return tuple(sorted(set(found)))


def _age_limit(script: Script, at: int) -> timedelta | None:
    if script.word(at + 1) in _COMPARES:
        begin, end = at + 2, at + 6
        outside = (at - 1, end)
    else:
        begin, end = at - 5, at - 1
        outside = (begin - 1, at + 1)
        if script.word(at - 1) not in _COMPARES:
            return None
    called = script.word(begin) == "duration" and script.word(begin + 1) == "("
    if not called or script.word(begin + 3) != ")":
        return None
    if any(script.word(place) not in _BESIDE for place in outside):
        return None
    return duration(script.word(begin + 2))


def duration(written: str) -> timedelta | None:
    """Read the literal of a CEL duration such as "1h30m"; None for any other."""
    inner = literal(written) if written[:1] in {"'", '"', "r", "R"} else None
    if not inner or _DURATION.sub("", inner):
        return None
    seconds = sum(
        float(many) * _SECONDS[unit] for many, unit in _DURATION.findall(inner)
    )
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        return None


def values_read(text: str, context: Mapping[str, object]) -> dict[str, str]:
    """Return the metrics that an expression reads by name, as text, where they are."""
    values = {
        line(".".join(path.names)): number(value)
        for path, value in _metrics(text, context)
        if isinstance(value, float)
    }
    return dict([*values.items()][:MOST_VALUES])


def missing(text: str, context: Mapping[str, object]) -> list[str]:
    """Return the metrics that an expression reads by name and nobody recorded."""
    names = [
        ".".join(path.names)
        for path, value in _metrics(text, context)
        if value is None and not _is_asked_for(read(text), path)
    ]
    return list(dict.fromkeys(names))


def _metrics(text: str, context: Mapping[str, object]) -> Iterator[tuple[Path, object]]:
    for path in [] if over(text) else paths(read(text)):
        if path.metric is not None:
            yield path, _value(path, context)


def told(text: str, context: Mapping[str, object]) -> str:
    """Write an expression with the values it read: `auc 0.934 >= 0.931 - 0.002`."""
    if over(text):
        return text[:MOST_BYTES]
    script, parts, done = read(text), [], 0
    for path in paths(script):
        value = _value(path, context)
        if not isinstance(value, float) or _is_asked_for(script, path):
            continue
        parts.append(text[done : script.tokens[path.begin].begin])
        is_own = path.names[0] == "metrics"
        parts.append(f"{path.names[-1]} {number(value)}" if is_own else number(value))
        done = script.tokens[path.end - 1].end
    return " ".join("".join([*parts, text[done:]]).split())


def number(value: float) -> str:
    """Write a number as a person would, and exactly."""
    return repr(value).removesuffix(".0")


def _is_asked_for(script: Script, path: Path) -> bool:
    """Tell whether it stands in `has(…)`."""
    return script.word(path.begin - 2) == "has" and script.word(path.begin - 1) == "("


def _value(path: Path, context: Mapping[str, object]) -> object:
    value: object = context
    for name in path.names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
