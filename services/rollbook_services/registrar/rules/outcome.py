"""How does a promotion that was dispatched end, and what does the lane keep of it?"""

from dataclasses import replace
from typing import Final

from rollbook.catalogue.experiment import Beside
from rollbook.catalogue.lane import SlotReleased, StableAdvanced
from rollbook.catalogue.promotion import (
    PromotionAborted,
    PromotionErrored,
    PromotionFailed,
    PromotionSucceeded,
)
from rollbook.names import EventId, PromotionId, Reason, StageName, Version
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import experiment, holding
from rollbook_services.registrar.rules.kept import changed as put_back
from rollbook_services.registrar.rules.kept import ended
from rollbook_services.registrar.rules.lane import stack_after
from rollbook_services.registrar.rules.version import changed
from rollbook_services.registrar.state import (
    KnownVersion,
    Mark,
    Model,
    Promotion,
)
from rollbook_services.registrar.state import (
    Stable as Entry,
)
from rollbook_services.registrar.transitions import Input

# The version's fault; every other code, a new one too, is the platform's or ours.
FAULTS_OF_THE_VERSION = frozenset(
    {
        "digest_mismatch",
        "attestation_invalid",
        "load_failed",
        "health_failed",
        "analysis_breached",
    }
)

# What it was compared with changed: it says nothing of the version either way.
CHAMPION_CHANGED: Final = "champion_changed"
PARENT_MOVED: Final = "parent_moved"
VOID: Final = frozenset({CHAMPION_CHANGED, PARENT_MOVED})


def succeed(decision: Decision, promotion: Promotion) -> None:
    """Every target runs it: the slot is free, the version stable."""
    lane = decision.model.lane(promotion.stage)
    decision.record(
        PromotionSucceeded(
            promotion=promotion.id, stage=promotion.stage, version=promotion.version
        )
    )
    _free(decision, promotion)
    entry = Entry(promotion.version, promotion.id, decision.at)
    stack = stack_after(lane.stable, entry, promotion.kind)
    if stack != lane.stable:
        advanced = StableAdvanced(
            stage=promotion.stage,
            version=promotion.version,
            promotion=promotion.id,
            depth=len(stack),
        )
        champion_changed(decision, promotion, decision.record(advanced))
    holding.after_success(decision, promotion)


def conclude(decision: Decision, promotion: Promotion, cause: str) -> None:
    """It ran beside the live version as long as it should: whoever won, it is done.

    Nothing is stable where it ran, and what it showed is evidence, no promotion.
    """
    experiment.conclude(decision, promotion, cause)
    decision.record(
        PromotionSucceeded(
            promotion=promotion.id, stage=promotion.stage, version=promotion.version
        )
    )
    _free(decision, promotion)


def fail(
    decision: Decision, promotion: Promotion, code: str, inputs: tuple[EventId, ...]
) -> None:
    """A target cannot run it; the code says whose fault that is."""
    experiment.leave(decision, promotion, code, inputs)
    kind = PromotionFailed if code in FAULTS_OF_THE_VERSION else PromotionErrored
    decision.record(
        kind(
            promotion=promotion.id,
            stage=promotion.stage,
            version=promotion.version,
            reason_code=code,
            inputs=inputs,
        )
    )
    _free(decision, promotion)


def abort(
    decision: Decision,
    promotion: Promotion,
    code: str,
    *,
    by_promotion: PromotionId | None = None,
    reason: Reason | None = None,
    inputs: tuple[EventId, ...] = (),
) -> None:
    """Somebody decided to stop it; the targets keep what they serve.

    What ran beside another serves nothing any more.
    """
    experiment.leave(decision, promotion, code, inputs)
    decision.record(
        PromotionAborted(
            promotion=promotion.id,
            stage=promotion.stage,
            version=promotion.version,
            reason_code=code,
            by_promotion=by_promotion,
            reason=reason,
        )
    )
    _free(decision, promotion)


def parent_moved(decision: Decision, moving: Promotion, taken: EventId) -> None:
    """End the challengers beside a lane that changes: their share is no more whole."""
    for id_, found in experiment.beside(decision.model, moving.stage):
        if found.beside is Beside.CHALLENGER:
            _invalidate(decision, id_, PARENT_MOVED, moving, taken)


def champion_changed(decision: Decision, moved: Promotion, advanced: EventId) -> None:
    """End what is compared with another version than is stable in a lane now."""
    for id_, found in experiment.beside(decision.model, moved.stage):
        if found.champion != moved.version:
            _invalidate(decision, id_, CHAMPION_CHANGED, moved, advanced)


def _invalidate(
    decision: Decision, id_: PromotionId, code: str, by: Promotion, event: EventId
) -> None:
    promotion = decision.model.promotions[id_]
    abort(decision, promotion, code, by_promotion=by.id, inputs=(event,))


def _free(decision: Decision, promotion: Promotion) -> None:
    token = decision.model.lane(promotion.stage).token
    decision.record(
        SlotReleased(stage=promotion.stage, promotion=promotion.id, token=token)
    )


def succeeded(model: Model, event: PromotionSucceeded, mark: Mark) -> Model:
    """Remember where the version has proved itself."""
    known = model.versions[event.version]
    proven = {**known.proven_in, event.stage: mark.id}
    seen = known.succeeded_in | {event.stage}
    known = replace(known, proven_in=proven, succeeded_in=seen)
    return _ended(model, event.promotion, Input.SUCCEED, mark, known)


def failed(model: Model, event: PromotionFailed, mark: Mark) -> Model:
    """Remember where the version is known to fail."""
    known = unproven(model.versions[event.version], event.stage)
    known = replace(known, failed_in=known.failed_in | {event.stage})
    return _ended(model, event.promotion, Input.FAIL, mark, known)


def errored(model: Model, event: PromotionErrored, mark: Mark) -> Model:
    """Remember the end; the version is not at fault, nor proved."""
    known = unproven(model.versions[event.version], event.stage)
    return _ended(model, event.promotion, Input.ERROR, mark, known)


def aborted(model: Model, event: PromotionAborted, mark: Mark) -> Model:
    """Remember the end, and whether it says anything of the version."""
    known = unproven(model.versions[event.version], event.stage)
    model = _ended(model, event.promotion, Input.ABORT, mark, known)
    if event.reason_code not in VOID:
        return model
    promotion = model.promotions[event.promotion]
    return put_back(model, replace(promotion, is_void=True))


def unproven(known: KnownVersion, stage: StageName) -> KnownVersion:
    """Forget that the version's latest outcome in a stage was a success."""
    proven = {at: event for at, event in known.proven_in.items() if at != stage}
    return replace(known, proven_in=proven)


def _ended(
    model: Model,
    id_: PromotionId,
    what: Input,
    mark: Mark,
    known: KnownVersion,
) -> Model:
    number: Version = model.promotions[id_].version
    return changed(ended(model, id_, what, mark), number, known)
