"""Were there too many changes lately?"""

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from rollbook.catalogue.parts import GateStatus
from rollbook.names import GateName
from rollbook_services.policy.facts import Facts
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate
from rollbook_services.policy.shape import Duration
from rollbook_services.policy.words import length

_LONGEST: Final = timedelta(days=366)


@gate
class Rate(GateSettings):
    """Fewer than `max` forward promotions were dispatched within `per`."""

    kind: Literal["rate"] = "rate"
    id: GateName = GateName("rate")
    max: Annotated[int, Field(ge=1, le=100)]
    """At most as many as a lane remembers."""
    per: Annotated[Duration, Field(gt=timedelta(0), le=_LONGEST)]

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Count back from an instant; rollbacks are not among what is counted."""
        counted = sorted(
            at for at in facts.lane.dispatched_at if as_of - self.per < at <= as_of
        )
        detail = f"{len(counted)} of at most {self.max} changes in {length(self.per)}"
        if len(counted) < self.max:
            return Answer(GateStatus.PASS, detail)
        # With as many too many, the last of them has to lie long enough back.
        frees_at = counted[len(counted) - self.max] + self.per
        change = Change(By.TIME, f"a change of {facts.stage} lies back", at=frees_at)
        return Answer(
            GateStatus.WAIT, detail, changes_when=(change,), recheck_at=frees_at
        )
