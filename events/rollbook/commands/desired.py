"""How do desired documents, hints and leases look between two processes?"""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from rollbook import subjects
from rollbook.names import Count, Line, ModelName, StageName, TargetName

# A session that asks for the keys and holds no lease, as a dry run does.
ONLY_LOOKS: Final = "-"


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Document(_Wire):
    """The value of one key: the event, and what a reader may want to know of it."""

    event: str
    """Base64 of the exact stored bytes of the signed `lane.desired_set`."""
    model: ModelName
    sequence: Count
    written_for: Line
    """`<stage>/<target>`."""


class Wake(_Wire):
    """A hint that a key has a new document; it carries no order."""

    key: Line
    revision: Count


class LeaseRequest(_Wire):
    """An agent asks which keys are its own."""

    stage: StageName
    target: TargetName
    session: Line = ONLY_LOOKS
    """Whose lease it is: one agent with one memory, also after its restart."""


class Lease(_Wire):
    """Every key of the target with the revision of its lane."""

    status: Literal["lease"] = "lease"
    keys: dict[str, Count] = Field(default_factory=dict)
    is_drained: bool = False
    """Whether the agent should keep what it serves and begin nothing."""
    renew_seconds: float = 15.0
    """Ask again after so long: three times as long without a word means lost."""


@dataclass(frozen=True, slots=True)
class Target:
    """One place where one model is served for a stage."""

    stage: StageName
    target: TargetName
    model: ModelName


def key_of(target: Target, lane: StageName | None = None) -> str:
    """Spell a target's key; nats-py refuses `%` in keys, so `=` stands for it.

    `lane` is the stage of a lane that runs beside the target's own: its key lies under
    the target too, where the target's agent may read it.
    """
    aggregate = subjects.model(target.model).removeprefix("model.")
    tokens = [subjects.token(target.stage), subjects.token(target.target), aggregate]
    if lane is not None and lane != target.stage:
        tokens.append(subjects.token(lane))
    return ".".join(tokens).replace("%", "=")
