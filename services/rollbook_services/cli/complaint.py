"""How does an error look to whoever typed the command, and with which exit code?"""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from rollbook_services.cli.gates import name_of, word

EXIT_UNEXPECTED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 69
EXIT_INTERRUPTED: Final = 130
_SAID: Final = frozenset(
    ("errors", "faults", "gates", "near", "people", "seq", "trace_id")
)


def complain(error: BaseException, *, verbose: bool) -> int:
    """Say on stderr what went wrong and what to do next; return the exit code."""
    match error:
        case click.UsageError():
            error.show()
            return EXIT_USAGE
        case click.ClickException():
            error.show()
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            say("interrupted; what was sent before is recorded")
            return EXIT_INTERRUPTED
        case _:
            return _of_ours(error, verbose=verbose)


def say(text: str) -> None:
    """Write one line for people to stderr."""
    click.echo(text, err=True)


def _of_ours(error: BaseException, *, verbose: bool) -> int:
    from rollbook.client.errors import ProblemError
    from rollbook.errors import Misconfigured, RollbookError, Unavailable
    from rollbook.reference import InvalidReference

    match error:
        case ProblemError():
            say(f"error: {error.told}  [{error.code}]")
            for line in hints(error.detail):
                say(f"  {line}")
            return error.exit
        case InvalidReference() | Misconfigured():
            say(f"error: {error}")
            return EXIT_USAGE
        case Unavailable():
            say(f"error: {error}")
            return EXIT_UNREACHABLE
        case RollbookError():
            say(f"error: {error}")
            return EXIT_UNEXPECTED
        case ModuleNotFoundError():
            return _missing(error)
        case _:
            if verbose:
                import traceback

                traceback.print_exception(error, file=sys.stderr)
            say(f"error: {type(error).__name__}: {error} (--verbose shows where)")
            return EXIT_UNEXPECTED


def _missing(error: ModuleNotFoundError) -> int:
    extra = "demo" if error.name in {"sklearn", "joblib", "numpy"} else "server"
    say(
        f"error: this command needs {error.name}: pip install 'rollbook[{extra}]', "
        "and run it again"
    )
    return EXIT_UNEXPECTED


def hints(detail: Mapping[str, Any]) -> list[str]:
    """Write what a problem adds to its sentence, a line for each fact."""
    lines = [*_faults(detail), *_gates(detail)]
    near = detail.get("near")
    if near:
        names = ", ".join(map(str, near)) if isinstance(near, list) else str(near)
        lines.append(f"near: {names}")
    lines += [
        f"{name}: {value if isinstance(value, str) else json.dumps(value)}"
        for name, value in detail.items()
        if name not in _SAID and value not in (None, [], {}, "")
    ]
    people = detail.get("people")
    known = people if isinstance(people, Mapping) else {}
    return [_named(line, known) for line in lines]


def _faults(detail: Mapping[str, Any]) -> Iterator[str]:
    for fault in _mappings(detail.get("errors")):
        yield f"{fault.get('pointer', '?')}: {fault.get('message', '')}"
    for fault in _mappings(detail.get("faults")):
        said = f"{fault.get('message', '')}; {fault.get('remedy', '')}"
        yield f"{fault.get('path') or 'the whole file'}: {said}"


def _gates(detail: Mapping[str, Any]) -> Iterator[str]:
    for gate in _mappings(detail.get("gates")):
        why = gate.get("detail") or gate.get("why", "")
        yield f"{word(gate):8} {name_of(gate)}: {why}"


def _named(line: str, people: Mapping[str, Any]) -> str:
    for principal, name in people.items():
        line = line.replace(str(principal), str(name))
    return line


def _mappings(value: object) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        return []
    return [entry for entry in value if isinstance(entry, Mapping)]
