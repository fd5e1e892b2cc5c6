"""What do the rules say where a recorded event stands?

The rules themselves are asked again: an event that followed by rule follows again
from the same state, and at the same time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.promotion import (
    GateEvaluated,
    PromotionBlocked,
    PromotionDispatched,
    PromotionExpired,
    PromotionReadied,
    PromotionRebased,
    PromotionRebound,
    PromotionRejected,
    PromotionSuperseded,
)
from rollbook.envelope import Envelope, Stamp
from rollbook.names import EventId, PromotionId
from rollbook_services.policy.shape import Mode
from rollbook_services.registrar import judging
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.evolve import fold
from rollbook_services.registrar.rules import approval, dispatch, quarantine
from rollbook_services.registrar.seeing import explain, places_of, stage_of
from rollbook_services.registrar.state import EVERYWHERE, KnownVersion, Model
from rollbook_services.registrar.surroundings import Context
from rollbook_services.registrar.transitions import Input, accepts

_JUDGED: Final = (
    GateEvaluated,
    PromotionReadied,
    PromotionBlocked,
    PromotionRebound,
    PromotionRebased,
    PromotionExpired,
)
_BY_JUDGING: Final = frozenset(
    {judging.INCUMBENT_CHANGED, judging.NEWER_READY, judging.STAGE_REMOVED}
)


def follows(
    model: Model, context: Context, run: Sequence[Envelope[ModelEvent]]
) -> Sequence[ModelEvent] | None:
    """Return what the rules would record here, the first event of the run before all.

    None: somebody did this, or a rule that needs more than the model to say why.
    """
    decision = Decision(model, context, _stamp(run), fold=fold)
    match run[0].event:
        case PromotionDispatched() as event:
            _dispatch(decision, event.promotion)
        case PromotionRejected(reason_code=approval.REJECTED) as event:
            rejection = approval.turned_down(decision, event.promotion)
            decision.events.extend([] if rejection is None else [rejection])
        case PromotionRejected(reason_code=quarantine.QUARANTINED) as event:
            decision.events.extend(_barred(decision, event))
        case PromotionRejected() | PromotionSuperseded() as event:
            if event.reason_code not in _BY_JUDGING:
                return None
            judging.reconsider(decision, event.promotion)
        case event if isinstance(event, _JUDGED):
            judging.reconsider(decision, event.promotion)
        case _:
            return None
    return decision.events


@dataclass(frozen=True, slots=True)
class _Stamped(Stamp):
    """A stamp that gives the ids that were given then: events name each other."""

    ids: tuple[EventId, ...] = ()

    def event_id(self, index: int) -> EventId:
        if index < len(self.ids):
            return self.ids[index]
        return Stamp.event_id(self, index)


def _stamp(run: Sequence[Envelope[ModelEvent]]) -> Stamp:
    recorded = run[0]
    return _Stamped(
        at=recorded.at,
        actor=recorded.actor,
        command_id=recorded.command_id,
        command_digest=recorded.command_digest,
        ids=tuple(each.id for each in run),
    )


def _dispatch(decision: Decision, id_: PromotionId) -> None:
    """Take the snapshot anew, whatever it says: `kept_back` reads it."""
    promotion = decision.model.promotions[id_]
    judged = explain(decision.model, promotion, decision.context, decision.at)
    dispatch.start(decision, id_, judged)


def kept_back(model: Model, snapshot: PromotionDispatched) -> str | None:
    """Say why a promotion could not be dispatched on this snapshot; None: it could."""
    promotion = model.promotions[snapshot.promotion]
    if not accepts(promotion.state, Input.DISPATCH):
        return f"is {promotion.state}"
    closed = [
        each.gate
        for each in snapshot.gates
        if each.mode == Mode.ENFORCE and each.status not in dispatch.OPEN
    ]
    return f"waits for {', '.join(closed)}" if closed else None


def _barred(
    decision: Decision, event: PromotionRejected
) -> Iterator[PromotionRejected]:
    """Reject where a quarantine covers the version in the stage."""
    promotion = decision.model.promotions[event.promotion]
    version: KnownVersion = decision.model.versions[promotion.version]
    places = places_of(stage_of(decision.policy, promotion.stage))
    bars = [version.bars.get(at) for at in (EVERYWHERE, *places)]
    known = [(bar.event,) for bar in bars if bar is not None]
    if known:
        yield PromotionRejected(
            promotion=promotion.id,
            reason_code=quarantine.QUARANTINED,
            inputs=event.inputs if event.inputs in known else known[0],
        )
