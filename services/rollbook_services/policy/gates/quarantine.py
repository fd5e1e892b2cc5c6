"""Is the version barred from the stage?"""

from datetime import datetime
from typing import ClassVar, Literal

from rollbook.catalogue.parts import GateStatus
from rollbook.names import GateName
from rollbook_services.policy.facts import Facts
from rollbook_services.policy.gate import (
    Answer,
    Barred,
    By,
    Change,
    GateSettings,
    gate,
)


@gate
class Quarantine(GateSettings):
    """Always on: no quarantine covers the version in this stage."""

    is_binding: ClassVar[bool] = True
    kind: Literal["quarantine"] = "quarantine"
    id: GateName = GateName("quarantine")

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Say who barred the version, and why."""
        bar = facts.registered.bar
        if bar is None:
            return Answer(GateStatus.PASS, f"nothing bars it from {facts.stage}")
        return Answer(
            GateStatus.FAIL,
            f"barred from {facts.stage} by {', '.join(bar.by)}: {bar.reason}",
            (bar.event,),
            changes_when=(
                Change(
                    By.RELEASE_MANAGER,
                    "release it",
                    barred=tuple(Barred(who, "quarantined it") for who in bar.by),
                ),
            ),
        )
