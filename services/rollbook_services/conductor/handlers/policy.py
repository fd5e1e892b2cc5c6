"""Which policies hold, and do they leave a choice to automation?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook.subjects import POLICIES
from rollbook_projections.projection import Handler
from rollbook_projections.reading import spoken_of
from rollbook_projections.rows import Rows
from rollbook_services.conductor.handlers.stir import stir
from rollbook_services.conductor.react.choosing import Active
from rollbook_services.conductor.react.memory import Kind

NEVER: Final = "never"


def active_policies(rows: Rows) -> Active:
    """Return the policies that hold now, by name."""
    row = rows.get("policies", POLICIES)
    return {} if row is None else row["active"]


def proposed(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note what the document says of automation: its activation only names it."""
    data = envelope.event
    stages = data["document"]["spec"]["stages"]
    is_automatic = any(each.get("auto_promote", NEVER) != NEVER for each in stages)
    key = {"policy": data["policy"], "digest": data["digest"]}
    rows.put("revisions", {**key, "is_automatic": is_automatic})


def activated(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let it hold; it concerns its models, and those of the revision before."""
    data, active = envelope.event, active_policies(rows)
    key = data["policy"], data["digest"]
    revision = spoken_of(rows, envelope, "revisions", *key)
    holds = {"models": data["models"], "is_automatic": revision["is_automatic"]}
    _hold(rows, {**active, data["policy"]: holds})
    former = active.get(data["policy"], {}).get("models", [])
    stir(rows, envelope, kind=Kind.POLICY, models=sorted({*former, *data["models"]}))


def retired(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let it hold no more; other rules may hold for its models now."""
    name, active = envelope.event["policy"], active_policies(rows)
    _hold(rows, {other: active[other] for other in active if other != name})
    if name in active:
        stir(rows, envelope, kind=Kind.POLICY, models=active[name]["models"])


def _hold(rows: Rows, active: Active) -> None:
    rows.put("policies", {"aggregate": POLICIES, "active": active})


HANDLERS: Final[Mapping[str, Handler]] = {
    "policy.proposed": proposed,
    "policy.activated": activated,
    "policy.retired": retired,
}
