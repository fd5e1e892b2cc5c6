"""Why is this version not in this stage yet, and what would change that?

The same functions on the same state as a decision (design/promotion.md §3.4): of a
promotion, or of one that nobody has asked for yet; now, or as it was.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from rollbook.catalogue.parts import PromotionKind
from rollbook.commands.explain import Explain
from rollbook.envelope import written
from rollbook.names import Digest, PromotionId
from rollbook.refusals import (
    Refusal,
    invalid_field,
    unknown_model,
    unknown_promotion,
    unknown_stage,
    unknown_version,
)
from rollbook_services.policy.gate import Change, Judged
from rollbook_services.policy.quorum import binding
from rollbook_services.policy.stage import BreakGlass, Stage
from rollbook_services.registrar import answering, seeing
from rollbook_services.registrar.seeing import (
    bound_of,
    incumbent_of,
    lane_of,
    parent_of,
    stage_of,
    status_of,
)
from rollbook_services.registrar.state import KnownVersion, Model, Promotion
from rollbook_services.registrar.surroundings import Context
from rollbook_services.registrar.transitions import ENDED, WAITING

DRY = "NOT_REQUESTED"


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is explained: a promotion, or one that is imagined."""

    promotion: Promotion
    is_imagined: bool


def explain(
    model: Model, context: Context, command: Explain, as_of: datetime
) -> dict[str, Any] | Refusal:
    """Explain a promotion, or what would become of one; records nothing."""
    if not model.is_registered:
        return unknown_model(command.model)
    found = _subject(model, context, command, as_of)
    if isinstance(found, Refusal):
        return found
    promotion, stage = found.promotion, stage_of(context.policy, found.promotion.stage)
    judged = []
    if promotion.state not in ENDED:
        judged = seeing.explain(model, promotion, context, as_of)
    bound = bound_of(model, promotion, stage)
    return {
        **_heading(model, found),
        "policy": context.policy.name,
        "policy_digest": stage.digest,
        "lane": _lane(model, stage, context),
        "protected": stage.protected,
        "binding": binding(bound),
        "bound_to": bound.model_dump(mode="json"),
        "answer": _answer(model, context, found, judged, as_of),
        "not_before": _written(_not_before(found, judged)),
        "gates": [_gate(each) for each in judged],
        "break_glass": [_class(stage, each) for each in stage.break_glass],
        "underway": _underway(promotion),
        "as_of": written(as_of),
    }


def _subject(
    model: Model, context: Context, command: Explain, as_of: datetime
) -> _Subject | Refusal:
    if command.promotion is not None:
        known: Promotion | None = model.promotions.get(command.promotion)
        if known is None:
            newest = len(model.promotions)
            return unknown_promotion(model.name, command.promotion, newest=newest)
        return _Subject(known, is_imagined=False)
    if command.stage is None or command.version is None:
        return invalid_field("promotion", "name a promotion, or a version and a stage")
    if context.policy.stage(command.stage) is None:
        return unknown_stage(command.stage, context.policy.names())
    version: KnownVersion | None = model.versions.get(command.version)
    if version is None:
        newest = len(model.versions)
        return unknown_version(model.name, command.version, newest=newest)
    for id_ in reversed(model.open):
        other = model.promotions[id_]
        if (other.stage, other.version) == (command.stage, command.version):
            return _Subject(other, is_imagined=False)
    imagined = _imagined(model, command, version.digest, as_of)
    return _Subject(replace(imagined, policy=context.policy.name), is_imagined=True)


def _imagined(
    model: Model, command: Explain, digest: Digest, as_of: datetime
) -> Promotion:
    assert command.stage is not None
    assert command.version is not None
    return Promotion(
        id=PromotionId(len(model.promotions) + 1),
        kind=command.kind,
        stage=command.stage,
        version=command.version,
        digest=digest,
        incumbent=incumbent_of(model, command.stage).version,
        requester=answering.NOBODY.id,
        automatic=False,
        policy_digest=digest,
        requested_at=as_of,
    )


