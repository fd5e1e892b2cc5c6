"""Who bars a version from stages, what does that stop, and who frees it?"""

from collections.abc import Set as AbstractSet
from dataclasses import replace

from rollbook.catalogue.parts import Scope
from rollbook.catalogue.promotion import PromotionRejected
from rollbook.catalogue.version import VersionQuarantined, VersionReleased
from rollbook.commands.version import QuarantineVersion, ReleaseVersion
from rollbook.names import EventId, Version
from rollbook.refusals import Refusal
from rollbook.standing import not_quarantined, self_release
from rollbook_services.policy.facts import Bar
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import outcome
from rollbook_services.registrar.rules.known import stage_named, version_named
from rollbook_services.registrar.rules.version import changed
from rollbook_services.registrar.seeing import places_of, stage_of
from rollbook_services.registrar.state import (
    EVERYWHERE,
    Mark,
    Model,
)
from rollbook_services.registrar.transitions import WAITING

QUARANTINED = "quarantined"


def quarantine(command: QuarantineVersion, decision: Decision) -> Refusal | None:
    """Bar a version; what waits for it ends, what brings it stops."""
    refusal = _names_nothing(decision, command.version, command.scope)
    if refusal is not None:
        return refusal
    event = decision.record(
        VersionQuarantined(
            version=command.version,
            scope=command.scope,
            reason=command.reason,
            incident=command.incident,
        )
    )
    _stop(decision, command.version, command.scope, event)
    return None


def _stop(decision: Decision, number: Version, scope: Scope, event: EventId) -> None:
    for id_ in decision.model.open:
        promotion = decision.model.promotions[id_]
        served = places_of(stage_of(decision.policy, promotion.stage))
        covered = not scope.stages or not set(scope.stages).isdisjoint(served)
        if promotion.version != number or not covered:
            continue
        if promotion.state in WAITING:
            rejected = PromotionRejected(
                promotion=id_, reason_code=QUARANTINED, inputs=(event,)
            )
            decision.record(rejected)
        else:
            outcome.abort(decision, promotion, QUARANTINED)


def release(command: ReleaseVersion, decision: Decision) -> Refusal | None:
    """Lift a quarantine, by somebody else than who declared it."""
    refusal = _names_nothing(decision, command.version, command.scope)
    if refusal is not None:
        return refusal
    bars = decision.model.versions[command.version].bars
    lifted = _lifted(bars.keys(), command.scope)
    if not lifted:
        barred = ["every stage" if at == EVERYWHERE else at for at in bars]
        return not_quarantined(command.version, barred)
    person = decision.access.person
    by = {person(who) for at in lifted for who in bars[at].by}
    if person(decision.actor.id) in by:
        return self_release(decision.actor.id, command.version)
    decision.record(
        VersionReleased(
            version=command.version, scope=command.scope, reason=command.reason
        )
    )
    return None


def _names_nothing(decision: Decision, number: Version, scope: Scope) -> Refusal | None:
    known = version_named(decision, number)
    if isinstance(known, Refusal):
        return known
    for name in scope.stages:
        stage = stage_named(decision, name)
        if isinstance(stage, Refusal):
            return stage
    return None


def _lifted(barred: AbstractSet[str], scope: Scope) -> set[str]:
    """Return the bars a release takes away: all of them, or each one it names."""
    if not scope.stages:
        return set(barred)
    named: set[str] = set(scope.stages)
    return named if named <= barred else set()


def quarantined(model: Model, event: VersionQuarantined, mark: Mark) -> Model:
    """Remember who barred it and why; a second quarantine adds a person."""
    known = model.versions[event.version]
    bars = dict(known.bars)
    for at in event.scope.stages or (EVERYWHERE,):
        before = bars[at].by if at in bars else ()
        by = tuple(dict.fromkeys((*before, mark.actor.id)))
        bars[at] = Bar(mark.id, event.reason, by)
    return changed(model, event.version, replace(known, bars=bars))


def released(model: Model, event: VersionReleased, mark: Mark) -> Model:
    """Forget the bars that are lifted."""
    known = model.versions[event.version]
    lifted = _lifted(known.bars.keys(), event.scope)
    bars = {at: bar for at, bar in known.bars.items() if at not in lifted}
    return changed(model, event.version, replace(known, bars=bars))
