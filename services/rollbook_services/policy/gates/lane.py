"""Can the lane take a change now?"""

from datetime import datetime
from typing import ClassVar

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.names import GateName
from rollbook_services.policy.facts import Facts, LaneStatus
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate


@gate
class Lane(GateSettings):
    """Always on, and last: never a reason to hold anything up for people."""

    kind: ClassVar[str] = "lane"
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
            report = Change(By.RELEASE_MANAGER, f"see that {names} reports")
            detail = f"not known what runs on {names}"
            return Answer(GateStatus.WAIT, detail, changes_when=(report,))
        return Answer(GateStatus.PASS, f"{facts.stage} is {lane.status}")
