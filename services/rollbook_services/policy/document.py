"""What must be true before a version enters which stage?

The built-in policy. Its gates name no kinds of evidence, so a vote is bound to all
live records of the version: new or revoked evidence of any kind makes it void.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

from rollbook import canonical
from rollbook.catalogue.parts import PromotionKind
from rollbook.names import Digest, RoleName, StageName, TargetName
from rollbook_services.policy.gate import Gate
from rollbook_services.policy.gates.approvals import Approvals, Slot
from rollbook_services.policy.gates.artifact import Artifact
from rollbook_services.policy.gates.hold import HoldGate
from rollbook_services.policy.gates.lane import Lane
from rollbook_services.policy.gates.predecessor import Predecessor
from rollbook_services.policy.gates.quarantine import Quarantine

_FIRST: Final[tuple[Gate, ...]] = (Artifact(), Quarantine())
_LAST: Final[tuple[Gate, ...]] = (HoldGate(), Lane())
_OF_A_ROLLBACK: Final[tuple[Gate, ...]] = (Artifact(), Quarantine(), Lane())


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: where it is served, and what guards it."""

    name: StageName
    targets: tuple[TargetName, ...] = ()
    """None: the stage only keeps the record, nothing is deployed."""
    gates: tuple[Gate, ...] = ()

    def asked(self, kind: PromotionKind) -> tuple[Gate, ...]:
        """Return the gates of one kind of promotion, the lane last."""
        if kind is PromotionKind.ROLLBACK:
            return _OF_A_ROLLBACK
        return (*_FIRST, *self.gates, *_LAST)

    def approvals(self) -> tuple[Approvals, ...]:
        """Return the gates that ask people."""
        return tuple(each for each in self.gates if isinstance(each, Approvals))


@dataclass(frozen=True, slots=True)
class Policy:
    """The stages of a pipeline, in order."""

    name: str
    stages: tuple[Stage, ...]

    def stage(self, name: StageName) -> Stage | None:
        """Find a stage by its name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def names(self) -> list[StageName]:
        """Return the names of the stages, in order."""
        return [stage.name for stage in self.stages]


@cache
def stage_digest(stage: Stage) -> Digest:
    """Hash the resolved section of one stage: editing another voids no vote here."""
    section: dict[str, Any] = {
        "name": stage.name,
        "targets": list(stage.targets),
        "gates": [_written(each) for each in stage.asked(PromotionKind.FORWARD)],
    }
    return Digest(canonical.digest(section))


def _written(each: Gate) -> dict[str, Any]:
    settings = each.model_dump(mode="json") if isinstance(each, BaseModel) else {}
    return {"kind": each.kind, **settings}


DEVELOPMENT: Final = StageName("development")
STAGING: Final = StageName("staging")
PRODUCTION: Final = StageName("production")
DEFAULT_TARGET: Final = TargetName("default")
REVIEWER: Final = RoleName("reviewer")

BUILT_IN: Final = Policy(
    "built-in",
    (
        Stage(DEVELOPMENT),
        Stage(STAGING, (DEFAULT_TARGET,)),
        Stage(
            PRODUCTION,
            (DEFAULT_TARGET,),
            (Predecessor(after=(STAGING,)), Approvals(slots=(Slot(role=REVIEWER),))),
        ),
    ),
)
