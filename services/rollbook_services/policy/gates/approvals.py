"""Have the right people said yes to exactly this?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from rollbook.catalogue.parts import GateStatus
from rollbook.names import GateName, Principal, RoleName
from rollbook_services.policy.facts import Facts, Vote
from rollbook_services.policy.gate import (
    Answer,
    Barred,
    By,
    Change,
    GateSettings,
    gate,
)
from rollbook_services.policy.quorum import (
    Yes,
    able,
    barred,
    counting,
    fill,
    lapses_at,
    live,
    who_would_help,
)
from rollbook_services.policy.shape import Duration, Shape
from rollbook_services.policy.words import line, prose

_LONGEST: Final = timedelta(days=366)


class Slot(Shape):
    """So many people with one role."""

    role: RoleName
    count: Annotated[int, Field(ge=1, le=20)] = 1


class Rejections(Shape):
    """So many people have to say no before that ends a promotion."""

    count: Annotated[int, Field(ge=1, le=100)]


@gate
class Approvals(GateSettings):
    """Distinct people fill every slot; none of them asked for it or made it."""

    kind: Literal["approvals"] = "approvals"
    id: GateName = GateName("sign-off")
    slots: Annotated[tuple[Slot, ...], Field(min_length=1, max_length=20)]
    reject: Literal["any"] | Rejections = "any"
    """How many people who could fill a slot end it by their no."""
    valid_for: Annotated[Duration, Field(gt=timedelta(0), le=_LONGEST)] | None = None
    """How long a vote counts; None: as long as its binding holds."""
    opens: Literal["evidence", "request"] = "evidence"
    """When people are asked: once the facts are in, or at once."""
    survive_rebase: bool = False
    """Whether a vote is about the version, whatever runs there now."""

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Match the people whose votes count now to the slots."""
        seats, filled = self.seats(), self.filled(facts, as_of)
        left = [role for at, role in enumerate(seats) if at not in filled]
        inputs = tuple(vote.id for _, vote in sorted(filled.items()))
        detail = f"{len(filled)} of {len(seats)} slots filled"
        recheck_at = lapses_at(facts, self.id, as_of)
        if not left:
            return Answer(GateStatus.PASS, detail, inputs, recheck_at=recheck_at)
        return Answer(
            GateStatus.WAIT,
            prose(f"{detail}; waiting for {_counted(left)}"),
            inputs,
            values={"roles": line(",".join(sorted(set(left))))},
            changes_when=(self._change(facts, left, as_of),),
            recheck_at=recheck_at,
        )

    @property
    def noes_needed(self) -> int:
        """Return how many people have to say no."""
        return 1 if self.reject == "any" else self.reject.count

    def seats(self) -> list[RoleName]:
        """Return the role of each single seat."""
        return [slot.role for slot in self.slots for _ in range(slot.count)]

    def filled(self, facts: Facts, as_of: datetime) -> dict[int, Vote]:
        """Return whose vote fills which seat now."""
        seats, yes = self.seats(), live(facts, self.id, as_of)
        return {at: yes[who][seats[at]] for at, who in fill(seats, yes).items()}

    def _change(
        self, facts: Facts, left: Sequence[RoleName], as_of: datetime
    ) -> Change:
        seats, no = self.seats(), self._may_not(facts, as_of)
        could = able(facts, seats)
        yes: Mapping[Principal, Yes] = live(facts, self.id, as_of)
        others = {
            who: roles
            for who, roles in could.items()
            if who not in no and who not in yes
        }
        return Change(
            By.PERSON,
            f"approve as {_counted(left)}",
            who=tuple(who_would_help(seats, yes, others)),
            barred=tuple(Barred(who, no[who]) for who in sorted(could.keys() & no)),
            command=_command(facts),
        )

    def _may_not(self, facts: Facts, as_of: datetime) -> dict[Principal, str]:
        """Say who may not vote here, and why: one person counts once."""
        counted = counting(facts, as_of).items()
        voted = {who: f"voted at {at}" for who, (at, _) in counted if at != self.id}
        return voted | barred(facts)


def _command(facts: Facts) -> str | None:
    if facts.promotion is None:
        return None
    return f"rollbook approve {facts.model.name}:{facts.promotion} -m …"


def _counted(roles: Sequence[RoleName]) -> str:
    return " and ".join(
        f"{count} {role}" if count > 1 else f"one {role}"
        for role, count in Counter(roles).items()
    )
