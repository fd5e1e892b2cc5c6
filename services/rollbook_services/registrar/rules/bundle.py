"""Which models are released as one, and how far have they come together?

A decision about a bundle is a decision about each of its models, kept in one append:
all lanes change, or none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from rollbook.catalogue.bundle import (
    BundleCancelled,
    BundleDispatched,
    BundleRequested,
    BundlesEvent,
    BundleSucceeded,
)
from rollbook.commands.bundle import (
    BundlesCommand,
    CancelBundle,
    DispatchBundle,
    RequestBundle,
    RollBackBundle,
    SettleBundle,
)
from rollbook.commands.promotion import RequestPromotion
from rollbook.envelope import Stamp
from rollbook.event import Event
from rollbook.governing import bundle_closed, unknown_bundle
from rollbook.names import BundleId, ModelName, Reason
from rollbook.refusals import Refusal, invalid_field, unknown_model
from rollbook.subjects import BUNDLES, Aggregate
from rollbook.subjects import model as aggregate_of
from rollbook_services.registrar import judging
from rollbook_services.registrar.authorise import has_grant, refused
from rollbook_services.registrar.decider import conclude
from rollbook_services.registrar.decision import Decided, Decision, stamp_of
from rollbook_services.registrar.evolve import fold
from rollbook_services.registrar.governing import Around, context_for
from rollbook_services.registrar.rules import dispatch, unbundling
from rollbook_services.registrar.rules.desks import (
    Desk,
    Desks,
    member_of,
    newest,
    promotions,
    told_of,
)
from rollbook_services.registrar.rules.request import request as request_one
from rollbook_services.registrar.state import Mark, Model
from rollbook_services.registrar.surroundings import Bundle, Bundles, BundleState
from rollbook_services.registrar.transitions import ENDED, PromotionState


def members_of(command: BundlesCommand, bundles: Bundles) -> tuple[ModelName, ...]:
    """Return the models that a request about a bundle may change, each once."""
    if isinstance(command, RequestBundle):
        return tuple(dict.fromkeys(each.model for each in command.members))
    known: Bundle | None = bundles.bundles.get(command.bundle)
    return tuple(each.model for each in known.members) if known else ()


def decide(
    command: BundlesCommand,
    bundles: Bundles,
    members: Mapping[ModelName, Model],
    around: Around,
    stamp: Stamp,
) -> Decided | Refusal:
    """Answer a request about a bundle; `members` are those of `members_of`."""
    desks = {
        name: Desk(model, _decision(model, around, stamp))
        for name, model in members.items()
    }
    told = _decide(command, bundles, desks, stamp)
    if isinstance(told, Refusal):
        return told
    for desk in desks.values():
        conclude(desk.decision, desk.before)
    return Decided(tuple(_placed(told, desks)))


def _decision(model: Model, around: Around, stamp: Stamp) -> Decision:
    context = context_for(
        model.name, around.access, around.policies, around.calendar, around.fleet
    )
    own = stamp_of(stamp, aggregate_of(model.name))
    return Decision(model, context, own, fold=fold)


def _placed(
    told: list[BundlesEvent], desks: Desks
) -> Iterator[tuple[Aggregate, Event]]:
    for event in told:
        yield BUNDLES, event
    for name, desk in desks.items():
        for each in desk.decision.events:
            yield aggregate_of(name), each


def _decide(
    command: BundlesCommand, bundles: Bundles, desks: Desks, stamp: Stamp
) -> list[BundlesEvent] | Refusal:
    if isinstance(command, RequestBundle):
        return _request(command, bundles, desks)
    known: Bundle | None = bundles.bundles.get(command.bundle)
    if known is None:
        return unknown_bundle(command.bundle, newest=len(bundles.bundles))
    match command:
        case DispatchBundle():
            return _dispatch(known, desks)
        case SettleBundle():
            return _settle(known, desks)
        case CancelBundle():
            return _cancel(command, known, desks, stamp)
        case RollBackBundle():
            return unbundling.roll_back(command, known, desks)


def _request(
    command: RequestBundle, bundles: Bundles, desks: Desks
) -> list[BundlesEvent] | Refusal:
    if len(desks) < len(command.members):
        return invalid_field("members", "a model stands there twice: name it once")
    id_ = BundleId(len(bundles.bundles) + 1)
    members = []
    for each in command.members:
        decision = desks[each.model].decision
        if not decision.model.is_registered:
            return unknown_model(each.model)
        wish = RequestPromotion(
            model=each.model,
            stage=command.stage,
            version=each.version,
            expected_incumbent=each.expected_incumbent,
            reason=command.reason,
        )
        refusal = request_one(wish, decision, bundle=id_)
        if refusal is not None:
            return told_of(each.model, refusal)
        members.append(member_of(each.model, each.version, newest(decision)))
    return [
        BundleRequested(
            bundle=id_,
            stage=command.stage,
            members=tuple(members),
            reason=command.reason,
        )
    ]


def _dispatch(known: Bundle, desks: Desks) -> list[BundlesEvent] | Refusal:
    """Take every slot, if every member is ready at this very moment."""
    if known.state is not BundleState.WAITING:
        return bundle_closed(known.id, known.state)
    judged = {
        each.model: judging.reconsider(desks[each.model].decision, each.promotion)
        for each in known.members
    }
    states = {desk_of.state for desk_of in promotions(known, desks)}
    if states != {PromotionState.READY}:
        return []  # what closed is recorded, and nothing moves
    for each in known.members:
        decision = desks[each.model].decision
        dispatch.start(decision, each.promotion, judged[each.model])
    told: list[BundlesEvent] = [BundleDispatched(bundle=known.id)]
    return told + _succeeded(known, desks)


def _succeeded(known: Bundle, desks: Desks) -> list[BundlesEvent]:
    states = {each.state for each in promotions(known, desks)}
    if states == {PromotionState.SUCCEEDED}:
        return [BundleSucceeded(bundle=known.id)]
    return []


def _settle(known: Bundle, desks: Desks) -> list[BundlesEvent] | Refusal:
    """End it with its members; where one ended badly, take the others back."""
    ended = [
        each
        for each in known.members
        if desks[each.model].promotion(each.promotion).state in ENDED
    ]
    if known.state is BundleState.WAITING and ended:
        first = desks[ended[0].model].promotion(ended[0].promotion)
        why = f"{ended[0].model}:{first.id} of bundle {known.id} is {first.state}"
        unbundling.cancel_members(known, desks, Reason(why))
        return [
            BundleCancelled(
                bundle=known.id, because_of=ended[0].model, reason=Reason(why)
            )
        ]
    if known.state is not BundleState.DISPATCHED:
        return []
    bad = [
        each
        for each in ended
        if desks[each.model].promotion(each.promotion).state
        is not PromotionState.SUCCEEDED
    ]
    return unbundling.fail(known, desks, bad[0]) if bad else _succeeded(known, desks)


def _cancel(
    command: CancelBundle, known: Bundle, desks: Desks, stamp: Stamp
) -> list[BundlesEvent] | Refusal:
    is_own = stamp.actor.id == known.requester
    if not is_own and not has_grant(stamp.actor, CancelBundle):
        return refused(stamp.actor, CancelBundle)
    if known.state is not BundleState.WAITING:
        return bundle_closed(known.id, known.state)
    unbundling.cancel_members(known, desks, command.reason)
    return [BundleCancelled(bundle=known.id, because_of=None, reason=command.reason)]


def requested(bundles: Bundles, event: BundleRequested, mark: Mark) -> Bundles:
    """Remember what is released as one, and who asked for it."""
    bundle = Bundle(event.bundle, event.stage, event.members, mark.actor.id)
    return replace(bundles, bundles=bundles.bundles.plus(event.bundle, bundle))


def moved(bundles: Bundles, bundle: BundleId, state: BundleState) -> Bundles:
    """Remember where a bundle stands."""
    known = replace(bundles.bundles[bundle], state=state)
    return replace(bundles, bundles=bundles.bundles.plus(bundle, known))
