"""Can the lane take a change now?"""

from datetime import datetime
from typing import ClassVar, Literal

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.names import GateName, PromotionId, StageName
from rollbook_services.policy.facts import Facts, LaneStatus, Parent
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate
from rollbook_services.policy.words import prose


@gate
class Lane(GateSettings):
    """Always on, and last: never a reason to hold anything up for people."""

    is_binding: ClassVar[bool] = True
    kind: Literal["lane"] = "lane"
    id: GateName = GateName("lane")

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Ask for a free slot, and where something new comes for known targets."""
        lane = facts.lane
        if lane.slot is not None:
            return _moves(lane.slot, facts.stage)
        if facts.parent is not None:
            return _beside(facts.parent, facts)
        unknown = lane.status is LaneStatus.INDETERMINATE
        if unknown and facts.kind is PromotionKind.FORWARD:
            names = ", ".join(lane.unreported)
            report = Change(
                By.RELEASE_MANAGER,
                prose(f"see that {names} reports, drain its agent, or redeploy"),
                command=_redeploy(facts),
            )
            detail = prose(f"not known what runs on {names}")
            return Answer(GateStatus.WAIT, detail, changes_when=(report,))
        return Answer(GateStatus.PASS, f"{facts.stage} is {lane.status}")


def _moves(slot: PromotionId, stage: StageName) -> Answer:
    ends = Change(By.TIME, f"promotion {slot} ends")
    detail = f"promotion {slot} changes {stage} now"
    return Answer(GateStatus.WAIT, detail, changes_when=(ends,))


def _beside(parent: Parent, facts: Facts) -> Answer:
    """Ask for something that a version can be compared with, and that stays."""
    if parent.slot is not None:
        return _moves(parent.slot, parent.stage)
    if parent.stable in (None, facts.version):
        return _nothing_to_compare_with(parent, facts)
    if not parent.is_settled:
        runs = f"version {parent.stable}"
        what = prose(f"go back to {runs} in {parent.stage}, or promote another there")
        back = f"rollbook rollback {facts.model.name} --stage {parent.stage} -m …"
        mend = Change(By.RELEASE_MANAGER, what, command=back)
        detail = f"not {runs} alone is what should run in {parent.stage}"
        return Answer(GateStatus.WAIT, prose(detail), changes_when=(mend,))
    if parent.is_crowded:
        ends = Change(By.TIME, prose(f"one that runs beside {parent.stage} ends"))
        detail = f"its share would leave {parent.stage} nothing to answer"
        return Answer(GateStatus.WAIT, prose(detail), changes_when=(ends,))
    detail = f"{facts.stage} is free, and {parent.stage} runs version {parent.stable}"
    return Answer(GateStatus.PASS, prose(detail))


def _nothing_to_compare_with(parent: Parent, facts: Facts) -> Answer:
    detail = f"nothing is stable in {parent.stage} that it could be compared with"
    if parent.stable is not None:
        detail = f"version {parent.stable} is what {parent.stage} runs itself"
    promoted = Change(
        By.PIPELINE, prose(f"another version proves itself in {parent.stage}")
    )
    return Answer(GateStatus.WAIT, prose(detail), changes_when=(promoted,))


def _redeploy(facts: Facts) -> str | None:
    if facts.champion is None:
        return None
    runs = f"{facts.model.name}@{facts.champion.version}"
    return f"rollbook promote {runs} --to {facts.stage} --redeploy -m …"
