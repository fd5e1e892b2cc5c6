"""What does a decision rest on: all that was read for it, as it was then?"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from rollbook.envelope import Stamp
from rollbook.event import Event
from rollbook.names import CommandId, ModelName
from rollbook.refusals import Refusal
from rollbook.subjects import ACCESS, CALENDAR, FLEET, POLICIES, Aggregate
from rollbook_services.registrar.cache import Cache
from rollbook_services.registrar.deciding import Outcome
from rollbook_services.registrar.decision import Decided, Refused, stamp_of
from rollbook_services.registrar.folded import Folded
from rollbook_services.registrar.governing import Around
from rollbook_services.registrar.state import Answered, Model
from rollbook_services.registrar.surroundings import Access, Calendar, Fleet, Policies
from rollbook_services.registrar.writing import Part


@dataclass(frozen=True, slots=True)
class Basis:
    """One aggregate and what lies around it; with a bundle, its members too."""

    own: Folded
    access: Folded
    policies: Folded
    calendar: Folded
    fleet: Folded
    members: tuple[Folded, ...] = ()

    @property
    def around(self) -> Around:
        """Return what lies around, for the rules."""
        return Around(
            cast("Access", self.access.state),
            cast("Policies", self.policies.state),
            cast("Calendar", self.calendar.state),
            cast("Fleet", self.fleet.state),
        )

    @property
    def models(self) -> Mapping[ModelName, Model]:
        """Return the members, for the rules."""
        states = [cast("Model", each.state) for each in self.members]
        return {each.name: each for each in states}

    def answers(self, id_: CommandId) -> list[tuple[Aggregate, Answered]]:
        """Say where a command left events, its own aggregate first."""
        return [
            (each.aggregate, answered)
            for each in (self.own, *self.members)
            if (answered := each.state.commands.get(id_)) is not None
        ]

    def not_before(self) -> datetime:
        """Return the earliest time a decision may have.

        Time never runs backwards in a history, nor from a freeze to what it stops.
        """
        written = (self.own, *self.members)
        return max(each.last_at for each in (*written, self.calendar))

    async def is_newest(self, cache: Cache) -> bool:
        """Tell whether the ledger's leader has nothing newer than what was read."""
        small = (self.access, self.policies, self.calendar, self.fleet)
        read = (self.own, *small, *self.members)
        each_once = {folded.aggregate: folded for folded in read}
        fresh = await asyncio.gather(*map(cache.refresh, each_once))
        return all(
            folded.sequence == each_once[folded.aggregate].sequence for folded in fresh
        )

    def parts(self, decided: Outcome, stamp: Stamp) -> list[Part]:
        """Split what was decided by aggregate, the command's own first."""
        match decided:
            case Refusal():
                return []
            case Refused(events=events):
                return self._of_own(events, stamp)
            case Decided(events=events):
                return self._of_each(events, stamp)
            case _:
                return self._of_own(decided, stamp)

    def _of_own(self, events: Sequence[Event], stamp: Stamp) -> list[Part]:
        return [Part(self.own, stamp, events)] if events else []

    def _of_each(
        self, events: Sequence[tuple[Aggregate, Event]], stamp: Stamp
    ) -> list[Part]:
        read = {each.aggregate: each for each in (self.own, *self.members)}
        by_aggregate: dict[Aggregate, list[Event]] = {each: [] for each in read}
        for aggregate, event in events:
            by_aggregate[aggregate].append(event)  # of what was read, and nothing else
        return [
            Part(
                read[aggregate],
                stamp
                if aggregate == self.own.aggregate
                else stamp_of(stamp, aggregate),
                own,
            )
            for aggregate, own in by_aggregate.items()
            if own
        ]


async def basis_of(
    cache: Cache, own: Folded, members: tuple[Folded, ...] = ()
) -> Basis:
    """Add what lies around, as far as it is known here, without asking the ledger."""
    return Basis(
        own,
        await cache.load(ACCESS),
        await cache.load(POLICIES),
        await cache.load(CALENDAR),
        await cache.load(FLEET),
        members,
    )
