"""What waits for whoever asks: votes, second persons, reviews, endorsements?"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from rollbook_services.cli.call import Call, command
from rollbook_services.cli.gates import blocks
from rollbook_services.cli.output import Column, Output, Row
from rollbook_services.cli.status import change, position, promotion_name

_BARRED: Final = {
    "requester": "no, you asked for it",
    "producer": "no, you made the version",
    "author": "no, you are one of its authors",
    "activator": "no, you put its policy in force, and this is the first under it",
    "voted": "given",
    "role": "no, another role is asked",
}


@command("inbox", reads=True)
def inbox(call: Call) -> None:
    """Show what waits for you: votes, pauses, waivers, reviews, policies; and how."""
    answer = call.api().read("/v1/inbox")
    columns = [
        Column("KIND", kind),
        Column("WHAT", reference),
        Column("ABOUT", lambda row: _ABOUT[kind(row)](row)),
        Column("BY", _by),
        Column("UNTIL", lambda row: _until(row, call.output)),
        Column("WAITS FOR", lambda row: _waits_for(row, call.output)),
        Column("REASON", lambda row: row.get("reason")),
        Column("TYPE NEXT", _next),
    ]
    call.output.rows(answer, columns, name=reference, empty="nothing waits for you")
    position(answer, call.output)


def kind(row: Row) -> str:
    """Return which kind of thing waits."""
    found = str(row.get("kind"))
    return found if found in _ABOUT else "approval"


def reference(row: Row) -> str:
    """Write what a row is about, as other commands take it."""
    match kind(row):
        case "policy":
            return f"{row.get('policy')}"
        case _:
            return promotion_name(row)


def _by(row: Row) -> object:
    names = ("proposed_by", "asked_by", "requester")
    return next((row[name] for name in names if row.get(name)), None)


def _until(row: Row, output: Output) -> str:
    due = row.get("due_at")
    if due is not None:
        said = output.time(due)
        return f"{said} OVERDUE" if row.get("overdue") else said
    return output.time(row.get("expires_at") or row.get("until"))


def _waits_for(row: Row, output: Output) -> str:
    match kind(row):
        case "approval":
            closed = (gate for gate in row.get("gates") or () if blocks(gate))
            told = (gate.get("detail") or gate.get("gate") for gate in closed)
            return "; ".join(output.prose(each) for each in told)
        case "pause":
            return f"somebody with the role {row.get('role')} to let it go on"
        case "waiver":
            return "a second person"
        case "review":
            return "somebody who had no part in it"
        case _:
            return f"{row.get('needs')} {row.get('role')}"


def _next(row: Row) -> str:
    barred = row.get("barred")
    if barred is not None:
        return _BARRED.get(str(barred), str(barred))
    match kind(row):
        case "pause":
            return f"rollbook resume {reference(row)} -m …"
        case "waiver":
            return f"rollbook confirm-waiver {reference(row)} {row.get('waiver')}"
        case "review":
            closing = f"rollbook review close {row.get('model')} {row.get('review')}"
            return f"{closing} --finding justified -m …"
        case "policy":
            return f"rollbook policy endorse {row.get('policy')} {row.get('digest')}"
        case _:
            return f"rollbook approve {reference(row)} -m …"


def _waived(row: Mapping[str, Any]) -> str:
    gates = [_gate(each) for each in row.get("gates") or ()]
    incident = f", {row['incident']}" if row.get("incident") else ""
    return f"waive {', '.join(gates)} under {row.get('break_glass')}{incident}"


def _gate(gate: object) -> str:
    return str(gate.get("gate")) if isinstance(gate, Mapping) else str(gate)


def _rules(row: Mapping[str, Any]) -> str:
    return f"new rules {row.get('digest')}"


_ABOUT: Final[Mapping[str, Callable[[Row], str]]] = {
    "approval": change,
    "pause": change,
    "waiver": _waived,
    "review": _waived,
    "policy": _rules,
}
