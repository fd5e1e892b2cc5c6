"""How do policies change the stage view?"""

from collections.abc import Mapping
from typing import Any, Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import spoken_of, time_of
from rollbook_projections.rows import Rows

_NEVER_ACTIVE: Final[dict[str, Any]] = {
    "digest": None,
    "models": None,
    "owners": None,
    "activated_by": None,
    "activated_at": None,
    "activated_seq": None,
    "retiring": None,
    "retired_by": None,
    "retired_at": None,
    "retired_reason": None,
}


def proposed(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a revision as open; what once held may be proposed again."""
    data = envelope.event
    policy = rows.get("policies", data["policy"])
    if policy is None or policy["digest"] is None:
        named = {"policy": data["policy"], "owners": _owners(data["document"])}
        rows.put("policies", {**_NEVER_ACTIVE, **(policy or {}), **named})
    rows.put(
        "policy_revisions",
        {
            "policy": data["policy"],
            "digest": data["digest"],
            "state": "proposed",
            "document": data["document"],
            "warnings": data["warnings"],
            "trial": data["trial"],
            "reason": data["reason"],
            "proposed_by": envelope.actor.id,
            "proposed_at": time_of(envelope),
            "proposed_seq": rows.sequence,
            "endorsements": [],
            "supersedes": None,
            "activated_by": None,
            "activated_at": None,
            "ended_at": None,
        },
    )


def endorsed(rows: Rows, envelope: Envelope[Data]) -> None:
    """Add a person who agrees."""
    revision = _revision(rows, envelope)
    endorsement = {
        "by": envelope.actor.id,
        "at": time_of(envelope),
        "comment": envelope.event["comment"],
    }
    endorsements = [*revision["endorsements"], endorsement]
    rows.put("policy_revisions", {**revision, "endorsements": endorsements})


def activated(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let a revision hold; the one before it is past."""
    data = envelope.event
    revision = _revision(rows, envelope)
    if data["supersedes"] is not None:
        _end(rows, data["policy"], data["supersedes"], "past", time_of(envelope))
    by = {"activated_by": envelope.actor.id, "activated_at": time_of(envelope)}
    rows.put(
        "policy_revisions",
        {**revision, **by, "state": "active", "supersedes": data["supersedes"]},
    )
    rows.put(
        "policies",
        {
            **_NEVER_ACTIVE,
            **by,
            "policy": data["policy"],
            "digest": data["digest"],
            "models": data["models"],
            "owners": _owners(revision["document"]),
            "activated_seq": rows.sequence,
        },
    )


def retirement_requested(rows: Rows, envelope: Envelope[Data]) -> None:
    """Add a person who wants the active rules gone."""
    data = envelope.event
    policy = spoken_of(rows, envelope, "policies", data["policy"])
    wish = {
        "by": envelope.actor.id,
        "at": time_of(envelope),
        "reason": data["reason"],
    }
    rows.put("policies", {**policy, "retiring": [*(policy["retiring"] or ()), wish]})


def retired(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let a policy hold for nothing any more."""
    data = envelope.event
    policy = spoken_of(rows, envelope, "policies", data["policy"])
    ended = {
        "digest": None,
        "retiring": None,
        "retired_by": envelope.actor.id,
        "retired_at": time_of(envelope),
        "retired_reason": data["reason"],
    }
    rows.put("policies", {**policy, **ended})
    _end(rows, data["policy"], data["digest"], "retired", time_of(envelope))


def _revision(rows: Rows, envelope: Envelope[Data]) -> dict[str, Any]:
    key = envelope.event["policy"], envelope.event["digest"]
    return spoken_of(rows, envelope, "policy_revisions", *key)


def _end(rows: Rows, policy: str, digest: str, state: str, at: str) -> None:
    revision = rows.get("policy_revisions", policy, digest)
    if revision is not None:
        rows.put("policy_revisions", {**revision, "state": state, "ended_at": at})


def _owners(document: Mapping[str, Any]) -> list[str]:
    said = document.get("metadata")
    return list(said.get("owners") or ()) if isinstance(said, dict) else []


HANDLERS: Final[Mapping[str, Handler]] = {
    "policy.proposed": proposed,
    "policy.endorsed": endorsed,
    "policy.activated": activated,
    "policy.retirement_requested": retirement_requested,
    "policy.retired": retired,
}