def _heading(model: Model, found: _Subject) -> dict[str, Any]:
    promotion = found.promotion
    return {
        "model": model.name,
        "version": promotion.version,
        "stage": promotion.stage,
        "kind": promotion.kind,
        "promotion": None if found.is_imagined else promotion.id,
        "state": DRY if found.is_imagined else promotion.state,
        "incumbent": promotion.incumbent,
        "requester": None if found.is_imagined else promotion.requester,
        "bundle": promotion.bundle,
        "expires_at": _written(promotion.expires_at),
    }


def _lane(model: Model, stage: Stage, context: Context) -> dict[str, Any]:
    lane = lane_of(model, stage, context)
    now = incumbent_of(model, stage.name)
    found = lane.experiment
    return {
        "status": status_of(lane, stage),
        "incumbent": now.version,
        "promotion": now.promotion,
        "hold": lane.hold.id if lane.hold else None,
        "hold_reason": lane.hold.reason if lane.hold else None,
        "beside": parent_of(stage),
        "experiment": None if found is None else found.model_dump(mode="json"),
    }


def _answer(
    model: Model,
    context: Context,
    found: _Subject,
    judged: list[Judged],
    as_of: datetime,
) -> str:
    if not found.is_imagined:
        return answering.answer(model, context, found.promotion, judged, as_of)
    refusal = answering.refusal(model, context, found.promotion, as_of)
    if refusal is not None:
        return f"Would be refused: {refusal.message}."
    return answering.would_wait(judged)


def _not_before(found: _Subject, judged: list[Judged]) -> datetime | None:
    """Return the latest of the known times: a lower bound, not a promise."""
    if found.promotion.state not in WAITING:
        return None  # its gates keep it back no more
    times = [
        change.at
        for each in judged
        if not each.is_open
        for change in each.changes_when
        if change.at is not None
    ]
    return max(times, default=None)


def _gate(each: Judged) -> dict[str, Any]:
    result = each.result
    return {
        "id": result.gate,
        "kind": result.kind,
        "mode": result.mode,
        "status": result.status,
        "blocks": not each.is_open,
        "why": result.detail,
        "inputs": list(result.inputs),
        "values": result.values,
        "waiver": result.waiver,
        "recheck_at": _written(result.recheck_at),
        "changes_when": [_change(change) for change in each.changes_when],
    }


def _change(change: Change) -> dict[str, Any]:
    fields: dict[str, Any] = asdict(change)
    return {**fields, "by": change.by.value, "at": _written(change.at)}


def _class(stage: Stage, glass: BreakGlass) -> dict[str, Any]:
    gates = stage.asked(PromotionKind.FORWARD)
    return {
        "name": glass.name,
        "roles": list(glass.roles),
        "second_person": glass.second_person,
        "incident_required": glass.incident_required,
        "gates": [each.id for each in gates if each.kind in glass.waives],
    }


def _underway(promotion: Promotion) -> dict[str, Any] | None:
    now = promotion.underway
    if now is None:
        return None
    deadlines = now.deadlines
    return {
        "wave": now.wave,
        "step": now.step,
        "rollout": now.rollout.model_dump(mode="json") if now.rollout else None,
        "bake_until": _written(now.bake_until),
        "resumed_by": None if now.paused is None else now.paused.role,
        "paused": None if now.paused is None else now.paused.cause.value,
        "step_by": _written(deadlines.step_by) if deadlines else None,
        "end_by": _written(deadlines.end_by) if deadlines else None,
        "measured": None if now.measured is None else asdict(now.measured),
        "accepted": sorted(now.accepted),
        "analysed": {name: said[0].value for name, said in now.analysed.items()},
    }


def _written(at: datetime | None) -> str | None:
    return None if at is None else written(at)
