"""What does each event change in the conductor's memory?"""

from collections.abc import Mapping
from typing import Final

from rollbook.commands.desired import Target, key_of
from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook.names import ModelName, StageName, TargetName
from rollbook_projections.projection import Handler, Projection
from rollbook_projections.reading import model_of, spoken_of
from rollbook_projections.rows import Rows
from rollbook_services.conductor.react import stored_bytes
from rollbook_services.conductor.tables import METADATA

VERSION: Final = 1


def _requested(rows: Rows, envelope: Envelope[Data]) -> None:
    rows.put(
        "promotions",
        {
            "model": model_of(envelope),
            "promotion": envelope.event["promotion"],
            "stage": envelope.event["stage"],
            "ready_event": None,
            "ready_sequence": None,
            "correlation": envelope.correlation_id,
        },
    )


def _readied(rows: Rows, envelope: Envelope[Data]) -> None:
    _mark(rows, envelope, envelope.id, envelope.sequence)


def _blocked(rows: Rows, envelope: Envelope[Data]) -> None:
    _mark(rows, envelope, None, None)


def _mark(
    rows: Rows, envelope: Envelope[Data], event: str | None, sequence: int | None
) -> None:
    key = model_of(envelope), envelope.event["promotion"]
    row = spoken_of(rows, envelope, "promotions", *key)
    rows.put("promotions", {**row, "ready_event": event, "ready_sequence": sequence})


def _waits_no_more(rows: Rows, envelope: Envelope[Data]) -> None:
    rows.close("promotions", model_of(envelope), envelope.event["promotion"])


def _slot_taken(rows: Rows, envelope: Envelope[Data]) -> None:
    rows.put("lanes", {**_lane(envelope), "slot": envelope.event["promotion"]})


def _slot_released(rows: Rows, envelope: Envelope[Data]) -> None:
    freed = {"freed_event": envelope.id, "freed_sequence": envelope.sequence}
    rows.put("lanes", {**_lane(envelope), **freed})


def _lane(envelope: Envelope[Data]) -> dict[str, object]:
    return {
        "model": model_of(envelope),
        "stage": envelope.event["stage"],
        "slot": None,
        "freed_event": None,
        "freed_sequence": None,
        "correlation": envelope.correlation_id,
    }


def _desired_set(rows: Rows, envelope: Envelope[Data]) -> None:
    model, data = ModelName(model_of(envelope)), envelope.event
    rows.put(
        "desired",
        {
            "model": model,
            "stage": data["stage"],
            "body": stored_bytes(envelope.raw),
        },
    )
    for name in data["targets"]:
        target = Target(StageName(data["stage"]), TargetName(name), model)
        rows.put(
            "keys",
            {
                "key": key_of(target),
                "stage": target.stage,
                "target": target.target,
                "revision": data["revision"],
            },
        )


def _token_issued(rows: Rows, envelope: Envelope[Data]) -> None:
    data = envelope.event
    if data["place"] is None:
        return
    rows.put(
        "tokens",
        {
            "token": data["token"],
            "sha256": data["sha256"],
            "principal": data["principal"],
            "stage": data["place"]["stage"],
            "target": data["place"]["target"],
            "ends": data["until"],
        },
    )


def _token_revoked(rows: Rows, envelope: Envelope[Data]) -> None:
    rows.close("tokens", envelope.event["token"])


HANDLERS: Final[Mapping[str, Handler]] = {
    "promotion.requested": _requested,
    "promotion.readied": _readied,
    "promotion.blocked": _blocked,
    "promotion.dispatched": _waits_no_more,
    "promotion.cancelled": _waits_no_more,
    "promotion.rejected": _waits_no_more,
    "promotion.superseded": _waits_no_more,
    "promotion.aborted": _waits_no_more,
    "lane.slot_taken": _slot_taken,
    "lane.slot_released": _slot_released,
    "lane.desired_set": _desired_set,
    "token.issued": _token_issued,
    "token.revoked": _token_revoked,
}
CONDUCTOR: Final = Projection(
    name="conductor", version=VERSION, metadata=METADATA, handlers=HANDLERS
)
