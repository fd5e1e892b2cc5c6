"""What does the server say of rules, and of what suspends them, as Python values?

Policies, freezes, waivers, reviews, bundles, and the inbox.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime, Field

from rollbook.client.models import Record


class RevisionRecord(Record):
    """One document of a policy, and who agreed to it."""

    policy: str
    digest: str
    state: str
    """`proposed`, `active`, and what became of it after that."""
    document: Mapping[str, Any] | None = None
    """None where only an outline was asked for."""
    warnings: tuple[str, ...] = ()
    trial: Mapping[str, Any] | None = None
    reason: str | None = None
    proposed_by: str
    proposed_at: AwareDatetime
    endorsements: tuple[Mapping[str, Any], ...] = ()


class PolicyRecord(Record):
    """What holds under a name, and what is proposed for it."""

    policy: str
    digest: str | None = None
    """Of the revision that holds; None: none does."""
    models: tuple[str, ...] | None = None
    activated_by: str | None = None
    activated_at: AwareDatetime | None = None
    document: Mapping[str, Any] | None = None
    proposals: tuple[RevisionRecord, ...] = ()
    revisions: tuple[RevisionRecord, ...] = ()


class FreezeRecord(Record):
    """A time in which nothing changes, where, and by whose word."""

    freeze: str
    state: str
    """`upcoming`, `open`, `over`, `lifted`."""
    covers: Mapping[str, Any]
    from_at: AwareDatetime | None = None
    until: AwareDatetime | None = None
    """None: until somebody lifts it."""
    in_flight: str
    exempt: tuple[str, ...] = ()
    waivable: bool = False
    stops_the_line: bool = False
    reason: str
    incident: str | None = None
    declared_by: str
    declared_at: AwareDatetime


class WaiverRecord(Record):
    """Who made gates stop mattering for a promotion."""

    model: str
    promotion: int
    waiver: str
    state: str
    """`requested`: a second person has to confirm it; `granted`; `over`."""
    gates: tuple[Mapping[str, Any], ...] = ()
    break_glass: str
    reason: str
    incident: str | None = None
    asked_by: str
    second_person: str | None = None
    until: AwareDatetime


class ReviewRecord(Record):
    """A look at a waiver that somebody owes, or what it came to."""

    model: str
    promotion: int
    review: str
    waiver: str
    break_glass: str
    gates: tuple[str, ...] = ()
    reason: str | None = None
    due_at: AwareDatetime
    overdue: bool = False
    finding: str | None = None
    notes: str | None = None


class MemberRecord(Record):
    """One model's part in a bundle."""

    model: str
    version: int
    promotion: int
    taken_back_by: int | None = None
    now: Mapping[str, Any] | None = None
    """Its promotion as it stands, where one bundle was asked for."""


class BundleRecord(Record):
    """Several models released as one: all lanes change, or none."""

    bundle: int
    stage: str
    state: str
    members: tuple[MemberRecord, ...] = ()
    requester: str
    reason: str
    requested_at: AwareDatetime
    dispatched_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    because_of: str | None = None
    reason_code: str | None = None


class Card(Record):
    """Something that waits for whoever asked; `row` holds all the server said."""

    kind: str
    """`approval`, `pause`, `waiver`, `review`, `policy`."""
    barred: str | None = None
    """Why the reader cannot do it; None: it is the reader's turn."""
    row: Mapping[str, Any] = Field(repr=False)
