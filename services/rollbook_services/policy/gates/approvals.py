"""Have the right people said yes to exactly this?"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from pydantic import Field

from rollbook.catalogue.parts import GateStatus, Part
from rollbook.names import Count, GateName, Principal, RoleName
from rollbook_services.policy.facts import Facts, Vote
from rollbook_services.policy.gate import (
    Answer,
    Barred,
    By,
    Change,
    GateSettings,
    gate,
)
from rollbook_services.policy.quorum import fill, live


class Slot(Part):
    """So many people with one role."""

    role: RoleName
    count: Count = 1


@gate
class Approvals(GateSettings):
    """Distinct people fill every slot; none of them asked for it or made it."""

    kind: ClassVar[str] = "approvals"
    id: GateName = GateName("sign-off")
    slots: tuple[Slot, ...] = Field(min_length=1)
    valid_for_seconds: int | None = None
    """How long a vote counts; None: as long as its binding holds."""

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Match the votes that count now to the slots."""
        roles, filled = self.seats(), self.filled(facts, as_of)
        inputs = tuple(vote.id for _, vote in sorted(filled.items()))
        detail = f"{len(filled)} of {len(roles)} slots filled"
        if len(filled) == len(roles):
            return Answer(GateStatus.PASS, detail, inputs)
        left = [role for at, role in enumerate(roles) if at not in filled]
        return Answer(
            GateStatus.WAIT,
            f"{detail}; waiting for {_counted(left)}",
            inputs,
            values={"roles": ",".join(sorted(set(left)))},
            changes_when=(self._change(facts, left, filled),),
        )

    def seats(self) -> list[RoleName]:
        """Return the role of each single seat."""
        return [slot.role for slot in self.slots for _ in range(slot.count)]

    def filled(self, facts: Facts, as_of: datetime) -> dict[int, Vote]:
        """Return who fills which seat now."""
        votes = live(
            [vote for vote in facts.votes if vote.gate == self.id],
            present=facts.binding,
            barred=barred(facts),
            holders=facts.holders,
            as_of=as_of,
        )
        return fill(self.seats(), votes, facts.holders)

    def _change(
        self, facts: Facts, left: list[RoleName], filled: Mapping[int, Vote]
    ) -> Change:
        able = {who for who, roles in facts.holders.items() if roles.intersection(left)}
        able -= {vote.who for vote in filled.values()}
        no = barred(facts)
        return Change(
            By.PERSON,
            f"approve as {_counted(left)}",
            who=tuple(sorted(able - no.keys())),
            barred=tuple(Barred(who, no[who]) for who in sorted(able & no.keys())),
        )


def barred(facts: Facts) -> dict[Principal, str]:
    """Say who may not vote, and which relation bars them."""
    return {
        facts.registered.producer: "producer",
        facts.requester: "requester",
    }


def _counted(roles: list[RoleName]) -> str:
    return " and ".join(
        f"{count} {role}" if count > 1 else f"one {role}"
        for role, count in Counter(roles).items()
    )
