"""Does somebody want automation away from the lane?"""

from datetime import datetime
from typing import ClassVar

from rollbook.catalogue.parts import GateStatus
from rollbook.names import GateName
from rollbook_services.policy.facts import Facts
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate


@gate
class HoldGate(GateSettings):
    """An automatic promotion waits while the lane is held; a person's does not."""

    kind: ClassVar[str] = "hold"
    id: GateName = GateName("hold")

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Say whose hold it is, and why."""
        hold = facts.lane.hold
        if hold is None or not hold.holds(as_of):
            return Answer(GateStatus.PASS, "the lane is not held")
        said = f"held by {hold.by}: {hold.reason}"
        if not facts.automatic:
            return Answer(
                GateStatus.PASS, f"asked for knowing it is {said}", (hold.id,)
            )
        release = Change(By.RELEASE_MANAGER, f"release hold {hold.id}")
        return Answer(GateStatus.WAIT, said, (hold.id,), changes_when=(release,))
