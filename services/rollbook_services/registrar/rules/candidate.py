"""Which version would automation choose for a lane, and does it ask for it?"""

from collections.abc import Iterator
from itertools import islice

from rollbook.catalogue.parts import PromotionKind
from rollbook.commands.promotion import RequestCandidates, RequestPromotion
from rollbook.names import Version
from rollbook.refusals import Refusal
from rollbook_services.policy.facts import VersionStatus
from rollbook_services.policy.gate import judge
from rollbook_services.policy.shape import AutoPromote
from rollbook_services.policy.stage import Stage
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules.request import next_id, request
from rollbook_services.registrar.seeing import (
    facts_of,
    incumbent_of,
    parent_of,
    stable_in,
)
from rollbook_services.registrar.state import KnownVersion, Model, Promotion
from rollbook_services.registrar.transitions import PromotionState

MOST_LOOKED_AT = 50  # versions above the one that runs
_DECIDES = frozenset({"artifact", "quarantine", "predecessor", "evidence"})


def ask(command: RequestCandidates, decision: Decision) -> Refusal | None:
    """Ask, lane by lane, for what automation would choose; often for nothing."""
    for stage in decision.policy.stages:
        chosen = candidate_of(decision, stage)
        if chosen is None or not _may_ask(decision, stage, chosen):
            continue
        wish = RequestPromotion(
            model=command.model,
            stage=stage.name,
            version=chosen,
            expected_incumbent=incumbent_of(decision.model, stage.name).version,
        )
        request(wish, decision)  # a no changes nothing, and nobody waits for it
    return None


def candidate_of(decision: Decision, stage: Stage) -> Version | None:
    """Return the version automation would choose for a lane, if it may choose."""
    if _has_no_champion(decision.model, stage):
        return None
    if stage.auto_promote is AutoPromote.NEWEST_ELIGIBLE:
        eligible = (
            each
            for each in islice(_newest(decision.model, stage), MOST_LOOKED_AT)
            if _is_eligible(decision, stage, each)
        )
        return next(eligible, None)
    if stage.auto_promote is AutoPromote.MATCH_UPSTREAM and stage.after is not None:
        return _upstream(decision.model, stage)
    return None


def _has_no_champion(model: Model, stage: Stage) -> bool:
    """Tell whether a version could not be compared with what stays."""
    parent = parent_of(stage)
    if parent is None:
        return False
    return model.lane(parent).slot is not None or stable_in(model, parent) is None


def _runs_in(model: Model, stage: Stage) -> Version | None:
    """Return what automation would replace, or let a version run beside."""
    parent = parent_of(stage)
    return incumbent_of(model, parent or stage.name).version


def _newest(model: Model, stage: Stage) -> Iterator[Version]:
    """Go down the versions to the one that runs, which is eligible by running."""
    lowest = _runs_in(model, stage) or 1
    for number in range(len(model.versions), lowest - 1, -1):
        yield Version(number)


def _is_eligible(decision: Decision, stage: Stage, number: Version) -> bool:
    known: KnownVersion = decision.model.versions[number]
    if known.status is not VersionStatus.ACTIVE or stage.name in known.failed_in:
        return False
    asked = [
        each for each in stage.asked(PromotionKind.FORWARD) if each.kind in _DECIDES
    ]
    imagined = _imagined(decision, stage, number, known)
    facts = facts_of(decision.model, imagined, decision.context, decision.at)
    judged = judge(asked, facts, decision.at, mode=stage.mode)
    return all(each.is_open for each in judged)


def _imagined(
    decision: Decision, stage: Stage, number: Version, known: KnownVersion
) -> Promotion:
    """Make the promotion that would be asked for, to look at its gates."""
    return Promotion(
        id=next_id(decision.model),
        kind=PromotionKind.FORWARD,
        stage=stage.name,
        version=number,
        digest=known.digest,
        incumbent=incumbent_of(decision.model, stage.name).version,
        requester=decision.actor.id,
        automatic=True,
        policy_digest=stage.digest,
        requested_at=decision.at,
    )


def _upstream(model: Model, stage: Stage) -> Version | None:
    """Return what is stable in the stages before; where they differ, nothing is."""
    assert stage.after is not None
    stacks = [model.lane(name).stable for name in stage.after.stages]
    tops = {stack[-1].version if stack else None for stack in stacks}
    return tops.pop() if len(tops) == 1 else None


def _may_ask(decision: Decision, stage: Stage, chosen: Version) -> bool:
    """Ask once for a version, never for what a person took away or turned down.

    Again, though, for what another was faster than, and for a comparison that showed
    nothing because what it was compared with changed.
    """
    model = decision.model
    hold = model.lane(stage.name).hold
    is_held = hold is not None and hold.holds(decision.at)
    if is_held or chosen == _runs_in(model, stage):
        return False
    return not any(
        (each.stage, each.version, each.kind)
        == (stage.name, chosen, PromotionKind.FORWARD)
        and each.state is not PromotionState.SUPERSEDED
        and not each.is_void
        for each in model.promotions.values()
    )
