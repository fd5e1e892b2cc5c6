"""What is an expression's word on a context? The one door to the CEL engine."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from rollbook_services.policy.expression.caps import (
    LONGEST_STRING,
    MOST_BYTES,
    MOST_ITEMS,
    macros,
    over,
)
from rollbook_services.policy.expression.tokens import Kind, read

if TYPE_CHECKING:
    from types import ModuleType

    from cel import Program

_PACKAGE: Final = "common-expression-language"
_LONGEST_WHY: Final = 300
_SORTS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "true or false"),
    (int, "an integer"),
    (float, "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "a map"),
    (timedelta, "a duration"),
    (type(None), "null"),
)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Neither true nor false, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression that the engine can run, and what has to be given to it."""

    program: "Program"
    names: frozenset[str]
    """Every name in it, those of the context's variables among them."""
    iterates: bool


def evaluate(text: str, context: Mapping[str, object]) -> bool | Unknown:
    """Say true or false; everything else, and every error, is unknown."""
    said = outcome(text, context)
    if isinstance(said, bool | Unknown):
        return said
    return Unknown(f"comes to {sort(said)}, neither true nor false")


def sort(value: object) -> str:
    """Name the sort of a value; the value itself is written in no fixed order."""
    return next((name for cls, name in _SORTS if isinstance(value, cls)), "a value")


def outcome(text: str, context: Mapping[str, object]) -> object:
    """Return what an expression comes to, or why it comes to nothing."""
    if len(text) > MOST_BYTES:
        return Unknown("; ".join(over(text)))
    compiled = compile_(text)
    if isinstance(compiled, Unknown):
        return compiled
    given = {name: context[name] for name in compiled.names & context.keys()}
    for name, value in given.items():
        if fault := _oversized(value, name, maps=compiled.iterates):
            return Unknown(fault)
    try:
        said: object = compiled.program.execute(given)
    except BaseException as error:
        if not _is_of_the_engine(error):
            raise
        return _unknown(error)
    return said


@lru_cache(maxsize=4096)
def compile_(text: str) -> Compiled | Unknown:
    """Compile an expression once, unless a cap or the engine refuses it."""
    faults = over(text)
    if faults:
        return Unknown("; ".join(faults))
    script = read(text)
    names = {token.text for token in script.tokens if token.kind is Kind.NAME}
    cel = _cel()
    try:
        program = cel.compile(text)
    except BaseException as error:
        if not _is_of_the_engine(error):
            raise
        return _unknown(error)
    return Compiled(program, frozenset(names), any(macros(script)))


def load() -> None:
    """Import the engine now rather than at its first use."""
    _cel()


@lru_cache(maxsize=1)
def _cel() -> "ModuleType":
    """Import the engine at its first use: it takes 0.6 s, replay never needs it."""
    return importlib.import_module("cel")


def _is_of_the_engine(error: BaseException) -> bool:
    # A panic is no Exception, and its class can be imported from nowhere.
    is_panic = type(error).__module__ == "pyo3_runtime"
    return is_panic or isinstance(error, Exception)


def _unknown(error: BaseException) -> Unknown:
    if isinstance(error, KeyError):
        return Unknown(f"nothing is called {_short(str(error.args[0]))}")
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return Unknown(_short(lines[0].split(". Check ")[0].split(" CEL does not")[0]))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_WHY else text[: _LONGEST_WHY - 1] + "…"


def _oversized(value: object, path: str, *, maps: bool) -> str | None:
    """Say what of the facts is too large to be judged; maps only if gone through."""
    if isinstance(value, str):
        size = len(value.encode(errors="surrogatepass"))
        if size > LONGEST_STRING:
            return f"a text in {path} is {size:,} bytes long, at most {LONGEST_STRING}"
        return None
    if isinstance(value, Mapping):
        inner, is_capped = [*(value if maps else ()), *value.values()], maps
    elif isinstance(value, list):
        inner, is_capped = value, True
    else:
        return None
    if is_capped and len(value) > MOST_ITEMS:
        return f"{path} has {len(value):,} items, at most {MOST_ITEMS}"
    faults = (
        _oversized(each, path, maps=maps)
        for each in inner
        if not isinstance(each, float)
    )
    return next(filter(None, faults), None)


def _engine() -> str:
    try:
        return f"{_PACKAGE} {version(_PACKAGE)}"
    except PackageNotFoundError:  # a client's machine, which judges nothing
        return _PACKAGE


ENGINE: Final = _engine()
