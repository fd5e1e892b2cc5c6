"""How do agents' reports change the stage view?"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of, time_of
from rollbook_projections.rows import Rows
from rollbook_projections.stage.handlers.underway import progress_later

_MS: Final = timedelta(milliseconds=1)
_UNREPORTED: Final[dict[str, Any]] = {
    "agent": None,
    "state": "unreported",
    "revision": 0,
    "token": 0,
    "promotion": None,
    "observed": {},
    "reason_code": None,
    "log_uri": None,
    "report_seq": 0,
    "reported_at": None,
    "recorded_at": None,
    "told": False,
    "acknowledged_at": None,
    "applied_revision": 0,
    "applied_at": None,
    "converged_ms": None,
    "straggler": False,
    "drift": None,
}


def target(rows: Rows, model: str, stage: str, name: str) -> dict[str, Any]:
    """Return a target's row; of one that nobody spoke of yet nothing is known."""
    row = rows.get("targets", model, stage, name)
    key = {"model": model, "stage": stage, "target": name}
    return {**key, **_UNREPORTED} if row is None else row


def tell(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note which targets a new document names; what had drifted is told anew."""
    data, model = envelope.event, model_of(envelope)
    lane = rows.get("lanes", model, data["stage"])
    for name in {**(lane["weights"] if lane else {}), **data["targets"]}:
        before = target(rows, model, data["stage"], name)
        _end_drift(rows, envelope, before["drift"], state="over")
        is_told = name in data["targets"]
        now = {"told": is_told, "straggler": is_told and before["straggler"]}
        after = {**before, **now, "drift": None}
        if after != before:
            rows.put("targets", after)


def acknowledged(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that an agent begins; its promotion makes progress, now or once resumed."""
    _report(rows, envelope, "acknowledged", {"acknowledged_at": time_of(envelope)})
    _begin(rows, envelope)


def applied(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that a target runs what was desired, and how soon it did."""
    _report(rows, envelope, "applied", _runs(rows, envelope))
    _begin(rows, envelope)


def failed(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that a target could not run it, by the version's fault."""
    _report(rows, envelope, "failed", {})


def errored(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that a target could not run it, by the platform's fault."""
    _report(rows, envelope, "errored", {})


def drifted(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter under the event's id that a target runs something else than is desired."""
    data, before = envelope.event, _spoken_for(rows, envelope)
    report = data["report"]
    _end_drift(rows, envelope, before["drift"], state="over")
    rows.put(
        "drifts",
        {
            "model": model_of(envelope),
            "drift": envelope.id,
            "stage": report["stage"],
            "target": report["target"],
            "agent": report["agent"],
            "policy": data["policy"],
            "state": "open",
            "revision": report["revision"],
            "observed": report["observed"],
            "detected_at": time_of(envelope),
            "detected_seq": rows.sequence,
            "accepted_by": None,
            "accepted_at": None,
            "accepted_reason": None,
            "ended_at": None,
        },
    )
    _report(rows, envelope, before["state"], {"drift": envelope.id})


def corrected(rows: Rows, envelope: Envelope[Data]) -> None:
    """End a drift: the target runs what is desired again."""
    drift = envelope.event["drift"]
    spoken_of(rows, envelope, "drifts", model_of(envelope), drift)
    _end_drift(rows, envelope, drift, state="corrected")
    _report(rows, envelope, "applied", {**_runs(rows, envelope), "drift": None})


def accepted(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note who lets the lane move on although the drift stays."""
    data = envelope.event
    drift = spoken_of(rows, envelope, "drifts", model_of(envelope), data["drift"])
    said = {
        "state": "accepted",
        "accepted_by": envelope.actor.id,
        "accepted_at": time_of(envelope),
        "accepted_reason": data["reason"],
    }
    rows.put("drifts", {**drift, **said})


def _report(
    rows: Rows, envelope: Envelope[Data], state: str, changed: Mapping[str, Any]
) -> None:
    data, before = envelope.event, _spoken_for(rows, envelope)
    report = data["report"]
    if before["revision"] > report["revision"]:
        return  # a late word about an older document
    is_new = before["revision"] < report["revision"]
    rows.put(
        "targets",
        {
            **before,
            "agent": report["agent"],
            "state": state,
            "revision": report["revision"],
            "token": report["token"],
            "promotion": report["promotion"],
            "observed": report["observed"],
            "reason_code": data.get("reason_code"),
            "log_uri": data.get("log_uri"),
            "report_seq": report["seq"],
            "reported_at": report["reported_at"],
            "recorded_at": time_of(envelope),
            "acknowledged_at": None if is_new else before["acknowledged_at"],
            **changed,
        },
    )


def _spoken_for(rows: Rows, envelope: Envelope[Data]) -> dict[str, Any]:
    report = envelope.event["report"]
    return target(rows, model_of(envelope), report["stage"], report["target"])


def _runs(rows: Rows, envelope: Envelope[Data]) -> dict[str, Any]:
    """Say since when a target runs a document: the first word of it counts."""
    revision, before = envelope.event["report"]["revision"], _spoken_for(rows, envelope)
    if before["applied_revision"] >= revision:
        return {"straggler": False}
    return {
        "straggler": False,
        "applied_revision": revision,
        "applied_at": time_of(envelope),
        "converged_ms": _converged(rows, envelope),
    }


def _begin(rows: Rows, envelope: Envelope[Data]) -> None:
    key = model_of(envelope), envelope.event["report"]["promotion"]
    promotion = rows.get("promotions", *key)
    if promotion is None:
        return
    if promotion["state"] == "DISPATCHED":
        rows.put("promotions", {**promotion, "state": "PROGRESSING"})
    elif promotion["state"] == "PAUSED":
        progress_later(rows, key)


def _converged(rows: Rows, envelope: Envelope[Data]) -> int | None:
    """Return how long it took since the document was set; None: of an older one."""
    report = envelope.event["report"]
    lane = rows.get("lanes", model_of(envelope), report["stage"])
    if lane is None or lane["desired_revision"] != report["revision"]:
        return None
    since, at = map(datetime.fromisoformat, (lane["desired_at"], time_of(envelope)))
    return (at - since) // _MS


def _end_drift(
    rows: Rows, envelope: Envelope[Data], drift: str | None, *, state: str
) -> None:
    row = None if drift is None else rows.get("drifts", model_of(envelope), drift)
    if row is not None and row["ended_at"] is None:
        rows.put("drifts", {**row, "state": state, "ended_at": time_of(envelope)})


HANDLERS: Final[Mapping[str, Handler]] = {
    "target.acknowledged": acknowledged,
    "target.applied": applied,
    "target.failed": failed,
    "target.errored": errored,
    "drift.detected": drifted,
    "drift.corrected": corrected,
    "drift.accepted": accepted,
}
