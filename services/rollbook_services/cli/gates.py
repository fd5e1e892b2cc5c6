"""How is what a gate says written, so that nobody takes a waiver for a pass?"""

from typing import Final

from rollbook_services.cli.output import Output, Row, table

WAIVED: Final = "WAIVED"
_OPEN: Final = frozenset({"pass", WAIVED})
_ENFORCED: Final = frozenset({None, "", "enforce"})


def word(gate: Row) -> str:
    """Write a gate's word; what was waived never looks like what passed."""
    status = str(gate.get("status") or "?")
    return WAIVED if status == "waived" else status


def name_of(gate: Row) -> str:
    """Return a gate's name, as a promotion or as an explanation tells it."""
    return str(gate.get("gate") or gate.get("id") or "?")


def why(gate: Row, output: Output) -> str:
    """Write why a gate says so; one that does not block says that too."""
    told = output.prose(gate.get("why") or gate.get("detail"))
    if word(gate) in _OPEN or blocks(gate):
        return told
    return f"({gate.get('mode')}: does not block) {told}".rstrip()


def blocks(gate: Row) -> bool:
    """Tell whether a promotion waits for it."""
    return word(gate) not in _OPEN and gate.get("mode") in _ENFORCED


def gate_line(gate: Row, output: Output) -> str:
    """Write one gate in a line, as it stands below a promotion."""
    line = f"  {word(gate):<8} {name_of(gate):<12} {why(gate, output)}"
    return line.rstrip()


def gate_lines(gates: list[Row], output: Output) -> list[str]:
    """Write gates below each other, with the mode of each."""
    cells = [
        [word(gate), name_of(gate), str(gate.get("mode") or ""), why(gate, output)]
        for gate in gates
    ]
    return [f"  {line}" for line in table(["", "GATE", "MODE", "WHY"], cells)[1:]]
