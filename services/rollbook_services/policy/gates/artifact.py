"""Is the version still what was asked for, and not retired?"""

from datetime import datetime
from typing import ClassVar, Literal

from rollbook.catalogue.parts import GateStatus
from rollbook.names import GateName
from rollbook_services.policy.facts import Facts, VersionStatus
from rollbook_services.policy.gate import Answer, By, Change, GateSettings, gate


@gate
class Artifact(GateSettings):
    """Always on: the bytes are those of the request, and the version not retired."""

    is_binding: ClassVar[bool] = True
    kind: Literal["artifact"] = "artifact"
    id: GateName = GateName("artifact")

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Compare digest and status; a deprecated version may still be chosen."""
        registered, asked = facts.registered, facts.bound.digest
        inputs = (registered.event,)
        another = Change(By.PIPELINE, "ask for another version")
        if registered.digest != asked:
            detail = f"the version is {registered.digest}, asked for was {asked}"
            return Answer(GateStatus.FAIL, detail, inputs, changes_when=(another,))
        if registered.status is VersionStatus.RETIRED:
            detail = f"version {facts.version} is retired"
            return Answer(GateStatus.FAIL, detail, inputs, changes_when=(another,))
        detail = f"version {facts.version} is {registered.status}, digest as asked for"
        return Answer(GateStatus.PASS, detail, inputs)
