"""How is written what a target should run, what it runs, and how far it is?"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from rollbook_services.cli.output import Column, Output, Row

WHOLE: Final = 100
_COLOURS: Final = {
    "applied": "green",
    "acknowledged": "cyan",
    "desired": "cyan",
    "failed": "red",
    "errored": "red",
    "drifted": "yellow",
    "lost": "red",
    "drained": "yellow",
}


def columns_of(output: Output) -> list[Column]:
    """Describe the table of targets, below the lanes that they serve."""
    return [
        Column("LANE", lane),
        Column("TARGET", lambda row: row.get("target")),
        Column("DESIRED", desired),
        Column("RUNS", runs),
        Column("STATE", state, colour=lambda row: colour_of(row.get("state"))),
        Column("CONVERGED", lambda row: length(row.get("converged_ms"))),
        Column("BEHIND", lambda row: behind(row, output), colour=_if_any("lagging")),
        Column("DRIFT", lambda row: drift(row, output), colour=_if_any("drift")),
        Column("AGENT", agents, colour=_agents_colour),
        Column("REVISION", lambda row: row.get("revision"), wide=True),
        Column("REPORTED", lambda row: output.time(row.get("recorded_at")), wide=True),
    ]


def lane(row: Row) -> str:
    """Write which lane a target serves here."""
    return f"{row.get('model')}#{row.get('stage')}"


def desired(row: Row) -> str:
    """Write which versions a target should run, with their shares of the traffic."""
    told = (row.get("desired") or {}).get("variants")
    if told is None:
        return "-"
    return shares(str(row.get("model")), told) or "nothing"


def shares(model: str, variants: Iterable[Mapping[str, Any]]) -> str:
    """Write versions with their shares, the greatest first; a whole one needs none."""
    ordered = sorted(variants, key=lambda each: -int(each["weight"]))
    return ", ".join(
        f"{model}@{each.get('version') or '?'}"
        + ("" if each["weight"] == WHOLE else f" {each['weight']} %")
        for each in ordered
    )


def runs(row: Row) -> str:
    """Write which versions a target runs, by digest where nobody registered one."""
    seen = {
        f"{row.get('model')}@{each['version']}"
        if each.get("version")
        else str(each.get("digest"))[:19]
        for each in row.get("runs") or ()
    }
    return ", ".join(sorted(seen)) or "-"


def state(row: Row) -> str:
    """Write how far a target is, and why no further."""
    said = str(row.get("state") or "?")
    if row.get("reason_code") and said in {"failed", "errored"}:
        said = f"{said}: {row['reason_code']}"
    return f"{said}, straggler" if row.get("straggler") else said


def behind(row: Row, output: Output) -> str:
    """Write how many documents a target lags behind, and since when."""
    told = row.get("desired")
    if not told or not row.get("lagging"):
        return ""
    missing = int(told["revision"]) - int(row.get("applied_revision") or 0)
    return f"{missing} since {output.time(told.get('at'))}"


def drift(row: Row, output: Output) -> str:
    """Write what is known of a drift that is not over."""
    known = row.get("drift")
    if not known:
        return ""
    since = output.time(known.get("detected_at"))
    return f"{known.get('state')} ({known.get('policy')}) since {since}"


def agents(row: Row) -> str:
    """Write who speaks for a target, and whether it answers or rests."""
    return ", ".join(
        f"{each.get('agent')} {agent_state(each)}" for each in row.get("agents") or ()
    )


def agent_state(agent: Mapping[str, Any]) -> str:
    """Write whether an agent answers, and that it rests."""
    said = str(agent.get("state") or "?")
    return f"{said}, drained" if agent.get("drained") else said


def length(milliseconds: object) -> str:
    """Write a length of time: 840 ms, 1.2 s, 12 min, 3.5 h."""
    if not isinstance(milliseconds, int | float):
        return "-"
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{milliseconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def colour_of(word: object) -> str | None:
    """Return the colour of a target's or an agent's state."""
    return _COLOURS.get(str(word))


def _if_any(member: str) -> Callable[[Row], str | None]:
    return lambda row: "yellow" if row.get(member) else None


def _agents_colour(row: Row) -> str | None:
    states = {str(each.get("state")) for each in row.get("agents") or ()}
    if "lost" in states:
        return colour_of("lost")
    is_drained = any(each.get("drained") for each in row.get("agents") or ())
    return colour_of("drained") if is_drained else None
