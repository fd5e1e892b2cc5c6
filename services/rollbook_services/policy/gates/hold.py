"""Does somebody want automation away from the lane?"""

from datetime import datetime
from typing import ClassVar, Literal

from rollbook.catalogue.parts import GateStatus
from rollbook.names import GateName
from rollbook_services.policy.facts import Facts, Hold
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate
from rollbook_services.policy.words import prose


@gate
class HoldGate(GateSettings):
    """An automatic promotion waits while the lane is held; a person's does not."""

    is_enforced: ClassVar[bool] = True
    kind: Literal["hold"] = "hold"
    id: GateName = GateName("hold")

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Say whose hold it is, and why."""
        hold = facts.lane.hold
        if hold is None or not hold.holds(as_of):
            return Answer(GateStatus.PASS, "the lane is not held")
        if hold.by_promotion is not None and hold.by_promotion == facts.promotion:
            return Answer(GateStatus.PASS, "it holds the lane itself", (hold.id,))
        said = f"held by {hold.by}: {hold.reason}"
        if not facts.automatic:
            detail = prose(f"asked for by a person, although {said}")
            return Answer(GateStatus.PASS, detail, (hold.id,))
        return Answer(
            GateStatus.WAIT,
            prose(said),
            (hold.id,),
            changes_when=tuple(_changes(hold, facts)),
            recheck_at=hold.until,
        )


def _changes(hold: Hold, facts: Facts) -> list[Change]:
    command = f"rollbook unhold {facts.model.name}#{facts.stage} -m …"
    released = Change(By.RELEASE_MANAGER, "release the hold", command=command)
    if hold.until is None:
        return [released]
    return [Change(By.TIME, "the hold ends", at=hold.until), released]
