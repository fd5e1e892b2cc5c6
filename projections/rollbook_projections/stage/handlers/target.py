"""How do agents' reports change the stage view?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, time_of
from rollbook_projections.rows import Rows
from rollbook_projections.stage.handlers.underway import progress_later


def acknowledged(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that an agent begins; its promotion makes progress, now or once resumed."""
    _report(rows, envelope, "acknowledged")
    key = model_of(envelope), envelope.event["report"]["promotion"]
    promotion = rows.get("promotions", *key)
    if promotion is None:
        return
    if promotion["state"] == "DISPATCHED":
        rows.put("promotions", {**promotion, "state": "PROGRESSING"})
    elif promotion["state"] == "PAUSED":
        progress_later(rows, key)


def applied(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that a target runs what was desired."""
    _report(rows, envelope, "applied")


def failed(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that a target could not run it, by the version's fault."""
    _report(rows, envelope, "failed")


def errored(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that a target could not run it, by the platform's fault."""
    _report(rows, envelope, "errored")


def _report(rows: Rows, envelope: Envelope[Data], state: str) -> None:
    data = envelope.event
    report = data["report"]
    key = model_of(envelope), report["stage"], report["target"]
    before = rows.get("targets", *key)
    if before is not None and before["revision"] > report["revision"]:
        return  # a late word about an older document
    rows.put(
        "targets",
        {
            "model": model_of(envelope),
            "stage": report["stage"],
            "target": report["target"],
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
        },
    )


HANDLERS: Final[Mapping[str, Handler]] = {
    "target.acknowledged": acknowledged,
    "target.applied": applied,
    "target.failed": failed,
    "target.errored": errored,
}
