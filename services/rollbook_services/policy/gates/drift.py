"""Does every target still run what is desired there, or did somebody accept it?"""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from rollbook.catalogue.parts import GateStatus
from rollbook.names import GateName
from rollbook_services.policy.facts import Drifted, Facts
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate
from rollbook_services.policy.words import moment, prose


@gate
class DriftGate(GateSettings):
    """On where a stage asks for acceptance; a rollback is never kept back by it."""

    kind: Literal["drift"] = "drift"
    id: GateName = GateName("drift")

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Name the targets that run something else, and that nobody has accepted."""
        drifts = facts.lane.drifts
        inputs = tuple(each.id for each in drifts)
        waited = [each for each in drifts if not each.is_accepted]
        if waited:
            return Answer(
                GateStatus.WAIT,
                prose("something else runs " + "; ".join(map(_where, waited))),
                inputs,
                changes_when=tuple(_changes(waited, facts)),
            )
        if drifts:
            names = ", ".join(each.target for each in drifts)
            detail = prose(f"something else runs on {names}, and that was accepted")
            return Answer(GateStatus.PASS, detail, inputs)
        return Answer(GateStatus.PASS, "nothing else is known to run on its targets")


def _where(drifted: Drifted) -> str:
    return f"on {drifted.target} since {moment(drifted.since)}"


def _changes(waited: list[Drifted], facts: Facts) -> Iterator[Change]:
    for each in waited:
        place = f"--stage {facts.stage} --target {each.target}"
        yield Change(
            By.RELEASE_MANAGER,
            prose(f"see that {each.target} runs what is desired, or accept its drift"),
            command=f"rollbook drift accept {facts.model.name} {place} -m …",
        )
