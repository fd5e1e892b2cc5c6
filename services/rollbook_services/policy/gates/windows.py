"""Is this a time for changes?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from rollbook.catalogue.parts import GateStatus
from rollbook.names import GateName
from rollbook_services.policy.facts import Facts
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate
from rollbook_services.policy.window import Window, is_open, next_edge
from rollbook_services.policy.words import moment, prose

_EDGES_LOOKED_AT: Final = 64  # to tell people when it opens; then: when to ask again


@gate
class Windows(GateSettings):
    """Deny beats allow; where there is an allow window, one must be open."""

    kind: Literal["windows"] = "windows"
    id: GateName = GateName("windows")
    windows: tuple[Window, ...]

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Ask each window; none of them minds which version comes."""
        inside = [each for each in self.windows if is_open(each, as_of)]
        said = {
            each.name: f"{each.kind}, {'open' if each in inside else 'shut'}"
            for each in self.windows
        }
        edge, closed = self.next_edge(as_of), _closed(self.windows, inside)
        if closed is None:
            detail = f"inside {_named(inside)}" if inside else "no window is against it"
            return Answer(GateStatus.PASS, prose(detail), values=said, recheck_at=edge)
        opens_at = self._opens_at(as_of)
        if opens_at is not None:
            closed = f"{closed}; next open at {moment(opens_at)}"
        return Answer(
            GateStatus.WAIT,
            prose(closed),
            values=said,
            changes_when=_changes(opens_at or edge, self.windows),
            recheck_at=edge,
        )

    def next_edge(self, as_of: datetime) -> datetime | None:
        """Return the next instant at which one of its windows opens or shuts."""
        edges = (next_edge(each, as_of) for each in self.windows)
        return min((edge for edge in edges if edge is not None), default=None)

    def turns_at(self, as_of: datetime) -> datetime | None:
        """Return when they next close a lane that is open now, or open a closed one."""
        was_open, edge = self._is_open(as_of), self.next_edge(as_of)
        for _ in range(_EDGES_LOOKED_AT):
            if edge is None or self._is_open(edge) is not was_open:
                break
            edge = self.next_edge(edge)
        return edge

    def _is_open(self, as_of: datetime) -> bool:
        inside = [each for each in self.windows if is_open(each, as_of)]
        return _closed(self.windows, inside) is None

    def _opens_at(self, as_of: datetime) -> datetime | None:
        """Walk from edge to edge until no window is against it."""
        edge = self.next_edge(as_of)
        for _ in range(_EDGES_LOOKED_AT):
            if edge is None:
                return None
            if self._is_open(edge):
                return edge
            edge = self.next_edge(edge)
        return None


def _closed(windows: Sequence[Window], inside: Sequence[Window]) -> str | None:
    """Say why this is no time for changes; None: it is one."""
    denying = [each for each in inside if each.kind == "deny"]
    if denying:
        return f"closed by {_named(denying)}"
    allowing = [each for each in windows if each.kind == "allow"]
    if allowing and not inside:
        return f"outside {_named(allowing)}"
    return None


def _changes(at: datetime | None, windows: Sequence[Window]) -> tuple[Change, ...]:
    if at is None:
        never = f"change the windows: {_named(windows)} never let anything through"
        return (Change(By.RELEASE_MANAGER, prose(never)),)
    return (Change(By.TIME, "the windows let changes through", at=at),)


def _named(windows: Sequence[Window]) -> str:
    return " and ".join(each.name for each in windows)
