"""How does a promotion that has not ended change what will be due?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from rollbook.catalogue.parts import PromotionKind
from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of
from rollbook_projections.rows import Row, Rows
from rollbook_services.conductor.handlers import bundle, choice, measure
from rollbook_services.conductor.handlers.timer import (
    Instants,
    change,
    change_timers,
    none_of,
    promotion_of,
    set_timers,
)
from rollbook_services.conductor.react.instants import sortable, sorted_text
from rollbook_services.conductor.react.memory import Alarm

_NOT_READY: Final[dict[str, Any]] = {"ready_event": None, "ready_sequence": None}


def requested(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a promotion; a rollback of a bundle goes on its own."""
    data = envelope.event
    is_rollback = data["kind"] == PromotionKind.ROLLBACK
    promotion = {
        "model": model_of(envelope),
        "promotion": data["promotion"],
        "stage": data["stage"],
        "version": data["version"],
        "digest": data["digest"],
        "is_running": False,
        "bundle": None if is_rollback else data["bundle"],
        **_NOT_READY,
        "requested_sequence": envelope.sequence,
        "requested_at": sortable(envelope.at),
        "paused_at": None,
        "timers": [],
        "correlation": envelope.correlation_id,
    }
    expires: Instants = {Alarm.EXPIRE: sorted_text(data["expires_at"])}
    rows.put(
        "promotions", set_timers(rows, envelope, promotion=promotion, instants=expires)
    )


def gate_evaluated(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note when time alone may change a gate's word; under way none is asked."""
    promotion, result = promotion_of(rows, envelope), envelope.event["result"]
    if promotion["is_running"]:
        return
    gate = {f"{Alarm.GATE}{result['gate']}": sorted_text(result["recheck_at"])}
    change_timers(rows, envelope, promotion=promotion, instants=gate)


def readied(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let it wait for its slot."""
    ready = {"ready_event": envelope.id, "ready_sequence": envelope.sequence}
    promotion = promotion_of(rows, envelope)
    change(rows, promotion, {**promotion, **ready})


def blocked(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let it wait for its gates again."""
    promotion = promotion_of(rows, envelope)
    change(rows, promotion, {**promotion, **_NOT_READY})


def judged_anew(rows: Rows, envelope: Envelope[Data]) -> None:
    """Forget what its gates said: other rules hold, or another version runs there."""
    promotion = promotion_of(rows, envelope)
    gates = {each: None for each in promotion["timers"] if each.startswith(Alarm.GATE)}
    changed = set_timers(
        rows, envelope, promotion={**promotion, **_NOT_READY}, instants=gates
    )
    change(rows, promotion, changed)


def dispatched(rows: Rows, envelope: Envelope[Data]) -> None:
    """Forget what it waited for; from here on its deadlines matter."""
    promotion, data = promotion_of(rows, envelope), envelope.event
    deadlines = data["deadlines"] or {}
    timers: Instants = {
        **none_of(promotion),
        Alarm.ACKNOWLEDGE: sorted_text(deadlines.get("acknowledge_by")),
        Alarm.STEP: sorted_text(deadlines.get("step_by")),
        Alarm.END: sorted_text(deadlines.get("end_by")),
        Alarm.WAKE: sorted_text(data["wake_at"]),
    }
    measure.planned(rows, promotion, data["rollout"])
    running = {**promotion, "is_running": True, **_NOT_READY}
    change(
        rows, promotion, set_timers(rows, envelope, promotion=running, instants=timers)
    )


def acknowledged(rows: Rows, envelope: Envelope[Data]) -> None:
    """Forget the deadline for the first word of an agent; reports may come late."""
    number = envelope.event["report"]["promotion"]
    promotion = rows.get("promotions", model_of(envelope), number)
    if promotion is not None:
        heard: Instants = {Alarm.ACKNOWLEDGE: None}
        change_timers(rows, envelope, promotion=promotion, instants=heard)


def paused(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note when time alone may let it go on."""
    promotion = promotion_of(rows, envelope)
    paused = {**promotion, "paused_at": sortable(envelope.at)}
    wake: Instants = {Alarm.WAKE: sorted_text(envelope.event["wake_at"])}
    change(rows, promotion, set_timers(rows, envelope, promotion=paused, instants=wake))


def resumed(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note when to look again; a pause counts against the whole alone."""
    promotion = promotion_of(rows, envelope)
    timers: Instants = {
        Alarm.WAKE: sorted_text(envelope.event["wake_at"]),
        **{
            each: _later(rows, envelope, promotion, each)
            for each in (Alarm.ACKNOWLEDGE, Alarm.STEP)
            if each in promotion["timers"]
        },
    }
    going = {**promotion, "paused_at": None}
    change(
        rows, promotion, set_timers(rows, envelope, promotion=going, instants=timers)
    )


def _later(rows: Rows, envelope: Envelope[Data], promotion: Row, alarm: Alarm) -> str:
    """Move a deadline by as long as the pause lasted."""
    key = promotion["model"], promotion["promotion"], alarm
    due_by: str = spoken_of(rows, envelope, "timers", *key)["at"]
    if promotion["paused_at"] is None:
        return due_by
    lasted = envelope.at - datetime.fromisoformat(promotion["paused_at"])
    return sortable(datetime.fromisoformat(due_by) + lasted)


def succeeded(rows: Rows, envelope: Envelope[Data]) -> None:
    """Forget it; its bundle may be complete."""
    _end(rows, envelope, has_succeeded=True)


def ended(rows: Rows, envelope: Envelope[Data]) -> None:
    """Forget it; its bundle cannot be complete any more."""
    _end(rows, envelope, has_succeeded=False)


def _end(rows: Rows, envelope: Envelope[Data], *, has_succeeded: bool) -> None:
    promotion = promotion_of(rows, envelope)
    set_timers(rows, envelope, promotion=promotion, instants=none_of(promotion))
    rows.close("promotions", promotion["model"], promotion["promotion"])
    rows.close("measured", promotion["model"], promotion["promotion"])
    if promotion["bundle"] is not None:
        bundle.member_ended(
            rows, envelope, promotion["bundle"], has_succeeded=has_succeeded
        )
    choice.may_differ(rows, envelope)


HANDLERS: Final[Mapping[str, Handler]] = {
    "promotion.requested": requested,
    "gate.evaluated": gate_evaluated,
    "promotion.readied": readied,
    "promotion.blocked": blocked,
    "promotion.rebound": judged_anew,
    "promotion.rebased": judged_anew,
    "promotion.dispatched": dispatched,
    "target.acknowledged": acknowledged,
    "promotion.paused": paused,
    "promotion.resumed": resumed,
    "promotion.succeeded": succeeded,
    "promotion.failed": ended,
    "promotion.errored": ended,
    "promotion.aborted": ended,
    "promotion.cancelled": ended,
    "promotion.rejected": ended,
    "promotion.superseded": ended,
    "promotion.expired": ended,
}
