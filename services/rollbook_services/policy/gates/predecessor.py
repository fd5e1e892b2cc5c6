"""Has the version proved itself in the stages before?"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from rollbook.catalogue.parts import GateStatus
from rollbook.names import GateName, StageName
from rollbook_services.policy.facts import Facts
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate
from rollbook_services.policy.words import prose


@gate
class Predecessor(GateSettings):
    """The version's latest outcome in `after` is a success that still stands."""

    kind: Literal["predecessor"] = "predecessor"
    id: GateName = GateName("predecessor")
    after: Annotated[tuple[StageName, ...], Field(min_length=1)]
    need: Literal["all", "any"] = "all"
    still_live: bool = False
    """Whether it has to run there now."""

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Look where the version has proved itself and was not rolled off since."""
        missing = {
            stage: why
            for stage in self._asked(facts)
            if (why := self._missing(stage, facts)) is not None
        }
        met = [stage for stage in self._asked(facts) if stage not in missing]
        spared = "; ".join(_spared(facts, self.after))
        proven = facts.registered.proven_in
        inputs = tuple(proven[stage] for stage in self.after if stage in proven)
        if not missing or (met and self.need == "any"):
            what = "is live in" if self.still_live else "succeeded in"
            said = f"{what} {', '.join(met)}" if met else ""
            told = "; ".join(filter(None, (said, spared)))
            return Answer(GateStatus.PASS, prose(told), inputs)
        return Answer(
            GateStatus.WAIT,
            prose("; ".join(missing.values())),
            inputs,
            changes_when=tuple(_promoted(stage, facts) for stage in missing),
        )

    def _asked(self, facts: Facts) -> list[StageName]:
        """Leave out where nothing could be shown; that stands in for no other stage."""
        return [stage for stage in self.after if stage not in facts.incomparable]

    def _missing(self, stage: StageName, facts: Facts) -> str | None:
        if stage not in facts.registered.proven_in:
            return f"has not succeeded in {stage}, or was rolled off there"
        if self.still_live and stage not in facts.live_in:
            return f"succeeded in {stage}, but is not what runs there now"
        return None


def _spared(facts: Facts, after: Iterable[StageName]) -> Iterator[str]:
    for stage in after:
        parent = facts.incomparable.get(stage)
        if parent is not None:
            yield (
                f"{stage} counts as passed: nothing else is stable in {parent} to "
                "compare it with"
            )


def _promoted(stage: StageName, facts: Facts) -> Change:
    asked = f"{facts.model.name}@{facts.version}"
    return Change(
        By.PIPELINE,
        f"promote version {facts.version} to {stage}",
        command=f"rollbook promote {asked} --to {stage} -m …",
    )
