"""Has somebody closed the lane?"""

from datetime import datetime
from typing import ClassVar, Literal

from rollbook.catalogue.parts import GateStatus
from rollbook.names import GateName
from rollbook_services.policy.facts import Facts, Freeze
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate
from rollbook_services.policy.words import moment, prose


@gate
class FreezeGate(GateSettings):
    """No freeze closes the lane, but for the kinds of promotion it lets through."""

    is_enforced: ClassVar[bool] = True
    kind: Literal["freeze"] = "freeze"
    id: GateName = GateName("freeze")

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Say who declared which freeze, and why."""
        recheck_at = _next_edge(facts, as_of)
        closing = _closing(facts, as_of)
        if not closing:
            detail = f"{facts.stage} is not frozen"
            if any(each.is_closed(as_of) for each in facts.freezes):
                detail = f"the freeze lets a {facts.kind} through"
            return Answer(GateStatus.PASS, detail, recheck_at=recheck_at)
        return Answer(
            GateStatus.WAIT,
            prose("; ".join(_said(each) for each in closing)),
            tuple(each.id for each in closing),
            changes_when=tuple(c for each in closing for c in _changes(each)),
            recheck_at=recheck_at,
        )

    def is_waivable(self, facts: Facts, as_of: datetime) -> bool:
        """Tell whether everybody who froze the lane left that door open."""
        return all(each.waivable for each in _closing(facts, as_of))


def _next_edge(facts: Facts, as_of: datetime) -> datetime | None:
    """Return when one of those that matter next begins or ends."""
    minded = [each for each in facts.freezes if facts.kind not in each.exempt]
    edges = [edge for each in minded for edge in (each.from_at, each.until)]
    return min((edge for edge in edges if edge and edge > as_of), default=None)


def _closing(facts: Facts, as_of: datetime) -> list[Freeze]:
    return [
        each
        for each in facts.freezes
        if each.is_closed(as_of) and facts.kind not in each.exempt
    ]


def _said(freeze: Freeze) -> str:
    until = f" until {moment(freeze.until)}" if freeze.until is not None else ""
    return f"frozen{until} by {freeze.by}: {freeze.reason}"


def _changes(freeze: Freeze) -> list[Change]:
    command = f"rollbook freeze lift {freeze.id} -m …"
    lifted = Change(By.RELEASE_MANAGER, "lift the freeze", command=command)
    if freeze.until is None:
        return [lifted]
    return [Change(By.TIME, "the freeze ends", at=freeze.until), lifted]
