"""How does a promotion that was dispatched end, and what does the lane keep of it?"""

from dataclasses import replace

from rollbook.catalogue.lane import SlotReleased, StableAdvanced
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import (
    PromotionAborted,
    PromotionErrored,
    PromotionFailed,
    PromotionSucceeded,
)
from rollbook.names import EventId, PromotionId, Reason, StageName, Version
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import holding
from rollbook_services.registrar.rules.kept import ended
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
        decision.record(
            StableAdvanced(
                stage=promotion.stage,
                version=promotion.version,
                promotion=promotion.id,
                depth=len(stack),
            )
        )
    holding.after_success(decision, promotion)


def fail(
    decision: Decision, promotion: Promotion, code: str, inputs: tuple[EventId, ...]
) -> None:
    """A target cannot run it; the code says whose fault that is."""
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
) -> None:
    """Somebody decided to stop it; the targets keep what they serve."""
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


def _free(decision: Decision, promotion: Promotion) -> None:
    token = decision.model.lane(promotion.stage).token
    decision.record(
        SlotReleased(stage=promotion.stage, promotion=promotion.id, token=token)
    )


def stack_after(
    stack: tuple[Entry, ...], entry: Entry, kind: PromotionKind
) -> tuple[Entry, ...]:
    """Put a success on the stack of stable versions.

    The top stays where it is when it succeeds again. A rollback pops to its target;
    one to a version off the stack takes the place of the top. Anything else pushes.
    A version stands there once, at its newest place: walking back never comes round.
    """
    numbers = [each.version for each in stack]
    if numbers[-1:] == [entry.version]:
        return stack
    if kind is not PromotionKind.ROLLBACK:
        others = (each for each in stack if each.version != entry.version)
        return (*others, entry)
    off_the_stack = entry.version not in numbers
    place = len(stack) - 1 if off_the_stack else numbers.index(entry.version)
    return (*stack[:place], entry)


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
    """Remember the end."""
    known = unproven(model.versions[event.version], event.stage)
    return _ended(model, event.promotion, Input.ABORT, mark, known)


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
