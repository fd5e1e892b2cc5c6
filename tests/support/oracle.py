"""What must be true of an installation once the faults are over?

What was answered is in the ledger, once and as it was answered; what was refused is
not; the rules hold at every prefix; and every view equals a replay, byte by byte.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, cast

from sqlalchemy import Connection

from rollbook import codec
from rollbook.catalogue.lane import DesiredSet
from rollbook.catalogue.model import ModelEvent
from rollbook.commands.wire import Done
from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook.ledger.protocol import Ledger
from rollbook.proof.validity import Accepted, Chain, check
from rollbook.subjects import model_name
from rollbook_projections import checkpoint
from rollbook_projections.compare import compare
from rollbook_projections.stage.queries.interval import intervals
from rollbook_projections.stage.queries.promotion import promotions
from rollbook_projections.stage.queries.version import versions
from rollbook_projections.view import View
from rollbook_services.gateway.gateway import Source
from rollbook_services.registrar.hindsight.recompute import recompute
from tests.services.invariants.surroundings import Surroundings
from tests.services.invariants.watch import Watch
from tests.support.settling import Settled

REST_SECONDS: Final = 90
LOOK_AGAIN_SECONDS: Final = 0.05


@dataclass(slots=True)
class History:
    """All that the ledger holds, as validity reads it."""

    recorded: list[Envelope[Event]] = field(default_factory=list)
    strange: dict[int, str] = field(default_factory=dict)
    """Messages without effect: sequence and reason."""

    def of_command(self) -> dict[str, list[Envelope[Event]]]:
        found: defaultdict[str, list[Envelope[Event]]] = defaultdict(list)
        for each in self.recorded:
            found[each.command_id].append(each)
        return found

    def names(self) -> list[str]:
        """Name what happened, in order."""
        return [each.event.recorded_as for each in self.recorded]


async def history(ledger: Ledger) -> History:
    """Read the whole ledger and judge each message."""
    chain, found = Chain(), History()
    async for batch in ledger.replay():
        for message in batch:
            verdict = check(message.body, message.subject, message.sequence, chain)
            if isinstance(verdict, Accepted):
                chain.accept(verdict)
                envelope = codec.read(verdict.raw, message.body, message.sequence)
                found.recorded.append(envelope)
            else:
                found.strange[message.sequence] = verdict.reason
    return found


async def at_rest(sources: Iterable[Source]) -> int:
    """Wait until every promotion has ended and every view shows it; return the end."""
    views = {each.projection.name: each for each in sources}
    seen: Any = None
    try:
        async with asyncio.timeout(REST_SECONDS):
            while True:
                before, seen = seen, await _standing(views)
                head, positions, still_open = seen
                is_done = not still_open and set(positions.values()) == {head}
                if is_done and seen == before:
                    return int(head)
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    except TimeoutError:
        raise AssertionError(f"no rest: head, positions, open = {seen}") from None


async def _standing(views: dict[str, Source]) -> tuple[int, dict[str, int], list[Any]]:
    def position(connection: Connection) -> int:
        place = checkpoint.place(connection)
        return place[1] if place else 0

    def still_open(connection: Connection) -> list[Any]:
        found = promotions(View(connection), open_only=True, limit=5)
        return [(each["model"], each["promotion"], each["state"]) for each in found]

    head = await views["audit"].ledger.head()
    positions = {
        name: await view.database.read(position) for name, view in views.items()
    }
    return head, positions, await views["stage"].database.read(still_open)


def assert_recorded_once(told: Iterable[Settled], found: History) -> None:
    """Nothing acknowledged is missing, nothing refused is there, nothing twice."""
    assert not found.strange
    by_command = found.of_command()
    for each in told:
        kept = by_command.get(each.request.id, [])
        if not isinstance(each.answer, Done):
            assert not kept, f"{each.request.id} was refused, and recorded"
            continue
        answered = [(event["id"], event["sequence"]) for event in each.answer.events]
        assert [(event.id, event.sequence) for event in kept] == answered, (
            f"{each.request.id} was answered otherwise than it is recorded"
        )
    for id_, kept in by_command.items():
        _assert_one_decision(id_, kept)


def _assert_one_decision(id_: str, kept: Sequence[Envelope[Event]]) -> None:
    """A command decided twice would leave two runs of events.

    One about a bundle changes several aggregates, each with revisions of its own.
    """
    for one, next_ in pairwise(kept):
        assert next_.sequence == one.sequence + 1, f"{id_} had its effect twice"
        if next_.aggregate == one.aggregate:
            assert next_.rev == one.rev + 1, f"{id_} had its effect twice"


def assert_rules_held(found: History) -> None:
    """The invariants of promotion.md §8 hold at every prefix of the ledger."""
    around = Surroundings()
    watches: defaultdict[str, Watch] = defaultdict(lambda: Watch(around))
    for each in found.recorded:
        if model_name(each.aggregate) is None:
            around.see(each)
        else:
            watches[each.aggregate].see(cast("Envelope[ModelEvent]", each))
    for watch in watches.values():
        watch.at_rest()


def assert_recomputed(found: History) -> None:
    """Every decision follows again from what lay before it in the ledger alone."""
    report = recompute(found.recorded)
    assert not report.disagreements, report.disagreements
    assert (report.agreed, report.not_comparable) == (report.decisions, 0)


def desired_of(found: History, stage: str) -> dict[str, DesiredSet]:
    """Return what was desired last of each model in a stage."""
    last = {}
    for each in found.recorded:
        if isinstance(each.event, DesiredSet) and each.event.stage == stage:
            last[str(model_name(each.aggregate))] = each.event
    return last


async def assert_views_equal_replay(sources: Iterable[Source], *, head: int) -> None:
    """Each view holds what a fresh replay of all events gives, byte by byte."""
    for each in sources:
        found = await compare(each.projection, each.database, each.ledger)
        assert found.is_equal, (each.projection.name, found.difference)
        assert found.position == head


async def assert_intervals_whole(stage: Source, models: Iterable[str]) -> None:
    """What was stable from when to when has neither gap nor overlap."""
    for model in models:
        rows = await stage.database.read(_intervals, model)
        lanes: defaultdict[str, list[Any]] = defaultdict(list)
        for row in rows:
            lanes[row["stage"]].append(row)
        for lane in lanes.values():
            assert lane[-1]["until_seq"] is None, lane[-1]
            for one, next_ in pairwise(lane):
                assert one["until_seq"] == next_["from_seq"], (one, next_)
                assert one["until_at"] == next_["from_at"], (one, next_)


async def assert_versions(stage: Source, wanted: dict[Any, int]) -> None:
    """As many versions as were acknowledged, numbered from 1 without a gap."""
    for model, count in wanted.items():
        rows = await stage.database.read(_versions, model)
        assert sorted(row["version"] for row in rows) == list(range(1, count + 1))


def _intervals(connection: Connection, model: str) -> list[dict[str, Any]]:
    return intervals(View(connection), model)


def _versions(connection: Connection, model: str) -> list[dict[str, Any]]:
    return versions(View(connection), model)
