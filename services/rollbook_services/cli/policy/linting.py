"""Is a policy file right? `policy lint` looks, without a server or with one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rollbook.client.errors import ProblemError
from rollbook_services.cli.call import Call, command
from rollbook_services.cli.output import Column, Row
from rollbook_services.cli.policy.documents import FILE, text_of

if TYPE_CHECKING:
    from rollbook_services.policy.fault import Fault
    from rollbook_services.policy.text import Written


@command("lint")
@FILE
@click.option(
    "--server",
    is_flag=True,
    help="Ask the server too: which roles, policies, lanes and metrics there are.",
)
def lint(call: Call, file: Path, server: bool) -> int:
    """Say all that is wrong with a policy file, line by line; 2 if anything is."""
    rows = list(_looked_over(file, call if server else None))
    if server and not any(row["level"] == "error" for row in rows):
        rows += [row for row in _asked(call, file) if not _is_told(row, rows)]
    columns = [
        Column("", lambda row: row["level"]),
        Column("LINE", lambda row: row["line"]),
        Column("WHERE", lambda row: row["path"]),
        Column("WHAT", lambda row: row["message"]),
        Column("REMEDY", lambda row: row["remedy"]),
    ]
    call.output.rows(
        {"data": rows},
        columns,
        name=lambda row: f"{file}:{row['line'] or 1}",
        empty=f"nothing is wrong with {file}",
    )
    return 2 if any(row["level"] == "error" for row in rows) else 0


def located(path: Path, problem: ProblemError) -> list["Fault"]:
    """Say on which line of the file each fault stands that the server found."""
    from rollbook_services.policy.fault import Fault
    from rollbook_services.policy.text import Written, parse

    told = problem.detail.get("faults")
    faults = [
        Fault(str(each["path"]), None, str(each["message"]), str(each["remedy"]))
        for each in (told if isinstance(told, list) else ())
    ]
    if not faults:  # it is about other policies, not about a place in this one
        faults = [Fault("spec.applies_to.models", None, problem.told, "see there")]
    written = parse(text_of(path))
    if not isinstance(written, Written):
        return faults
    return [replace(each, line=written.line_of(each.path)) for each in faults]


def _looked_over(path: Path, call: Call | None) -> Iterator[dict[str, Any]]:
    from rollbook_services.policy.document import Policy
    from rollbook_services.policy.lint.known import Known
    from rollbook_services.policy.lint.lint import lint as look_over
    from rollbook_services.policy.reading import located as on_lines
    from rollbook_services.policy.reading import read
    from rollbook_services.policy.text import Written, parse

    text = text_of(path)
    policy = read(text)
    if not isinstance(policy, Policy):
        yield from _rows("error", policy)
        return
    written = parse(text)
    assert isinstance(written, Written)  # else it had not been read
    now = datetime.now(UTC)  # noqa: TID251  windows are looked at from now on
    known = Known() if call is None else Known(**_known(call))
    report = look_over(policy, known, as_of=now)
    yield from _rows("error", on_lines(report.errors, written))
    yield from _rows("warning", on_lines(report.warnings, written))


def _known(call: Call) -> dict[str, Any]:
    """Ask what runs where, and what evidence has carried so far."""
    api = call.api()
    lanes: dict[str, tuple[str, ...]] = {}
    for lane in api.read("/v1/lanes")["data"]:
        if lane.get("status") != "EMPTY":
            at = lanes.get(lane["stage"], ())
            lanes[lane["stage"]] = (*at, lane["model"])
    carried = api.read("/v1/metrics-carried")["data"]
    metrics = {kind: frozenset(names) for kind, names in carried.items()}
    return {"lanes": lanes, "metrics": metrics}


def _asked(call: Call, path: Path) -> Iterator[dict[str, Any]]:
    """Let the server look, as if the policy were proposed; nothing is recorded."""
    from rollbook_services.policy.text import Written, parse

    written = parse(text_of(path))
    assert isinstance(written, Written)
    body = {"document": written.document, "reason": "lint"}
    try:
        answer = call.api().rehearse("/v1/policies", body)
    except ProblemError as problem:
        if problem.code == "already-exists":
            call.output.note(problem.told)
            return
        if problem.code != "policy-invalid":
            raise
        yield from _rows("error", located(path, problem))
        return
    for event in answer.get("events") or ():
        for warning in (event.get("data") or {}).get("warnings") or ():
            yield _warned(str(warning), written)


def _rows(level: str, faults: "Sequence[Fault]") -> Iterator[dict[str, Any]]:
    for fault in faults:
        yield {
            "level": level,
            "line": fault.line,
            "path": fault.path,
            "message": fault.message,
            "remedy": fault.remedy,
        }


def _warned(warning: str, written: "Written") -> dict[str, Any]:
    """Take a warning apart that an event holds as `path: message; remedy`."""
    path, _, said = warning.partition(": ")
    message, _, remedy = said.rpartition("; ")
    return {
        "level": "warning",
        "line": written.line_of(path),
        "path": path,
        "message": message or said,
        "remedy": remedy,
    }


def _is_told(row: Row, rows: Sequence[Mapping[str, Any]]) -> bool:
    same = ("path", "message")
    return any(all(row[each] == other[each] for each in same) for other in rows)
