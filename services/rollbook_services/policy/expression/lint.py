"""What is wrong with an expression, and what should be written instead?

Asked when a policy is proposed: at a promotion each of these would be an unknown, or a
pass that nobody meant.
"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from difflib import get_close_matches
from typing import Final

from rollbook_services.policy.expression.caps import macros, over
from rollbook_services.policy.expression.context import ANALYSIS
from rollbook_services.policy.expression.dry_run import of_dry_runs
from rollbook_services.policy.expression.engine import Unknown, compile_
from rollbook_services.policy.expression.reading import (
    Path,
    ages,
    duration,
    literal,
    paths,
)
from rollbook_services.policy.expression.tokens import CLOSES, Kind, Script, read
from rollbook_services.policy.shape import read_duration

_SHAPE: Final = {
    "champion": ("exists", "version", "metrics"),
    "version": ("number", "label"),
    "model": ("name", "tier"),
    "lineage": ("datasets", "parents"),
    "request": ("automatic", "kind"),
}
_OTHER_TONGUES: Final = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "True": "true",
    "False": "false",
    "None": "null",
}
_EXAMPLE: Final = "write CEL, like metrics.auc >= 0.9 && champion.exists"
_ARITHMETIC: Final = frozenset("+-*/%")
_SYNTAX: Final = re.compile(r"<input>:\d+:(\d+): (?:Syntax error: )?(.*)")
_STOPS: Final = frozenset({"(", "[", "{", ",", "?", ":"})


def faults(text: str, *, variables: frozenset[str]) -> list[str]:
    """Say every fault of an expression that may read these variables.

    Each is written `what is wrong: what to write instead`.
    """
    if broken := over(text):
        return broken
    script = read(text)
    compiled = compile_(text)
    if isinstance(compiled, Unknown):
        return [_does_not_compile(script, compiled.why)]
    # What the engine itself says of names, less the loops' own.
    loops = {script.word(at + 2) for at, _ in macros(script)}
    found = [*_names(set(compiled.program.variables()) - loops, variables)]
    found += [each for find in _FINDERS for each in find(script, variables)]
    if not found:
        found += of_dry_runs(script, variables)
    return list(dict.fromkeys(found))


def _does_not_compile(script: Script, why: str) -> str:
    for token in script.tokens:
        if token.kind is Kind.NAME and token.text in _OTHER_TONGUES:
            instead = _OTHER_TONGUES[token.text]
            return f"does not compile: write {instead} for {token.text}"
    if found := _SYNTAX.search(why):
        why = f"{found[2].split(' expecting ')[0]} at character {found[1]}"
    return f"does not compile, {why[:200]}: {_EXAMPLE}"


def _names(read_names: set[str], variables: frozenset[str]) -> Iterator[str]:
    for name in sorted(read_names - variables):
        near = get_close_matches(name, variables, n=1)
        instead = [_OTHER_TONGUES[name]] if name in _OTHER_TONGUES else near
        known = ", ".join(sorted(variables))
        advice = f"write {instead[0]}" if instead else f"there are {known}"
        yield f"reads {name}, which does not exist here: {advice}"


def _loops(script: Script, variables: frozenset[str]) -> Iterator[str]:
    for at, _ in macros(script):
        name = script.word(at + 2)
        if name in variables:
            yield f"{script.word(at)}() hides {name} by its own: name it otherwise"


def _members(script: Script, variables: frozenset[str]) -> Iterator[str]:
    for path in paths(script):
        root = path.names[0]
        if root not in _SHAPE or root not in variables or variables == ANALYSIS:
            continue
        members = _SHAPE[root]
        if len(path.names) > 1 and path.names[1] not in members:
            near = get_close_matches(path.names[1], members, n=1) or members
            yield f"{root} has no {path.names[1]}: write {root}.{' or '.join(near)}"
        if path.metric is not None and "metrics" not in variables:
            yield (
                f"reads {'.'.join(path.names)}, and `when` knows no metrics: "
                "compare them in `expr`"
            )


def _integers(script: Script, variables: frozenset[str]) -> Iterator[str]:
    """Find `metrics.n - 1`: facts are doubles, and CEL mixes them with no integer."""
    for path in paths(script):
        beside = ((path.end, path.end + 1), (path.begin - 1, path.begin - 2))
        for sign, at in beside if _is_double(path, variables) else ():
            is_integer = script.kind(at) is Kind.INTEGER
            if is_integer and script.word(sign) in _ARITHMETIC:
                name, integer = script.joined(path.begin, path.end), script.word(at)
                yield (
                    f"calculates with {name} and {integer}, an integer: "
                    f"write {integer.rstrip('uU')}.0"
                )


def _is_double(path: Path, variables: frozenset[str]) -> bool:
    if variables == ANALYSIS:
        return path.names[0] in ANALYSIS
    is_number = path.names in {("version", "number"), ("champion", "version")}
    return path.metric is not None or is_number


def _durations(script: Script, variables: frozenset[str]) -> Iterator[str]:
    for at in range(len(script.tokens)):
        is_called = script.word(at) == "duration" and script.word(at + 1) == "("
        written = script.word(at + 2)
        is_text = script.kind(at + 2) is Kind.TEXT
        if is_called and is_text and duration(written) is None:
            yield f"duration({written}) cannot be read: {_in_hours(written)}"
    if "age" in variables and ages(script.text) is None:
        yield (
            'age may only be compared with a duration: write age < duration("336h"), '
            "or set max_age"
        )


def _in_hours(written: str) -> str:
    try:
        length = read_duration(literal(written))
    except ValueError:
        length = None
    hours = int(length.total_seconds()) // 3600 if isinstance(length, timedelta) else 0
    return f'CEL knows h, m and s only: write duration("{hours or 336}h")'


def _empty_lists(script: Script, variables: frozenset[str]) -> Iterator[str]:
    """Find `x.all(…)` that nobody asks to be about anything: true on an empty list."""
    words = script.joined(0, len(script.tokens))
    for at, _ in macros(script):
        begin = _receiver(script, at - 1)
        if script.word(at) != "all" or begin is None:
            continue
        name = script.joined(begin, at - 1)
        asked = "|".join(
            (rf"size\({re.escape(name)}\)", rf"{re.escape(name)}\.size\(\)")
        )
        if not re.search(rf"(?:{asked})(?:>\d|>=[1-9]|==[1-9]|!=0)", words):
            yield (
                f"{name}.all() is true where there is nothing: "
                f"write size({name}) > 0 && {name}.all(…)"
            )


def _receiver(script: Script, dot: int) -> int | None:
    """Return where that begins whose method is called at a dot."""
    if script.word(dot) != ".":
        return None
    at = dot - 1
    while True:
        is_bracket = script.word(at) in CLOSES
        at = script.partner[at] if is_bracket else at
        if is_bracket and (_is_called(script, at - 1) or script.word(at - 1) in CLOSES):
            at -= 1
        elif script.word(at - 1) == ".":
            at -= 2
        else:
            return at


def _is_called(script: Script, at: int) -> bool:
    return script.kind(at) is Kind.NAME and script.word(at) != "in"


def _alternatives(script: Script, variables: frozenset[str]) -> Iterator[str]:
    """Find `metrics.a > 1 || b`: true by `b` though `a` was never measured."""
    for at in range(len(script.tokens)):
        if script.word(at) != "||":
            continue
        begin = _operand(script, at)
        for path in paths(script):
            is_left = begin <= path.begin < at and path.metric is not None
            asked = _asked(script, path)
            words = script.joined(begin, at)
            if is_left and asked.replace(" ", "") not in words.replace(" ", ""):
                yield (
                    f"where {script.joined(path.begin, path.end)} is missing, || goes "
                    f"by its other side: write A ? true :B for A || B, or begin with "
                    f"{asked} &&"
                )


def _asked(script: Script, path: Path) -> str:
    """Write the question whether a metric was recorded."""
    name = script.joined(path.begin, path.end)
    if script.word(path.end - 1) == "]":
        of = script.joined(path.begin, path.end - 3)
        return f"{script.word(path.end - 2)} in {of}"
    return f"has({name})"


def _operand(script: Script, end: int) -> int:
    """Return where the left side of an operator begins."""
    at = end
    while at > 0:
        before = script.word(at - 1)
        if before in CLOSES:
            at = script.partner.get(at - 1, at - 1)
        elif before in _STOPS:
            return at
        else:
            at -= 1
    return 0


_FINDERS: Final[tuple[Callable[[Script, frozenset[str]], Iterator[str]], ...]] = (
    _loops,
    _members,
    _integers,
    _durations,
    _empty_lists,
    _alternatives,
)
