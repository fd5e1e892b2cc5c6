"""How do a promotion and its gates change the stage view?"""

from collections.abc import Mapping
from typing import Any, Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of, time_of
from rollbook_projections.rows import Rows
from rollbook_projections.stage.handlers.lane import lane
from rollbook_projections.stage.handlers.rollout import plan
from rollbook_projections.stage.handlers.underway import begin

_UNTOUCHED: Final[dict[str, Any]] = {
    "readied_at": None,
    "dispatched_at": None,
    "dispatched_seq": None,
    "token": None,
    "voters": None,
    "ended_at": None,
    "ended_seq": None,
    "ended_by": None,
    "reason_code": None,
    "end_reason": None,
    "by_promotion": None,
    "inputs": None,
}


def requested(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a promotion as waiting, and its lane where nothing was there yet."""
    data = envelope.event
    model = model_of(envelope)
    if rows.get("lanes", model, data["stage"]) is None:
        rows.put("lanes", lane(rows, model, data["stage"]))
    rows.put(
        "promotions",
        {
            "model": model,
            "promotion": data["promotion"],
            "kind": data["kind"],
            "stage": data["stage"],
            "version": data["version"],
            "digest": data["digest"],
            "incumbent": data["incumbent"],
            "requester": envelope.actor.id,
            "automatic": data["automatic"],
            "reason": data["reason"],
            "policy": data["policy"],
            "policy_digest": data["policy_digest"],
            "expires_at": data["expires_at"],
            "retry_of": data["retry_of"],
            "walked_over": data["walked_over"] or None,
            "incident": data["incident"],
            "bundle": data["bundle"],
            "state": "GATING",
            "requested_at": time_of(envelope),
            "requested_seq": rows.sequence,
            **_UNTOUCHED,
        },
    )


def gate_evaluated(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep a gate's latest word."""
    data = envelope.event
    _judge(rows, envelope, data["promotion"], data["result"])


def readied(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let a promotion wait for its slot."""
    change(rows, envelope, {"state": "READY", "readied_at": time_of(envelope)})


def blocked(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let a promotion wait for its gates again."""
    change(rows, envelope, {"state": "GATING", "readied_at": None})


def rebound(rows: Rows, envelope: Envelope[Data]) -> None:
    """Judge by other rules from here on; votes cast under the old ones are void."""
    data = envelope.event
    rules = {"policy": data["policy"], "policy_digest": data["to_digest"]}
    _begin_again(rows, envelope, rules, why="policy")


def rebased(rows: Rows, envelope: Envelope[Data]) -> None:
    """Measure against what runs there now."""
    incumbent = {"incumbent": envelope.event["to_version"]}
    _begin_again(rows, envelope, incumbent, why="incumbent")


def dispatched(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep the snapshot that decided: every gate's word and who filled the slots."""
    data = envelope.event
    for result in data["gates"]:
        _judge(rows, envelope, data["promotion"], result)
    change(
        rows,
        envelope,
        {
            "state": "DISPATCHED",
            "dispatched_at": time_of(envelope),
            "dispatched_seq": rows.sequence,
            "token": data["token"],
            "voters": data["voters"] or None,
        },
    )
    begin(rows, envelope)
    plan(rows, envelope)


def triggered(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note what a rollback takes back; its request may come after this."""
    data = envelope.event
    rows.put(
        "rollback_triggers",
        {
            "model": model_of(envelope),
            "promotion": data["promotion"],
            "failed_promotion": data["failed_promotion"],
            "reason_code": data["reason_code"],
            "inputs": data["inputs"] or None,
            "to_version": data["to"],
            "triggered_at": time_of(envelope),
        },
    )


def ended(state: str) -> Handler:
    """Make the handler that ends a promotion in a state."""

    def end(rows: Rows, envelope: Envelope[Data]) -> None:
        data = envelope.event
        changed = {
            "state": state,
            "ended_at": time_of(envelope),
            "ended_seq": rows.sequence,
            "ended_by": envelope.actor.id,
            "reason_code": data.get("reason_code"),
            "end_reason": data.get("reason"),
            "by_promotion": data.get("superseded_by") or data.get("by_promotion"),
            "inputs": data.get("inputs") or None,
        }
        change(rows, envelope, changed)

    return end


def change(rows: Rows, envelope: Envelope[Data], changed: dict[str, Any]) -> None:
    """Change the row of the promotion that an event speaks of."""
    key = model_of(envelope), envelope.event["promotion"]
    rows.put("promotions", {**spoken_of(rows, envelope, "promotions", *key), **changed})


def _begin_again(
    rows: Rows, envelope: Envelope[Data], changed: dict[str, Any], *, why: str
) -> None:
    change(rows, envelope, {**changed, "state": "GATING", "readied_at": None})
    key = model_of(envelope), envelope.event["promotion"]
    for approval in envelope.event["voided"]:
        vote = spoken_of(rows, envelope, "votes", *key, approval)
        voided = {"voided_at": time_of(envelope), "voided_by": why}
        rows.put("votes", {**vote, **voided})


def _judge(rows: Rows, envelope: Envelope[Data], promotion: int, result: Data) -> None:
    model, gate, at = model_of(envelope), result["gate"], time_of(envelope)
    before = rows.get("gates", model, promotion, gate)
    word = {
        "model": model,
        "promotion": promotion,
        "gate": gate,
        "kind": result["kind"],
        "mode": result["mode"],
        "status": result["status"],
        "detail": result["detail"],
        "inputs": result["inputs"] or None,
        "said": result["values"] or None,
        "recheck_at": result.get("recheck_at"),  # older events do not say
        "waiver": result.get("waiver"),
        "first_seq": rows.sequence if before is None else before["first_seq"],
        "at": at if before is None else before["at"],
    }
    if word != before:
        rows.put("gates", {**word, "at": at})


HANDLERS: Final[Mapping[str, Handler]] = {
    "promotion.requested": requested,
    "gate.evaluated": gate_evaluated,
    "promotion.readied": readied,
    "promotion.blocked": blocked,
    "promotion.rebound": rebound,
    "promotion.rebased": rebased,
    "promotion.dispatched": dispatched,
    "rollback.triggered": triggered,
    "promotion.succeeded": ended("SUCCEEDED"),
    "promotion.failed": ended("FAILED"),
    "promotion.errored": ended("ERRORED"),
    "promotion.aborted": ended("ABORTED"),
    "promotion.cancelled": ended("CANCELLED"),
    "promotion.rejected": ended("REJECTED"),
    "promotion.superseded": ended("SUPERSEDED"),
    "promotion.expired": ended("EXPIRED"),
}
