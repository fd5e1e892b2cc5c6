"""May this version be asked for in this stage, now, over what runs there?"""

from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import PromotionRequested
from rollbook.commands.promotion import RequestPromotion
from rollbook.envelope import ActorKind
from rollbook.names import BundleId, Digest, PromotionId, StageName, Version
from rollbook.refusals import Refusal, invalid_field
from rollbook.standing import (
    already_there,
    duplicate_request,
    incumbent_changed,
    lane_held,
    version_quarantined,
    version_retired,
)
from rollbook.underway import lane_busy
from rollbook_services.policy.facts import VersionStatus
from rollbook_services.policy.shape import Queue
from rollbook_services.policy.stage import Stage
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules.known import (
    promotion_named,
    stage_named,
    version_named,
)
from rollbook_services.registrar.seeing import (
    bar_of,
    incumbent_of,
    parent_of,
    stable_in,
)
from rollbook_services.registrar.state import KnownVersion, Model
from rollbook_services.registrar.transitions import ENDED, WAITING


def request(
    command: RequestPromotion, decision: Decision, *, bundle: BundleId | None = None
) -> Refusal | None:
    """Accept a promotion; its gates are judged in the same decision."""
    stage = stage_named(decision, command.stage)
    if isinstance(stage, Refusal):
        return stage
    known = version_named(decision, command.version)
    if isinstance(known, Refusal):
        return known
    refusal = (
        _cannot_go(command, known, stage)
        or _cannot_run_beside(command, decision.model, stage)
        or _is_asked(command, decision.model)
        or _moved_on(command, decision.model)
        or _is_busy(command, decision)
        or _is_held(command, decision)
        or _retries_nothing(command, decision)
    )
    if refusal is not None:
        return refusal
    decision.record(_requested(command, decision, stage, known.digest, bundle))
    return None


def next_id(model: Model) -> PromotionId:
    """Count promotions from 1, without a gap."""
    return PromotionId(len(model.promotions) + 1)


def _requested(
    command: RequestPromotion,
    decision: Decision,
    stage: Stage,
    digest: Digest,
    bundle: BundleId | None,
) -> PromotionRequested:
    return PromotionRequested(
        promotion=next_id(decision.model),
        kind=command.kind,
        stage=command.stage,
        version=command.version,
        digest=digest,
        incumbent=incumbent_of(decision.model, command.stage).version,
        automatic=decision.actor.kind is ActorKind.SYSTEM,
        policy=decision.policy.name,
        policy_digest=stage.digest,
        expires_at=decision.at + stage.expires_after,
        retry_of=command.retry_of,
        walked_over=(),
        reason=command.reason,
        incident=None,
        bundle=bundle,
    )


def _cannot_go(
    command: RequestPromotion, known: KnownVersion, stage: Stage
) -> Refusal | None:
    if known.status is VersionStatus.RETIRED:
        return version_retired(command.version)
    bar = bar_of(known, stage)
    if bar is not None:
        return version_quarantined(
            command.version, command.stage, by=bar.by, reason=bar.reason
        )
    return None


def _cannot_run_beside(
    command: RequestPromotion, model: Model, stage: Stage
) -> Refusal | None:
    """Refuse what makes no sense beside another stage's live version."""
    parent, slot = parent_of(stage), model.lane(stage.name).slot
    if parent is None:
        return None
    if command.kind is not PromotionKind.FORWARD:
        return invalid_field(
            "kind",
            f"nothing stays in {stage.name} that could be applied once more; abort "
            "what runs there, and ask for it anew as `forward`",
        )
    if stage.strategy.shadow is not None and not model.side_effect_free:
        return _does_things_twice(model, stage)
    if slot and model.promotions[slot.promotion].version == command.version:
        return duplicate_request(model.name, slot.promotion)
    if stable_in(model, parent) == command.version:
        return already_there(model.name, command.version, parent)
    return None


def _does_things_twice(model: Model, stage: Stage) -> Refusal:
    return invalid_field(
        "stage",
        f"a shadow in {stage.name} would do once more whatever {model.name} does to "
        "others; only a model that was registered as free of that, by `rollbook model "
        "create --side-effect-free`, may run there: choose a stage with a challenger, "
        "or register the version under another model",
    )


def _is_asked(command: RequestPromotion, model: Model) -> Refusal | None:
    waits = waiting_for(model, command.stage, command.version, command.kind)
    return None if waits is None else duplicate_request(model.name, waits)


def waiting_for(
    model: Model, stage: StageName, version: Version, kind: PromotionKind
) -> PromotionId | None:
    """Find the promotion that waits for just this."""
    for id_ in model.open:
        other = model.promotions[id_]
        is_same = (other.stage, other.version, other.kind) == (stage, version, kind)
        if is_same and other.state in WAITING:
            return id_
    return None


def _moved_on(command: RequestPromotion, model: Model) -> Refusal | None:
    """Compare and set; a redeploy says by its version what it expects."""
    now = incumbent_of(model, command.stage)
    expected = command.expected_incumbent
    if command.kind is PromotionKind.FORWARD and now.version == command.version:
        return already_there(model.name, command.version, command.stage)
    if command.kind is PromotionKind.REDEPLOY and now.version != command.version:
        expected = command.version
    if expected == "any" or expected == now.version:
        return None
    return incumbent_changed(
        command.stage,
        expected=expected,
        actual=now.version,
        promotion=now.promotion,
        by=model.promotions[now.promotion].requester if now.promotion else None,
        at=now.at,
    )


def _is_busy(command: RequestPromotion, decision: Decision) -> Refusal | None:
    """Some stages take one request at a time."""
    stage = decision.policy.stage(command.stage)
    if stage is None or stage.queue is not Queue.SINGLE:
        return None
    for id_ in decision.model.open:
        if decision.model.promotions[id_].stage == command.stage:
            return lane_busy(decision.model.name, command.stage, id_)
    return None


def _is_held(command: RequestPromotion, decision: Decision) -> Refusal | None:
    """An automatic promotion may wait at its gate; others must know of the hold."""
    hold = decision.model.lane(command.stage).hold
    if hold is None or not hold.holds(decision.at):
        return None
    is_automatic = decision.actor.kind is ActorKind.SYSTEM
    if is_automatic or command.acknowledge_hold == hold.id:
        return None
    return lane_held(command.stage, hold.id, by=hold.by, reason=hold.reason)


def _retries_nothing(command: RequestPromotion, decision: Decision) -> Refusal | None:
    if command.retry_of is None:
        return None
    earlier = promotion_named(decision, command.retry_of)
    if isinstance(earlier, Refusal):
        return earlier
    same = (earlier.stage, earlier.version) == (command.stage, command.version)
    if earlier.state in ENDED and same:
        return None
    return invalid_field(
        "retry_of", "must be an ended promotion of this version to this stage"
    )
