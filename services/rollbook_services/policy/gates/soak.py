"""Has the version been stable long enough?"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from rollbook.catalogue.parts import GateStatus
from rollbook.names import GateName, StageName
from rollbook_services.policy.facts import Facts, Stay
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate
from rollbook_services.policy.shape import Duration
from rollbook_services.policy.words import length

_LONGEST: Final = timedelta(days=366)


@gate
class Soak(GateSettings):
    """The version was stable in another stage for some time, without a break."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["soak"] = "soak"
    id: GateName = GateName("soak")
    stage: Annotated[StageName, Field(alias="in")]
    lasts: Annotated[Duration, Field(alias="for", gt=timedelta(0), le=_LONGEST)]

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Measure the longest stay at an instant; nothing is counted along."""
        stays = list(_unbroken(facts, self.stage))
        longest = max((_age(each, as_of) for each in stays), default=timedelta(0))
        detail = f"{length(longest)} of {length(self.lasts)} in {self.stage}"
        proof = facts.registered.proven_in.get(self.stage)
        inputs = (proof,) if proof is not None else ()
        if longest >= self.lasts:
            return Answer(GateStatus.PASS, detail, inputs)
        ends = (each.since + self.lasts for each in stays if self._can_reach(each))
        ends_at = min((end for end in ends if end > as_of), default=None)
        change = self._begins(facts)
        if ends_at is not None:
            change = Change(By.TIME, f"the soak in {self.stage} ends", at=ends_at)
        return Answer(
            GateStatus.WAIT, detail, inputs, changes_when=(change,), recheck_at=ends_at
        )

    def _can_reach(self, stay: Stay) -> bool:
        return stay.until is None or stay.until - stay.since >= self.lasts

    def _begins(self, facts: Facts) -> Change:
        asked = f"{facts.model.name}@{facts.version}"
        return Change(
            By.PIPELINE,
            f"promote version {facts.version} to {self.stage}; the soak begins with "
            "its success",
            command=f"rollbook promote {asked} --to {self.stage} -m …",
        )


def _unbroken(facts: Facts, stage: StageName) -> Iterator[Stay]:
    """Return the version's stays; one that goes on where another ended is the same."""
    going: Stay | None = None
    for each in facts.stays.get(stage, ()):
        is_same = each.version == facts.version
        if is_same and going is not None and going.until == each.since:
            going = replace(going, until=each.until)
            continue
        if going is not None:
            yield going
        going = each if is_same else None
    if going is not None:
        yield going


def _age(stay: Stay, as_of: datetime) -> timedelta:
    until = as_of if stay.until is None else min(stay.until, as_of)
    return max(until - stay.since, timedelta(0))
