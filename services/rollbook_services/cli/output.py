"""In which form does an answer leave the command line?

Tables for people, never cut; `--json` whole objects for programs, `--json=a,b`
chosen fields, `-o jsonl` a line for each, `-o name` references alone.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

import click

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: a title, and how a row fills it."""

    title: str
    fill: Callable[[Row], object]
    wide: bool = False
    """Whether only `-o wide` shows it."""
    plain: bool = False
    """Whether principals stay principals, and do not become the names of people."""
    colour: Callable[[Row], str | None] = lambda _: None
    """Which colour a terminal shows it in."""


@dataclass(frozen=True, slots=True)
class Output:
    """The form that was asked for."""

    form: str = "table"
    fields: tuple[str, ...] = ()
    zone: tzinfo = UTC
    quiet: bool = False
    colour: bool = False
    people: dict[str, str] = field(default_factory=dict)
    """Names of people by principal; filled from the answers."""

    def rows(
        self,
        answer: Row,
        columns: Sequence[Column],
        *,
        name: Callable[[Row], str],
        empty: str,
    ) -> None:
        """Write a list of things."""
        rows = [row for row in answer.get("data") or () if isinstance(row, Mapping)]
        if self._programmatic(answer, rows, name):
            return
        if not rows:
            click.echo(empty, err=True)
            return
        shown = [column for column in columns if not column.wide or self.form == "wide"]
        cells = [[self._cell(column, row) for column in shown] for row in rows]
        colours = [[column.colour(row) for column in shown] for row in rows]
        for line in table(
            [column.title for column in shown], cells, colours if self.colour else None
        ):
            click.echo(line)  # which leaves colours out where no terminal reads it

    def facts(
        self, answer: Row, lines: Sequence[tuple[str, object]], *, name: str
    ) -> None:
        """Write one thing, a line for each fact; what is None is left out."""
        data = answer.get("data", answer)
        row = data if isinstance(data, Mapping) else {}
        if self._programmatic(answer, [row], lambda _: name):
            return
        told = [
            (title, fact) for title, fact in lines if fact not in (None, "", [], {})
        ]
        width = max((len(title) for title, _ in told), default=0)
        for title, fact in told:
            click.echo(f"{title:<{width}}  {self.text(fact)}")

    def done(self, answer: Row, line: str, *, name: str) -> None:
        """Write what a command did."""
        if not self._programmatic(answer, [answer], lambda _: name) and not self.quiet:
            replayed = "   (recorded before)" if answer.get("replayed") else ""
            click.echo(
                f"{line}   rev {answer.get('rev')}   seq {answer.get('seq')}{replayed}"
            )

    def note(self, text: str) -> None:
        """Write a line for people that is no part of the answer."""
        if not self.quiet:
            click.echo(text, err=True)

    def text(self, value: object) -> str:
        """Write a value for people."""
        match value:
            case None | "":
                return "-"
            case bool():
                return "yes" if value else "no"
            case str():
                return self.people.get(value, value)
            case Mapping():
                return ", ".join(
                    f"{key}={self.text(part)}" for key, part in value.items()
                )
            case Iterable():
                return ", ".join(self.text(part) for part in value)
            case float():
                return f"{value:.6g}"
            case _:
                return str(value)

    def prose(self, text: object) -> str:
        """Write a sentence of the server's with the names of the people in it."""
        told = str(text or "")
        for principal, name in self.people.items():
            told = told.replace(principal, name)
        return told

    def time(self, value: object) -> str:
        """Write an instant in the chosen zone, to the second."""
        if not isinstance(value, str):
            return "-"
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            return value
        return f"{instant.astimezone(self.zone):%Y-%m-%d %H:%M:%S}"

    def is_for_programs(self) -> bool:
        """Tell whether a program reads what is written."""
        return self.form in {"json", "jsonl", "name"}

    def _cell(self, column: Column, row: Row) -> str:
        value = column.fill(row)
        return str(value) if column.plain else self.text(value)

    def _programmatic(
        self, answer: Row, rows: Sequence[Row], name: Callable[[Row], str]
    ) -> bool:
        match self.form:
            case "json" if self.fields:
                chosen = [choose(row, self.fields) for row in rows]
                is_list = isinstance(answer.get("data"), list)
                click.echo(dumps(chosen if is_list else chosen[0]))
            case "json":
                click.echo(dumps(answer))
            case "jsonl":
                for row in rows:
                    click.echo(dumps(choose(row, self.fields) if self.fields else row))
            case "name":
                for row in rows:
                    click.echo(name(row))
            case _:
                return False
        return True


def choose(row: Row, fields: Sequence[str]) -> dict[str, Any]:
    """Keep the named fields; one that is not there is a mistake of the caller."""
    unknown = [name for name in fields if name not in row]
    if unknown:
        raise click.UsageError(
            f"--json: no field {', '.join(unknown)}; there are {', '.join(sorted(row))}"
        )
    return {name: row[name] for name in fields}


def dumps(value: object) -> str:
    """Write JSON in one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def table(
    titles: Sequence[str],
    cells: Sequence[Sequence[str]],
    colours: Sequence[Sequence[str | None]] | None = None,
) -> list[str]:
    """Lay cells out in columns; nothing is cut."""
    widths = [
        max(len(row[index]) for row in [titles, *cells]) for index in range(len(titles))
    ]
    plain: Sequence[str | None] = [None] * len(titles)
    painted = [plain, *(colours or [plain] * len(cells))]
    return [
        "  ".join(map(_laid, row, widths, paints)).rstrip()
        for row, paints in zip([titles, *cells], painted, strict=True)
    ]


def _laid(cell: str, width: int, colour: str | None) -> str:
    laid = cell.ljust(width)
    return laid if colour is None else click.style(laid, fg=colour)
