"""Where does what is recorded differ from what follows by rule?"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rollbook.catalogue.model import ModelEvent
from rollbook.envelope import Envelope
from rollbook.subjects import Aggregate

NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Something recorded that does not follow from what lay before it."""

    sequence: int
    aggregate: Aggregate
    what: str
    """The event, and the path inside it."""
    recorded: str
    recomputed: str


def place_of(event: ModelEvent, due: Sequence[ModelEvent]) -> int | None:
    """Find the same event, whatever it says, among those that should come."""
    key = _key(event)
    return next((at for at, each in enumerate(due) if _key(each) == key), None)


def differences(
    recorded: Envelope[ModelEvent], due: ModelEvent
) -> Iterator[Disagreement]:
    """Compare an event with what should stand in its place, field by field."""
    if recorded.event == due:
        return
    said = recorded.event.model_dump(mode="json")
    should = due.model_dump(mode="json")
    # What an old version of the event did not say cannot be wrong.
    told = recorded.raw.get("data", said)
    for name in said:
        if name in told:
            for path, was, now in _unequal(said[name], should[name], name):
                yield _of(recorded, f"{_word(due)}: {path}", _text(was), _text(now))


def left_out(
    due: Sequence[ModelEvent], recorded: Envelope[ModelEvent]
) -> Iterator[Disagreement]:
    """Say of events that they should stand before, or beside, a recorded one."""
    for each in due:
        yield _of(recorded, f"{_word(each)} is missing", NOTHING, _body(each))


def unfounded(
    recorded: Envelope[ModelEvent], due: Sequence[ModelEvent]
) -> Disagreement:
    """Say of an event that it does not follow."""
    should = "; ".join(f"{_word(each)} {_body(each)}" for each in due)
    what = f"{_word(recorded.event)} does not follow"
    return _of(recorded, what, _body(recorded.event), should or NOTHING)


def forbidden(recorded: Envelope[ModelEvent], why: str) -> Disagreement:
    """Say of a dispatch that nothing should have moved."""
    return _of(recorded, f"{_word(recorded.event)} in spite of its gates", "moved", why)


def _of(
    recorded: Envelope[ModelEvent], what: str, was: str, should: str
) -> Disagreement:
    return Disagreement(
        recorded.sequence, recorded.aggregate, what, recorded=was, recomputed=should
    )


def _key(event: ModelEvent) -> tuple[object, ...]:
    result = getattr(event, "result", None)
    return type(event), getattr(event, "promotion", None), getattr(result, "gate", None)


def _unequal(was: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Walk two values side by side, down to the parts that differ."""
    if isinstance(was, dict) and isinstance(now, dict) and was.keys() == now.keys():
        for name in was:
            yield from _unequal(was[name], now[name], f"{path}.{name}")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for at, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _unequal(one, other, f"{path}.{_named(one, at)}")
    elif was != now:
        yield path, was, now


def _named(part: Any, at: int) -> object:
    return part.get("gate", at) if isinstance(part, dict) else at


def _word(event: ModelEvent) -> str:
    return event.recorded_as


def _body(event: ModelEvent) -> str:
    return event.model_dump_json()


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
