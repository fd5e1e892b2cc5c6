"""What does the server say of why something is not there yet, as Python values?"""

from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime, Field

from rollbook.client.models import Record


class Barred(Record):
    """Somebody who holds the role and still may not."""

    who: str
    why: str


class Change(Record):
    """What would change a gate's answer."""

    by: str
    """Who or what: `time`, `person`, `pipeline`, `release-manager`."""
    what: str
    who: tuple[str, ...] = ()
    barred: tuple[Barred, ...] = ()
    at: AwareDatetime | None = None
    """The earliest moment, where time alone does it."""
    command: str | None = None
    """What to type."""


class ExplainedGate(Record):
    """What one gate says, why, and what would change it."""

    id: str
    kind: str = ""
    mode: str = "enforce"
    status: str
    """`waived` is no `pass`: somebody made it stop mattering."""
    blocks: bool
    why: str = ""
    inputs: tuple[str, ...] = ()
    values: Mapping[str, str] = Field(default_factory=dict)
    waiver: str | None = None
    recheck_at: AwareDatetime | None = None
    changes_when: tuple[Change, ...] = ()


class Explanation(Record):
    """Why a version is not in a stage yet, and what would change that."""

    model: str
    version: int
    stage: str
    kind: str = "forward"
    promotion: int | None = None
    """None: nobody has asked for it; this is what would become of it."""
    state: str
    requester: str | None = None
    policy: str | None = None
    policy_digest: str | None = None
    protected: bool = False
    lane: Mapping[str, Any] = Field(default_factory=dict)
    answer: str
    """All of it in a sentence."""
    not_before: AwareDatetime | None = None
    """A lower bound, as far as time alone decides."""
    expires_at: AwareDatetime | None = None
    gates: tuple[ExplainedGate, ...] = ()
    break_glass: tuple[Mapping[str, Any], ...] = ()
    underway: Mapping[str, Any] | None = None
    binding: str | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether no gate keeps it back."""
        return not any(gate.blocks for gate in self.gates)
