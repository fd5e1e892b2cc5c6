"""How far has a roll-out come, and what does it wait for?

Read from a promotion as the server tells it, by the command line and the client.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Row = Mapping[str, Any]

WHOLE: Final = 100  # percent
_BEGUN: Final = frozenset({"DISPATCHED", "PROGRESSING"})


@dataclass(frozen=True, slots=True)
class Place:
    """Which step of which wave runs, counted from 1, and of how many; 0: unknown."""

    wave: int
    waves: int
    step: int
    steps: int
    weight: int
    """Percent of a target's traffic that the new version has in this wave."""

    def __str__(self) -> str:
        """Write it as people say it; a plan of one step is not counted."""
        parts = []
        if self.waves > 1:
            parts.append(f"wave {self.wave}/{self.waves}")
        if self.steps > 1:
            parts.append(f"step {self.step}/{self.steps}")
        return ", ".join([*parts, f"{self.weight} %"])


def step_of(found: Row) -> Row | None:
    """Return the step that runs, as the server tells it; None: none has begun."""
    now: Row | None = (found.get("rollout") or {}).get("now")
    return now


def place_of(found: Row) -> Place | None:
    """Return where the roll-out stands."""
    rollout, now = found.get("rollout") or {}, step_of(found) or {}
    counts = (len(rollout.get(part) or ()) for part in ("waves", "steps"))
    return place_at(now, *counts)


def place_at(now: Row, waves: int | None, steps: int | None) -> Place | None:
    """Count the step that runs from 1; None: none has begun."""
    if now.get("wave") is None:
        return None
    return Place(
        wave=int(now["wave"]) + 1,
        waves=waves or 0,
        step=int(now["step"]) + 1,
        steps=steps or 0,
        weight=int(now["weight"]),
    )


def targets_of(found: Row) -> list[Row]:
    """Return the targets that the present document names."""
    return [row for row in found.get("targets") or () if row.get("desired")]


def share_of(target: Row, version: object) -> int:
    """Return the percent of a target's traffic that a version should have."""
    variants = (target.get("desired") or {}).get("variants") or ()
    return sum(
        int(each["weight"]) for each in variants if each.get("version") == version
    )


def lagging(found: Row) -> list[Row]:
    """Return the targets of the present wave that have not applied its step."""
    now = step_of(found) or {}
    wave = set(now.get("targets") or ())
    return [
        row for row in targets_of(found) if row["target"] in wave and row.get("lagging")
    ]


def measured(found: Row) -> list[Row]:
    """Return what each metric said last while the present step ran.

    Each is a gate's word with the `samples` it rests on.
    """
    now = step_of(found) or {}
    last: dict[str, Row] = {}
    for analysis in found.get("analyses") or ():
        place = analysis.get("wave"), analysis.get("step")
        if place == (now.get("wave"), now.get("step")):
            for word in analysis.get("judged") or ():
                last[str(word["gate"])] = {**word, "samples": analysis.get("samples")}
    return list(last.values())


def waits_for(found: Row) -> str:
    """Say in a few words what it waits for; nothing where it has ended."""
    state = str(found.get("state", "")).upper()
    match state:
        case "GATING":
            return ", ".join(_closed(found)) or "its gates"
        case "READY":
            return "its turn in the lane"
        case "PAUSED":
            return _resumption(found)
        case "VERIFYING":
            return "the last bake"
        case _ if state in _BEGUN:
            return _step(found)
        case _:
            return ""


def _closed(found: Row) -> Iterator[str]:
    for gate in found.get("gates") or ():
        is_open = gate.get("status") in {"pass", "waived"}
        if not is_open and gate.get("mode", "enforce") == "enforce":
            yield str(gate.get("gate"))


def _resumption(found: Row) -> str:
    pause = found.get("pause") or {}
    match pause.get("cause"):
        case "step":
            return f"somebody with the role {pause.get('role')} to resume it"
        case "freeze" | "window":
            return "the lane to be open again"
        case "unknown":
            return "somebody to resume it: too little was measured"
        case _:
            return "somebody to resume it"


def _step(found: Row) -> str:
    now = step_of(found) or {}
    if now.get("applied_at"):
        silent = [word for word in measured(found) if word.get("status") != "pass"]
        bake = "the bake of this step"
        metrics = ", ".join(str(word["gate"]) for word in silent)
        return f"{bake}, and {metrics}" if metrics else bake
    behind = [str(row["target"]) for row in lagging(found)]
    return ", ".join(behind) or "its targets"
