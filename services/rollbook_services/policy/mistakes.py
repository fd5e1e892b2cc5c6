"""What do pydantic's errors mean to the one who wrote the policy?"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from rollbook_services.policy.fault import Fault, choice, nearest
from rollbook_services.policy.later import later
from rollbook_services.policy.outline import Place, locate
from rollbook_services.policy.stage import NOT_WRITTEN

_LONGEST_SHOWN: Final = 60
_NAME: Final = (
    "write letters, digits, `_` and `-`, at most 100, a letter or a digit first"
)


def faults(root: type[BaseModel], errors: Sequence[ErrorDetails]) -> tuple[Fault, ...]:
    """Turn errors into faults, one for each place."""
    by_path: dict[str, Fault] = {}
    for error in errors:
        for fault in _fault(root, error):
            by_path.setdefault(fault.path, fault)
    # Of `any` or settings, where settings are written: what is wrong is inside them.
    words = {locate(root, e["loc"]).path for e in errors if e["type"] in _WORDS}
    outer = {
        path for path in words if any(each.startswith(f"{path}.") for each in by_path)
    }
    return tuple(fault for path, fault in by_path.items() if path not in outer)


def _fault(root: type[BaseModel], error: ErrorDetails) -> Iterator[Fault]:
    place = locate(root, error["loc"])
    if _is_echo(error):
        return
    known = later(place.path, error["input"])
    if known is not None and error["type"] in {"extra_forbidden", *_WORDS}:
        yield Fault(place.path, None, *known)
        return
    explain = _EXPLAINED.get(error["type"], _not_fitting)
    yield explain(place, error, locate(root, error["loc"][:-1]))


def _is_echo(error: ErrorDetails) -> bool:
    """Tell whether a list is only too short because its items are at fault."""
    if error["type"] != "too_short":
        return False
    written, least = error["input"], error["ctx"]["min_length"]
    return isinstance(written, list | dict) and len(written) >= least


def _missing(place: Place, error: ErrorDetails, around: Place) -> Fault:
    key = error["loc"][-1]
    remedy = f"add `{key}: ...`, {place.expected()}"
    return Fault(place.path, None, f"`{key}` is missing", remedy)


def _unknown_key(place: Place, error: ErrorDetails, around: Place) -> Fault:
    key = str(error["loc"][-1])
    return Fault(
        place.path, None, f"`{key}` is not known here", nearest(key, around.keys())
    )


def _unknown_word(place: Place, error: ErrorDetails, around: Place) -> Fault:
    written = error["input"]
    remedy = nearest(written, place.words())
    if place.expected() != choice(sorted(place.words())):
        remedy = f"write {place.expected()}"
    return Fault(place.path, None, f"{_shown(written)} is not known here", remedy)


def _unknown_kind(place: Place, error: ErrorDetails, around: Place) -> Fault:
    kind = error["ctx"]["tag"]
    message = f"{_shown(kind)} is no kind of gate"
    remedy = nearest(kind, _kinds(place))
    if kind in NOT_WRITTEN:
        message = f"{_shown(kind)} is a gate that no file lists"
        remedy = "leave it out: each stage has it where it applies"
    return Fault(f"{place.path}.kind", None, message, remedy)


def _no_kind(place: Place, error: ErrorDetails, around: Place) -> Fault:
    remedy = f"add `kind: ...`, {choice(sorted(_kinds(place)))}"
    return Fault(f"{place.path}.kind", None, "`kind` is missing", remedy)


def _misnamed(place: Place, error: ErrorDetails, around: Place) -> Fault:
    return Fault(place.path, None, f"{_shown(error['input'])} is no name", _NAME)


def _of_a_rule(place: Place, error: ErrorDetails, around: Place) -> Fault:
    """Our own validators say what is wrong, and after a semicolon what to write."""
    said = str(error["ctx"]["error"])
    message, _, remedy = said.rpartition("; ")
    if not message:
        message = f"{_shown(error['input'])} does not fit here"
    return Fault(place.path, None, message, remedy)


def _out_of_bounds(place: Place, error: ErrorDetails, around: Place) -> Fault:
    message = f"{_shown(error['input'])} is out of bounds"
    return Fault(place.path, None, message, f"write {_bound(error['ctx'])}")


def _miscounted(place: Place, error: ErrorDetails, around: Place) -> Fault:
    written = error["input"]
    what = " characters" if isinstance(written, str) else ""
    message = f"{len(written)}{what} are written here"
    return Fault(place.path, None, message, f"write {_bound(error['ctx'])}")


def _not_fitting(place: Place, error: ErrorDetails, around: Place) -> Fault:
    message = f"{_shown(error['input'])} does not fit here"
    return Fault(place.path, None, message, f"write {place.expected()}")


def _bound(ctx: dict[str, Any]) -> str:
    bounds = {key: str(ctx[key]) for key in _BOUNDS if key in ctx}
    return " and ".join(
        f"{_BOUNDS[key]} {_SPELLED.get(bound, bound)}" for key, bound in bounds.items()
    )


def _kinds(place: Place) -> set[str]:
    return {str(shape.model_fields["kind"].default) for shape in place.shapes}


def _shown(written: object) -> str:
    if isinstance(written, dict):
        return "what stands here, settings under keys,"
    if isinstance(written, list):
        return "what stands here, a list,"
    is_text = isinstance(written, str)
    word = str(written) if is_text else json.dumps(written, default=str)
    return f"`{word[:_LONGEST_SHOWN]}`"


_BOUNDS: Final = {
    "min_length": "at least",
    "max_length": "at most",
    "ge": "at least",
    "le": "at most",
    "gt": "more than",
    "lt": "less than",
}
_SPELLED: Final = {"datetime.timedelta(0)": "0s"}  # how pydantic says it of JSON
_WORDS: Final = {"literal_error", "enum"}
_EXPLAINED: Final[dict[str, Callable[[Place, ErrorDetails, Place], Fault]]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "enum": _unknown_word,
    "literal_error": _unknown_word,
    "union_tag_invalid": _unknown_kind,
    "union_tag_not_found": _no_kind,
    "string_pattern_mismatch": _misnamed,
    "value_error": _of_a_rule,
    **dict.fromkeys(("too_short", "too_long"), _miscounted),
    **dict.fromkeys(("string_too_short", "string_too_long"), _miscounted),
    **dict.fromkeys(("greater_than", "greater_than_equal"), _out_of_bounds),
    **dict.fromkeys(("less_than", "less_than_equal"), _out_of_bounds),
}
