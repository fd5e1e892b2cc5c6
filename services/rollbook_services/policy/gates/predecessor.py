"""Has the version proved itself in the stages before?"""

from datetime import datetime
from typing import ClassVar, Literal

from rollbook.catalogue.parts import GateStatus
from rollbook.names import GateName, StageName
from rollbook_services.policy.facts import Facts
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate


@gate
class Predecessor(GateSettings):
    """The version's latest outcome in `after` is a success that still stands."""

    kind: ClassVar[str] = "predecessor"
    id: GateName = GateName("predecessor")
    after: tuple[StageName, ...]
    mode: Literal["all", "any"] = "all"

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Look where the version has proved itself and was not rolled off since."""
        proven = facts.registered.proven_in
        missing = [stage for stage in self.after if stage not in proven]
        inputs = tuple(proven[stage] for stage in self.after if stage in proven)
        enough = not missing if self.mode == "all" else bool(inputs)
        if enough:
            where = ", ".join(stage for stage in self.after if stage in proven)
            return Answer(GateStatus.PASS, f"succeeded in {where}", inputs)
        what = f"promote version {facts.version} to {' and '.join(missing)}"
        return Answer(
            GateStatus.WAIT,
            f"has not succeeded in {', '.join(missing)}, or was rolled off there",
            inputs,
            changes_when=(Change(By.PIPELINE, what),),
        )
