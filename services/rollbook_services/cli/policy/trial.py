"""What would rules have said of the past? `rollbook policy trial` replays it."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rollbook_services.cli.call import Call, command
from rollbook_services.cli.output import Column
from rollbook_services.cli.policy.documents import FILE, Faulty, text_of
from rollbook_services.cli.recorded import EXPORTED, events_of
from rollbook_services.cli.status import promotion_name

if TYPE_CHECKING:
    from rollbook_services.policy.document import Policy
    from rollbook_services.registrar.hindsight.trial import Moment
    from rollbook_services.registrar.hindsight.verdict import Trial, Verdict

_WORDS: Final = {
    "same": "same",
    "would_have_been_blocked": "would have been blocked",
    "would_have_passed": "would have passed",
    "not_answerable": "not answerable",
}
_CHANGED: Final = frozenset({"would_have_been_blocked", "would_have_passed"})


@command("trial")
@FILE
@click.option(
    "--against-history",
    is_flag=True,
    help="Hold it against what really happened, which is the only trial there is.",
)
@EXPORTED
@click.option("--since", help="Verdicts from here on: a sequence, instant or day.")
@click.option("--until", help="Verdicts up to here: a sequence, instant or day.")
@click.option(
    "--model", "models", multiple=True, help="Only this model, or this pattern."
)
@click.option("--differences", is_flag=True, help="Leave out what stays the same.")
def trial(
    call: Call,
    file: Path,
    against_history: bool,
    exported: Path | None,
    since: str | None,
    until: str | None,
    models: tuple[str, ...],
    differences: bool,
) -> int:
    """Say of every past decision what these rules would have said: 1 if any differs."""
    from rollbook_services.registrar.hindsight.trial import trial as replay
    from rollbook_services.registrar.hindsight.verdict import NO_KNOCK_ON

    del against_history  # said for whoever reads the line
    begin, end = (_moment(since, end=False), _moment(until, end=True))
    policy = _policy_in(file)
    events = events_of(call, exported)
    tried = replay(policy, events, since=begin, until=end, models=models or None)
    rows = [_row(each) for each in tried.verdicts]
    shown = [row for row in rows if row["outcome"] != "same"] if differences else rows
    _show(call, shown, tried)
    call.output.note(NO_KNOCK_ON)
    return 1 if any(row["outcome"] in _CHANGED for row in rows) else 0


def summary_of(call: Call, path: Path) -> dict[str, Any]:
    """Try the rules of a file on all of history; what its endorsers are shown."""
    from rollbook_services.registrar.hindsight.trial import trial as replay

    tried = replay(_policy_in(path), events_of(call, None))
    call.output.note(_summary(tried))
    return tried.summary.model_dump(mode="json")


def _policy_in(path: Path) -> "Policy":
    """Read rules that could be proposed; raises Faulty."""
    from rollbook_services.policy.document import Policy
    from rollbook_services.policy.reading import read

    policy = read(text_of(path))
    if not isinstance(policy, Policy):
        raise Faulty(path, policy)
    return policy


def _show(call: Call, rows: list[dict[str, Any]], tried: "Trial") -> None:
    columns = [
        Column("PROMOTION", promotion_name),
        Column("WHEN", lambda row: call.output.time(row["at"])),
        Column("WAS", lambda row: row["decided"]),
        Column("WITH THESE RULES", lambda row: _WORDS[str(row["outcome"])]),
        Column("CLOSED", lambda row: row["gates"] or None),
        Column("EARLIEST", lambda row: call.output.time(row["earliest"])),
        Column("WHY", lambda row: call.output.prose(row["why"])),
        Column("SEQ", lambda row: row["sequence"], wide=True),
    ]
    summary = tried.summary.model_dump(mode="json")
    call.output.rows(
        {"data": rows, "summary": summary},
        columns,
        name=promotion_name,
        empty="nothing was decided that these rules speak of",
    )
    if not call.output.is_for_programs():
        click.echo(_summary(tried))


def _summary(tried: "Trial") -> str:
    counted: Mapping[str, Any] = tried.summary.model_dump()
    told = ", ".join(f"{counted[word]} {said}" for word, said in _WORDS.items())
    return f"{told}   up to {tried.until_sequence}"


def _row(verdict: "Verdict") -> dict[str, Any]:
    found = asdict(verdict)
    at, earliest = verdict.at, verdict.earliest
    times = {"at": at.isoformat(), "earliest": earliest and earliest.isoformat()}
    return {**found, **times}


def _moment(text: str | None, *, end: bool) -> "Moment | None":
    """Read a sequence, an instant with zone or a day, which ends with itself."""
    if text is None or text.isdigit():
        return None if text is None else int(text)
    try:
        if len(text) == len("2026-01-05"):
            clock = time.max if end else time.min
            return datetime.combine(date.fromisoformat(text), clock, UTC)
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"{text!r} is no sequence, instant or day") from error
    if instant.tzinfo is None:
        raise click.UsageError(f"{text!r}: say in which zone, as in {text}Z")
    return instant
