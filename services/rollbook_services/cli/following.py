"""What is new in a roll-out since it was looked at last, a line for each fact?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rollbook.client.progress import (
    WHOLE,
    Place,
    measured,
    place_of,
    share_of,
    step_of,
    targets_of,
)
from rollbook.reference import PromotionReference
from rollbook_services.cli.gates import gate_line, word
from rollbook_services.cli.output import Output, Row
from rollbook_services.cli.targets import length, state

_BAD: Final = frozenset({"failed", "errored", "drifted"})


@dataclass(frozen=True, slots=True)
class News:
    """One fact: for people as a line, for programs as an object."""

    line: str
    told: Mapping[str, Any]


@dataclass(slots=True)
class Follower:
    """What somebody was told of one promotion so far."""

    promotion: PromotionReference
    output: Output
    _said: list[str] = field(default_factory=list)
    _targets: dict[str, tuple[str, int]] = field(default_factory=dict)
    _facts: set[tuple[object, ...]] = field(default_factory=set)

    def news(self, found: Row) -> list[News]:
        """Return what was not told before, in the order in which it came to be."""
        dated = [
            *self._beginning(found),
            *self._reports(found),
            *self._baking(found),
            *self._measurements(found),
            *self._pauses(found),
        ]
        return [*self._waiting(found), *sorted(dated, key=_instant)]

    def _waiting(self, found: Row) -> Iterator[News]:
        """Tell the state, and what each gate says; again where it said so before."""
        now = str(found["state"]).lower()
        lines = {f"{self.promotion}   {now}": {"kind": "state", "state": now}}
        for gate in found.get("gates") or ():
            told = {"kind": "gate", "gate": gate.get("gate"), "status": word(gate)}
            lines[gate_line(gate, self.output)] = told
        before, self._said = self._said, list(lines)
        for line, told in lines.items():
            if line not in before:
                yield self._news(line, None, told)

    def _beginning(self, found: Row) -> Iterator[News]:
        now, place = step_of(found) or {}, place_of(found)
        if place is None or now.get("pause") or _is_small(place, now):
            return
        if self._is_new("started", now["wave"], now["step"]):
            on = ", ".join(now.get("targets") or ())
            told = {**_step(now), "state": "started"}
            yield self._at(now["started_at"], str(place), f"begins on {on}", told)

    def _baking(self, found: Row) -> Iterator[News]:
        now, place = step_of(found) or {}, place_of(found)
        if place is None or not now.get("applied_at") or _is_small(place, now):
            return
        if self._is_new("applied", now["wave"], now["step"]):
            bakes = now.get("bake_until")
            until = f", bakes until {self._clock(bakes)}" if bakes else ""
            told = {**_step(now), "state": "applied", "bake_until": bakes}
            yield self._at(now["applied_at"], str(place), f"applied{until}", told)

    def _reports(self, found: Row) -> Iterator[News]:
        version = found.get("version")
        for target in targets_of(found):
            name, share = str(target["target"]), share_of(target, version)
            now = str(target["state"]), share
            if not _is_worth_telling(self._targets.get(name, ("applied", 0)), now):
                continue
            self._targets[name] = now
            served = f"{self.promotion.model}@{version}"
            took = length(target["converged_ms"]) if now[0] == "applied" else ""
            when = target["desired"]["at"]
            if now[0] != "desired":
                when = target.get("recorded_at")
            yield self._at(
                when,
                f"{name}   {state(target)}",
                f"{served}   {share} %   {took}".rstrip(),
                {
                    "kind": "target",
                    "target": name,
                    "state": now[0],
                    "version": version,
                    "weight": share,
                    "converged_ms": target.get("converged_ms"),
                    "reason_code": target.get("reason_code"),
                },
            )

    def _measurements(self, found: Row) -> Iterator[News]:
        latest = {str(each["gate"]): each for each in measured(found)}
        records = list(found.get("analyses") or ())
        if not (latest and self._is_new("analysis", records[-1]["analysis"])):
            return
        at = records[-1].get("recorded_at")
        for name, said in latest.items():
            value = (said.get("values") or {}).get("value")
            yield self._at(
                at,
                f"{name}   {word(said)}",
                f"{value}   {said.get('detail')}   {said.get('samples')} samples",
                {
                    "kind": "analysis",
                    "metric": name,
                    "status": word(said),
                    "value": value,
                    "samples": said.get("samples"),
                    "detail": said.get("detail"),
                },
            )

    def _pauses(self, found: Row) -> Iterator[News]:
        pause = found.get("pause")
        if not pause or not self._is_new("pause", pause.get("paused_at")):
            return
        role = f" as {pause['role']}" if pause.get("role") else ""
        place = place_of(found)
        yield self._at(
            pause.get("paused_at"),
            f"{place}   paused" if place else "paused",
            f"{self.output.prose(pause.get('reason'))}; to go on{role}: "
            f"rollbook resume {self.promotion} -m …",
            {
                "kind": "pause",
                "cause": pause.get("cause"),
                "role": pause.get("role"),
                "reason": pause.get("reason"),
            },
        )

    def _is_new(self, *fact: object) -> bool:
        if fact in self._facts:
            return False
        self._facts.add(fact)
        return True

    def _at(self, at: object, what: str, rest: str, told: Mapping[str, Any]) -> News:
        line = f"{self._clock(at)}  {what}   {rest}"
        return self._news(line, at, told)

    def _news(self, line: str, at: object, told: Mapping[str, Any]) -> News:
        return News(line, {"at": at, "promotion": str(self.promotion), **told})

    def _clock(self, at: object) -> str:
        return self.output.time(at).rpartition(" ")[2]


def _is_worth_telling(before: tuple[str, int], now: tuple[str, int]) -> bool:
    """Leave out that a target whose share stays as it was reads one more document."""
    if before[1] != now[1]:
        return True
    return before[0] != now[0] and (before[0] != "applied" or now[0] in _BAD)


def _is_small(place: Place, now: Row) -> bool:
    """Tell whether a plan is not worth counting: every target at once, and no bake."""
    is_single = place.waves <= 1 and place.steps <= 1 and place.weight == WHOLE
    return is_single and not now.get("bake_until")


def _step(now: Row) -> dict[str, Any]:
    return {"kind": "step", **{name: now[name] for name in ("wave", "step", "weight")}}


def _instant(news: News) -> str:
    return str(news.told.get("at"))
