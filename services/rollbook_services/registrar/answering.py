"""What does an explanation answer, in one sentence?"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from rollbook.catalogue.experiment import Beside, ExperimentStarted
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import PauseCause
from rollbook.catalogue.rollout import Rollout
from rollbook.commands.promotion import RequestPromotion, RequestRollback
from rollbook.envelope import Actor, ActorKind, Stamp, written
from rollbook.names import CommandId, Principal, Reason, RoleName
from rollbook.refusals import Refusal, version_or_nothing
from rollbook_services.policy.gate import Judged, judge
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.evolve import fold
from rollbook_services.registrar.rules import experiment, request, rollback, rollout
from rollbook_services.registrar.seeing import (
    champion_of,
    facts_of,
    parent_of,
    stable_in,
    stage_of,
)
from rollbook_services.registrar.state import Model, Promotion, Underway
from rollbook_services.registrar.surroundings import Context
from rollbook_services.registrar.transitions import ENDED, WAITING, PromotionState

NOBODY: Final = Actor(Principal("rollbook:nobody"), ActorKind.PERSON, ())
_FINDINGS: Final = frozenset({"evidence", "attestation"})
_WHY: Final = Reason("nobody asks: what would be said is looked at")


def answer(
    model: Model,
    context: Context,
    promotion: Promotion,
    judged: list[Judged],
    as_of: datetime,
) -> str:
    """Say where a promotion stands, and what is next."""
    if promotion.state in ENDED:
        return _ended(model, context, promotion, as_of)
    is_waiting = promotion.state in WAITING
    if context.policy.stage(promotion.stage) is None:
        end = "rejected" if is_waiting else "aborted"
        return f"{promotion.stage} left the policy: it is {end} when next looked at."
    if not is_waiting:
        return _moves(model, promotion)
    if promotion.expires_at is not None and as_of >= promotion.expires_at:
        return "Its time is over: it expires when next looked at."
    return _blocked(judged, "Waiting for") or _next(promotion)


def would_wait(judged: list[Judged]) -> str:
    """Say what would become of a promotion that nobody has asked for."""
    return _blocked(judged, "Would wait for") or "Nothing is in the way: ask for it."


def refusal(
    model: Model, context: Context, imagined: Promotion, as_of: datetime
) -> Refusal | None:
    """Return the no that a person would get who asked for it now."""
    stamp = Stamp(as_of, NOBODY, CommandId("imagined"), imagined.digest)
    decision = Decision(model, context, stamp, fold=fold)
    name, stage, version = model.name, imagined.stage, imagined.version
    match imagined.kind:
        case PromotionKind.ROLLBACK:
            back = RequestRollback(model=name, stage=stage, to=version, reason=_WHY)
            return rollback.request(back, decision)
        case kind:
            wish = RequestPromotion(model=name, stage=stage, version=version, kind=kind)
            return request.request(wish, decision)


def _ended(
    model: Model, context: Context, promotion: Promotion, as_of: datetime
) -> str:
    if promotion.is_void:
        return "It showed nothing: what it was compared with changed; ask for it anew."
    if promotion.state is not PromotionState.SUCCEEDED:
        return f"It ended {promotion.state}; ask for a new promotion."
    stage = stage_of(context.policy, promotion.stage)
    parent = parent_of(stage)
    if parent is not None:
        kind = experiment.KINDS[rollout.way_of(stage.strategy)]
        return f"It ran beside {parent} to its end: see its evidence of kind {kind}."
    top = stable_in(model, promotion.stage)
    if top == promotion.version:
        doubts = _short_of(_in_doubt(model, context, promotion, as_of))
        late = f" Its gates would not let it in now: {doubts}." if doubts else ""
        return f"It succeeded: {promotion.stage} runs it.{late}"
    now = version_or_nothing(top)
    return f"It succeeded, and {promotion.stage} runs {now} now: ask for a new one."


def _in_doubt(
    model: Model, context: Context, promotion: Promotion, as_of: datetime
) -> list[Judged]:
    """Return gates that findings opened for what runs now, and would not any more.

    What is found out late, is revoked or has lapsed takes nothing back by itself.
    """
    stage = stage_of(context.policy, promotion.stage)
    is_same = stage.digest == promotion.policy_digest
    if not is_same or promotion.kind is not PromotionKind.FORWARD:
        return []
    asked = [each for each in stage.asked(promotion.kind) if each.kind in _FINDINGS]
    facts = facts_of(model, promotion, context, as_of)
    facts = replace(facts, champion=champion_of(model, promotion.incumbent))
    return [
        each for each in judge(asked, facts, as_of, mode=stage.mode) if not each.is_open
    ]


def _moves(model: Model, promotion: Promotion) -> str:
    now, found = promotion.underway, experiment.running(model, promotion)
    if promotion.state is PromotionState.PAUSED and now and now.paused:
        return _stands_still(now.paused.cause, now.paused.role)
    if promotion.state is PromotionState.VERIFYING and now and found:
        return _is_compared(now, found)
    if promotion.state is PromotionState.VERIFYING and now and now.bake_until:
        return f"Runs, and has to prove itself until {written(now.bake_until)}."
    if now and now.rollout and len(now.rollout.waves) * len(now.rollout.steps) > 1:
        return _is_at(now, now.rollout)
    return "Dispatched: its targets are changing now."


def _is_compared(now: Underway, found: ExperimentStarted) -> str:
    samples = now.measured.samples if now.measured else 0
    least = f" of {found.min_samples}" if found.min_samples else ""
    gets = "copies of" if found.beside is Beside.SHADOW else "answers"
    return (
        f"Runs beside {found.parent} until {written(found.ends_at)} and {gets} "
        f"{found.share} % of its requests, compared with version {found.champion}: "
        f"{samples}{least} samples so far."
    )


def _is_at(now: Underway, plan: Rollout) -> str:
    """Say how far it has come, counted as people count."""
    wave, step = plan.waves[now.wave], plan.steps[now.step]
    where = (
        f"Wave {now.wave + 1} of {len(plan.waves)}, step {now.step + 1} of "
        f"{len(plan.steps)}: {step.weight} % on {', '.join(wave.targets)}"
    )
    if now.bake_until is None:
        return f"{where}; its targets are changing now."
    return f"{where}; it has to prove itself until {written(now.bake_until)}."


def _stands_still(cause: PauseCause, role: RoleName | None) -> str:
    if cause is PauseCause.PERSON:
        return "Paused by a person: somebody has to resume it."
    if cause is PauseCause.UNKNOWN:
        return "Paused, as too little was measured: resume it, or abort it."
    if cause is PauseCause.STEP:
        return f"Paused by its plan: a {role} has to resume it."
    return f"Paused by a {cause}: it goes on by itself when that is over."


def _blocked(judged: list[Judged], waits: str) -> str | None:
    closed = [each for each in judged if not each.is_open]
    failing = [each for each in closed if each.result.status is GateStatus.FAIL]
    if failing:
        names = ", ".join(each.result.gate for each in failing)
        return f"Blocked by {names}: {_short_of(failing)}."
    return f"{waits} {_short_of(closed)}." if closed else None


def _next(promotion: Promotion) -> str:
    if promotion.bundle is None:
        return "Every gate is open; it is dispatched next."
    return f"Every gate is open; it goes with the others of bundle {promotion.bundle}."


def _short_of(judged: list[Judged]) -> str:
    return "; ".join(map(_short, judged))


def _short(each: Judged) -> str:
    return f"{each.result.gate} ({each.result.detail})"
