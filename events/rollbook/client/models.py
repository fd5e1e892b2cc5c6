"""What does the server say of versions, lanes and promotions, as Python values?

A newer server may say more, which is ignored, and may use words that are new, which
stay as they are: states, verdicts and statuses are text.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Record(BaseModel):
    """A value as the server told it: frozen; what is unknown is ignored."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", use_attribute_docstrings=True
    )


class ModelRecord(Record):
    """A model as a whole."""

    model: str
    owners: tuple[str, ...] = ()
    task: str | None = None
    tier: str | None = None
    description: str | None = None
    labels: Mapping[str, str] = Field(default_factory=dict)
    side_effect_free: bool = False
    """Whether a shadow of it may be asked: its answers change nothing."""


class VersionRecord(Record):
    """What was registered of a version, and what became of it."""

    model: str
    version: int
    digest: str
    uri: str
    size_bytes: int
    media_type: str | None = None
    label: str | None = None
    description: str | None = None
    framework: str | None = None
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    metrics: Mapping[str, float] = Field(default_factory=dict)
    tags: Mapping[str, str] = Field(default_factory=dict)
    lineage: Mapping[str, Any] = Field(default_factory=dict)
    producer: str
    registered_at: AwareDatetime
    status: str = "active"
    quarantine: tuple[Any, ...] = ()
    aliases: tuple[str, ...] = ()


class EvidenceRecord(Record):
    """What somebody found out about a version."""

    evidence: str
    kind: str
    verdict: str
    subject_digest: str
    metrics: Mapping[str, float] = Field(default_factory=dict)
    dataset: Mapping[str, Any] | None = None
    produced_at: AwareDatetime
    live: bool = True
    """False: it was revoked and does not count."""


class AliasRecord(Record):
    """A free pointer at a version; None: at none any more."""

    alias: str
    version: int | None
    moved_at: AwareDatetime
    moved_by: str
    reason: str | None = None


class GateRecord(Record):
    """What one gate says of a promotion now."""

    gate: str
    kind: str = ""
    mode: str = "enforce"
    status: str
    detail: str = ""


class VoteRecord(Record):
    """One vote; `live` is False after it was withdrawn, voided or refused."""

    approval: str
    vote: str
    gate: str | None = None
    voter: str
    comment: str | None = None
    voted_at: AwareDatetime
    live: bool = True
    refused: str | None = None
    """Why it may not count; None: it may."""


class PromotionRecord(Record):
    """How far one attempt to change one lane has come."""

    model: str
    promotion: int
    kind: str
    stage: str
    version: int
    digest: str
    incumbent: int | None = None
    state: str
    requester: str
    reason: str | None = None
    requested_at: AwareDatetime
    dispatched_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    reason_code: str | None = None
    gates: tuple[GateRecord, ...] = ()
    votes: tuple[VoteRecord, ...] = ()
    binding: str | None = None
    """What a vote given now is bound to."""
    rollout: Mapping[str, Any] | None = None
    """Its plan and, under `now`, the step that runs; None: nothing is deployed yet."""
    pause: Mapping[str, Any] | None = None
    """What it stands still for."""


class Stable(Record):
    """What proved itself in a lane last."""

    version: int
    digest: str
    promotion: int
    since: AwareDatetime


class LaneRecord(Record):
    """What runs, should run and waits in one stage of one model."""

    model: str
    stage: str
    status: str
    incumbent: int | None = None
    stable: Stable | None = None
    desired: Mapping[str, Any] | None = None
    slot: Mapping[str, Any] | None = None
    hold: Mapping[str, Any] | None = None
    targets: tuple[Mapping[str, Any], ...] = ()
    open: tuple[Mapping[str, Any], ...] = ()


class Interval(Record):
    """A version that was stable in a lane, from when to when and by whom."""

    model: str
    stage: str
    version: int
    digest: str
    promotion: int
    kind: str
    from_at: AwareDatetime
    from_seq: int
    until_at: AwareDatetime | None = None
    """None: it still is."""
    until_seq: int | None = None
    put_there_by: str
    approved_by: tuple[str, ...] = ()
    reason: str | None = None


class FeedEvent(Record):
    """One event of the ledger; `since=event.sequence` goes on after it."""

    sequence: int
    type: str
    """As people say it: `promotion.succeeded`."""
    model: str | None
    """None where it speaks of the house itself: its tokens, its keys."""
    actor: str
    at: AwareDatetime
    data: Mapping[str, Any]
    cloudevent: Mapping[str, Any] = Field(repr=False)
    """The whole event as it is recorded, with its signature."""
