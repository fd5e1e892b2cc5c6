"""What does the server say of agents, targets and roll-outs, as Python values?"""

from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime, Field

from rollbook.client import progress
from rollbook.client.models import Record


class AgentRecord(Record):
    """Who speaks for a target, and whether it answers."""

    agent: str
    stage: str
    target: str
    state: str
    """`enrolled` until its first word, then `present` or `lost`, at last `revoked`."""
    since: AwareDatetime
    drained: bool = False
    """Whether no change waits for it."""
    reason: str | None = None
    """Why it was drained, undrained or revoked last."""
    session: str | None = None
    last_heard_at: AwareDatetime | None = None
    public_key: str | None = None
    token: str | None = None
    enrolled_at: AwareDatetime
    enrolled_by: str


class Share(Record):
    """A version that a target should run, and how much of the traffic it gets."""

    variant: str
    version: int
    digest: str
    weight: int
    """Percent."""


class Desired(Record):
    """What a target should run."""

    revision: int
    at: AwareDatetime
    promotion: int
    variants: tuple[Share, ...] = ()


class Running(Record):
    """A version that a target runs, as its agent saw it."""

    variant: str
    version: int | None = None
    """None: nobody registered these bytes."""
    digest: str


class TargetRecord(Record):
    """What one target should run of one model, does run, and how soon it did."""

    model: str
    stage: str
    target: str
    state: str
    """`desired`, `acknowledged`, `applied`, `failed`, `errored`, `drifted`."""
    desired: Desired | None = None
    """None: the lane asks nothing of it any more."""
    runs: tuple[Running, ...] = ()
    lagging: bool = False
    """Whether it has not applied what it should."""
    straggler: bool = False
    """Whether a step went on without it."""
    applied_at: AwareDatetime | None = None
    converged_ms: int | None = None
    """How long it took from the last document that it applied to its report."""
    reason_code: str | None = None
    drift: Mapping[str, Any] | None = None
    agents: tuple[Mapping[str, Any], ...] = ()


class DriftRecord(Record):
    """A target that runs, or ran, something else than was desired."""

    model: str
    stage: str
    target: str
    drift: str
    policy: str
    """What becomes of it: `alert`, `correct`, `require_acceptance`."""
    state: str
    """`open`, `accepted`, and then `corrected` or `over`."""
    detected_at: AwareDatetime
    accepted_by: str | None = None
    accepted_reason: str | None = None
    ended_at: AwareDatetime | None = None


class Progress(Record):
    """How far a promotion has come; `row` holds all the server said."""

    state: str
    wave: int | None = None
    """From 0, of `waves`; None: no step has begun."""
    waves: int = 0
    step: int | None = None
    """From 0, of `steps` that each wave goes through."""
    steps: int = 0
    weight: int | None = None
    """Percent of a target's traffic that the version has in this wave."""
    bake_until: AwareDatetime | None = None
    paused_for: str | None = None
    """The role that alone may let it go on, where the plan stops for one."""
    targets: tuple[TargetRecord, ...] = ()
    measured: tuple[Mapping[str, Any], ...] = ()
    """The last word of each metric in this step, with what it was judged by."""
    waits_for: str = ""
    """In words; empty once it has ended."""
    row: Mapping[str, Any] = Field(repr=False)


def progress_of(found: Mapping[str, Any]) -> Progress:
    """Read how far a promotion has come from what the server says of it."""
    now, place = progress.step_of(found) or {}, progress.place_of(found)
    return Progress.model_validate(
        {
            "state": found["state"],
            "wave": now.get("wave"),
            "waves": place.waves if place else 0,
            "step": now.get("step"),
            "steps": place.steps if place else 0,
            "weight": now.get("weight"),
            "bake_until": now.get("bake_until"),
            "paused_for": (found.get("pause") or {}).get("role"),
            "targets": progress.targets_of(found),
            "measured": progress.measured(found),
            "waits_for": progress.waits_for(found),
            "row": found,
        }
    )
