"""Can the lane take a change now?"""

from datetime import datetime
from typing import ClassVar, Literal

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.names import GateName
from rollbook_services.policy.facts import Facts, LaneStatus
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
            ends = Change(By.TIME, f"promotion {lane.slot} ends")
            detail = f"promotion {lane.slot} changes {facts.stage} now"
            return Answer(GateStatus.WAIT, detail, changes_when=(ends,))
        unknown = lane.status is LaneStatus.INDETERMINATE
        if unknown and facts.kind is PromotionKind.FORWARD:
            names = ", ".join(lane.unreported)
            report = Change(
                By.RELEASE_MANAGER,
                prose(f"see that {names} reports, or apply once more what runs"),
                command=_redeploy(facts),
            )
            detail = prose(f"not known what runs on {names}")
            return Answer(GateStatus.WAIT, detail, changes_when=(report,))
        return Answer(GateStatus.PASS, f"{facts.stage} is {lane.status}")


def _redeploy(facts: Facts) -> str | None:
    if facts.champion is None:
        return None
    runs = f"{facts.model.name}@{facts.champion.version}"
    return f"rollbook promote {runs} --to {facts.stage} --redeploy -m …"
