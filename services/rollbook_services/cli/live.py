"""How does a roll-out look while somebody watches it in a terminal?

A picture is a pure function of what the server said and of the time; `Live` draws it
again several times a second.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from rollbook.client.progress import (
    measured,
    place_of,
    share_of,
    step_of,
    targets_of,
    waits_for,
)
from rollbook.reference import PromotionReference
from rollbook_services.cli.gates import name_of, why, word
from rollbook_services.cli.output import Output, Row
from rollbook_services.cli.targets import colour_of, desired, length, state

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

BAR: Final = 24
MOST_TARGETS: Final = 12
FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_MARKS: Final = {"applied": "✓", "failed": "✗", "errored": "✗", "drifted": "!"}
_GATES: Final = {"pass": ("✓", "green"), "WAIVED": ("✓", "yellow")}
_WORDS: Final = {"pass": ("✓", "green"), "fail": ("✗", "red")}
_STATES: Final = {
    "SUCCEEDED": "bold green",
    "PAUSED": "bold yellow",
    "FAILED": "bold red",
    "ERRORED": "bold red",
    "ABORTED": "bold red",
}
# Of many targets those come first that somebody would want to see.
_ORDER: Final = ("failed", "errored", "drifted", "acknowledged", "desired", "applied")


@contextmanager
def drawing(
    promotion: PromotionReference, output: Output
) -> Iterator[Callable[[Row], None]]:
    """Draw on stderr what the yielded function is told, until the context ends."""
    from rich.console import Console

    console = Console(stderr=True, no_color=not output.colour, highlight=False)
    with live(promotion, output, console, lambda: datetime.now(UTC)) as tell:  # noqa: TID251
        yield tell


@contextmanager
def live(
    promotion: PromotionReference,
    output: Output,
    console: "Console",
    now: Callable[[], datetime],
) -> Iterator[Callable[[Row], None]]:
    """Draw on any console; another thread than the one that tells draws it."""
    from rich.live import Live

    told: list[Row] = [{"state": "GATING"}]
    with Live(
        console=console,
        get_renderable=lambda: picture(promotion, told[-1], output, now()),
        refresh_per_second=8,
    ):

        def tell(found: Row) -> None:
            told[:] = [found]

        yield tell


def picture(
    promotion: PromotionReference, found: Row, output: Output, now: datetime
) -> "RenderableType":
    """Draw a promotion: its gates while it waits, then its targets and its step."""
    from rich.console import Group

    parts: list[RenderableType] = [_title(promotion, found)]
    if targets_of(found):
        parts.append(_targets(found, now))
        parts += list(_step(found, output, now))
        parts += list(_measured(found))
    else:
        parts += list(_gates(found, output))
    if waits_for(found):
        parts.append(_line("  waits for ", waits_for(found), "italic"))
    if str(found.get("state")).upper() == "PAUSED":
        parts.append(_line("  to go on  ", f"rollbook resume {promotion} -m …", "bold"))
    return Group(*parts)


def _title(promotion: PromotionReference, found: Row) -> "Text":
    from rich.text import Text

    state = str(found.get("state", "")).upper()
    title = Text(f"{promotion}", style="bold")
    if found.get("version") is not None:
        before = found.get("incumbent") or "nothing"
        title.append(
            f"   {promotion.model} {before} → {found['version']} in "
            f"{found.get('stage')}",
            style="none",
        )
    title.append(f"   {state.lower()}", style=_STATES.get(state, "bold cyan"))
    return title


def _targets(found: Row, now: datetime) -> "Table":
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    told = sorted(targets_of(found), key=_importance)
    shown = sorted(told[:MOST_TARGETS], key=lambda row: str(row["target"]))
    for target in shown:
        table.add_row(*_target(target, found.get("version"), now))
    left = len(told) - len(shown)
    if left:
        table.add_row("", f"and {left} more")
    return table


def _importance(target: Row) -> int:
    said = str(target.get("state"))
    return _ORDER.index(said) if said in _ORDER else 0


def _target(target: Row, version: object, now: datetime) -> list["RenderableType"]:
    from rich.text import Text

    said = str(target.get("state"))
    style = colour_of(said) or ""
    mark = _MARKS.get(said) or spinner(now)
    took = length(target.get("converged_ms")) if said == "applied" else ""
    return [
        Text(f"  {mark}", style=style),
        Text(str(target["target"])),
        bar(share_of(target, version)),
        Text(desired(target)),
        Text(state(target), style=style),
        Text(took, style="dim"),
        Text(_agents(target), style="yellow"),
    ]


def _agents(target: Row) -> str:
    """Say of an agent only what keeps it from its work."""
    for each in target.get("agents") or ():
        if each.get("state") == "lost":
            return "agent lost"
        if each.get("drained"):
            return "drained"
    return ""


def bar(share: int) -> "Text":
    """Draw which part of a target's traffic the new version has."""
    from rich.text import Text

    filled = round(BAR * share / 100)
    if share and not filled:
        filled = 1
    drawn = Text("█" * filled, style="green")
    drawn.append("░" * (BAR - filled), style="dim")
    return drawn


def spinner(now: datetime) -> str:
    """Return the frame of what goes on: another one each tenth of a second."""
    tenths = 10 * now.second + now.microsecond // 100_000
    return FRAMES[tenths % len(FRAMES)]


def _step(found: Row, output: Output, now: datetime) -> Iterator["Text"]:
    place, step = place_of(found), step_of(found) or {}
    if place is None:
        return
    told = [str(place)]
    if str(found.get("state")).upper() == "PAUSED":
        told.append("stands still")
    elif step.get("bake_until") and not found.get("ended_at"):
        told.append(f"bakes, {left(step['bake_until'], now)} left")
    elif step.get("step_by"):
        told.append(f"has until {output.time(step['step_by']).rpartition(' ')[2]}")
    yield _line("  ", ", ".join(told), "bold")


def left(until: str, now: datetime) -> str:
    """Write how much time is left: 12:31, or 1:02:05."""
    rest = max(datetime.fromisoformat(until) - now, timedelta(0))
    minutes, seconds = divmod(int(rest.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _measured(found: Row) -> Iterator["Text"]:
    from rich.text import Text

    for each in measured(found):
        mark, style = _WORDS.get(word(each), ("…", "yellow"))
        values: Mapping[str, Any] = each.get("values") or {}
        line = Text(f"  {mark} ", style=style)
        line.append(f"{name_of(each)} {values.get('value')}", style="none")
        line.append(f"   {each.get('detail')}   {each.get('samples')} samples", "dim")
        yield line


def _gates(found: Row, output: Output) -> Iterator["Text"]:
    from rich.text import Text

    for gate in found.get("gates") or ():
        mark, style = _GATES.get(word(gate), ("·", "yellow"))
        if word(gate) == "fail":
            mark, style = "✗", "red"
        line = Text(f"  {mark} {word(gate):<8}", style=style)
        line.append(f" {name_of(gate)}   {why(gate, output)}", style="none")
        yield line


def _line(before: str, told: str, style: str) -> "Text":
    from rich.text import Text

    line = Text(before, style="dim")
    line.append(told, style=style)
    return line
