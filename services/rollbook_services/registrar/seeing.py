"""What do the gates of a promotion see of a model and of what lies around it?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from rollbook.catalogue.approval import Bound
from rollbook.catalogue.experiment import Beside
from rollbook.names import (
    EventId,
    Principal,
    PromotionId,
    StageName,
    TargetName,
    Version,
)
from rollbook_services.policy.document import Policy
from rollbook_services.policy.facts import (
    AboutModel,
    Bar,
    Champion,
    Drifted,
    Facts,
    Freeze,
    LaneNow,
    LaneStatus,
    Parent,
    Record,
    Registered,
    Waived,
)
from rollbook_services.policy.gate import Judged, judge
from rollbook_services.policy.gates.attestation import Attestation
from rollbook_services.policy.gates.evidence import Evidence
from rollbook_services.policy.quorum import binding
from rollbook_services.policy.stage import Stage
from rollbook_services.policy.strategy import WHOLE
from rollbook_services.registrar.state import KnownVersion, Lane, Model, Promotion
from rollbook_services.registrar.surroundings import Context


def explain(
    model: Model, promotion: Promotion, context: Context, as_of: datetime
) -> list[Judged]:
    """Judge every gate of a promotion at an instant; records nothing."""
    stage = stage_of(context.policy, promotion.stage)
    facts = facts_of(model, promotion, context, as_of)
    return judge(stage.asked(promotion.kind), facts, as_of, mode=stage.mode)


def facts_of(
    model: Model, promotion: Promotion, context: Context, as_of: datetime
) -> Facts:
    """Collect what the gates of a promotion may look at."""
    stage = stage_of(context.policy, promotion.stage)
    version = model.versions[promotion.version]
    bound = bound_of(model, promotion, stage)
    lanes, parent = model.lanes.items(), parent_of(stage)
    return Facts(
        promotion=promotion.id,
        kind=promotion.kind,
        stage=promotion.stage,
        version=promotion.version,
        requester=promotion.requester,
        automatic=promotion.automatic,
        registered=_registered(model, version, stage),
        lane=_lane_now(lane_of(model, stage, context), stage),
        votes=promotion.votes,
        bound=bound,
        binding=binding(bound),
        holders=context.access.holders(as_of),
        model=AboutModel(model.name, model.tier),
        persons=context.access.persons,
        champion=champion_of(model, stable_in(model, parent or promotion.stage)),
        stays={name: lane.stays for name, lane in lanes},
        freezes=tuple(freezes_over(context, promotion.stage)),
        waivers=tuple(waived(model, promotion)),
        empty_stages=frozenset(name for name, lane in lanes if lane.desired is None),
        parent=None
        if parent is None
        else _parent(model, context.policy, stage, parent),
        incomparable=_incomparable(model, promotion, context.policy),
        live_in=frozenset(
            name
            for name, lane in lanes
            if lane.stable and lane.stable[-1].version == promotion.version
        ),
        barred=_barred(model, promotion, context),
        roles_end=context.access.ends(as_of) if promotion.votes else {},
    )


def _registered(model: Model, version: KnownVersion, stage: Stage) -> Registered:
    return Registered(
        event=version.registered,
        digest=version.digest,
        status=version.status,
        producer=version.producer,
        bar=bar_of(version, stage),
        proven_in=version.proven_in,
        label=version.label,
        authors=version.authors,
        datasets=version.datasets,
        parents=version.parents,
        records=records_of(model, version),
    )


def records_of(model: Model, version: KnownVersion) -> tuple[Record, ...]:
    """Return a version's live evidence, in the order of the ledger."""
    known = (model.evidence[each].record for each in version.evidence)
    return tuple(each for each in known if each is not None)


def lane_of(model: Model, stage: Stage, context: Context) -> Lane:
    """Return a lane; a target that is drained by now is not waited for either."""
    lane = model.lane(stage.name)
    asleep = [each for each in stage.targets if (stage.name, each) in context.drained]
    return replace(lane, drained=(*lane.drained, *asleep)) if asleep else lane


def _lane_now(lane: Lane, stage: Stage) -> LaneNow:
    return LaneNow(
        status=status_of(lane, stage),
        slot=lane.slot.promotion if lane.slot else None,
        unreported=unreported(lane, stage),
        hold=lane.hold,
        dispatched_at=lane.dispatched_at,
        drifts=tuple(
            Drifted(name, drift.id, drift.since, drift.accepted)
            for name, drift in sorted(lane.drifts.items())
        ),
    )


def _parent(model: Model, policy: Policy, stage: Stage, name: StageName) -> Parent:
    lane, top = model.lane(name), stable_in(model, name)
    taken = sum(
        found.share
        for other in model.lanes.values()
        if (found := other.experiment) is not None
        and found.parent == name
        and found.beside is Beside.CHALLENGER
    )
    challenger = stage.strategy.challenger
    asked = int(challenger.share.removesuffix("%")) if challenger else 0
    targets = stage_of(policy, name).targets
    return Parent(
        stage=name,
        slot=lane.slot.promotion if lane.slot else None,
        stable=top,
        is_settled=all(_is_alone(lane, each, top) for each in targets),
        is_crowded=challenger is not None and taken + asked >= WHOLE,
    )


def _is_alone(lane: Lane, target: TargetName, top: Version | None) -> bool:
    """Tell whether a target should run the stable version and nothing else."""
    desired = lane.desired
    if desired is None:
        return False
    weights = desired.targets.get(target, {}).items()
    runs = {desired.variants[name].version: weight for name, weight in weights}
    return runs == {top: WHOLE}


def _incomparable(
    model: Model, promotion: Promotion, policy: Policy
) -> dict[StageName, StageName]:
    """Find the stages in which a version has nothing to be compared with."""
    found = {}
    for stage in policy.stages:
        parent = parent_of(stage)
        if parent and stable_in(model, parent) in (None, promotion.version):
            found[stage.name] = parent
    return found


def champion_of(model: Model, number: Version | None) -> Champion | None:
    """Return what a version is compared with; None: with nothing."""
    if number is None:
        return None
    known: KnownVersion = model.versions[number]
    return Champion(number, known.label, records_of(model, known))


def freezes_over(context: Context, stage: StageName) -> Iterator[Freeze]:
    """Return the freezes that cover the lane, open ones and ones to come."""
    for declared in context.freezes:
        stages = declared.covers.stages
        if not stages or stage in stages:
            yield declared.freeze


def waived(model: Model, promotion: Promotion) -> Iterator[Waived]:
    """Return the waivers that were granted for a promotion, run out or not."""
    for waiver in model.waivers.values():
        if waiver.promotion == promotion.id:
            yield from waiver.granted


def _barred(
    model: Model, promotion: Promotion, context: Context
) -> dict[Principal, str]:
    """Say which persons may not vote; the nearest relation is the one that is told."""
    stage = stage_of(context.policy, promotion.stage)
    version = model.versions[promotion.version]
    duties, by = stage.separation_of_duties, context.governing.activated_by
    bars: list[tuple[Principal, str]] = []
    if by is not None and _is_first_under_it(model, promotion, context):
        bars += [(by, "activator")]
    if duties.authors:
        bars += [(each, "author") for each in version.authors]
    if duties.producer:
        bars += [(version.producer, "producer")]
    if duties.requester:
        bars += [(promotion.requester, "requester")]
    persons = context.access.persons
    return {persons.get(who, who): why for who, why in bars}


def _is_first_under_it(model: Model, promotion: Promotion, context: Context) -> bool:
    since = context.governing.activated_at
    dispatched = model.lane(promotion.stage).dispatched_at
    return since is not None and not any(at > since for at in dispatched)


def bound_of(model: Model, promotion: Promotion, stage: Stage) -> Bound:
    """Say what a vote on the promotion is about now."""
    survives = all(gate.survive_rebase for gate in stage.approvals())
    survives = survives and bool(stage.approvals())
    return Bound(
        digest=promotion.digest,
        stage=promotion.stage,
        policy_digest=stage.digest,
        evidence_set=tuple(sorted(_evidence_that_counts(model, promotion, stage))),
        incumbent=None if survives else promotion.incumbent,
        survives_rebase=survives,
    )


def _evidence_that_counts(
    model: Model, promotion: Promotion, stage: Stage
) -> Iterator[EventId]:
    """Name the records the gates ask for; where none asks, any record counts.

    A gate that only warns or observes voids no vote: it changes no dispatch (I21).
    """
    asking = [gate for gate in stage.gates if stage.enforces(gate)]
    kinds = {gate.evidence for gate in asking if isinstance(gate, Evidence)}
    signed = any(isinstance(gate, Attestation) for gate in asking)
    for record in records_of(model, model.versions[promotion.version]):
        asked = record.kind in kinds or (signed and record.attested is not None)
        if asked or not (kinds or signed):
            yield record.id


def stage_of(policy: Policy, name: StageName) -> Stage:
    """Return a stage; one that left the policy guards nothing and serves nowhere."""
    return policy.stage(name) or Stage(name=name)


def parent_of(stage: Stage) -> StageName | None:
    """Return beside which stage versions run here; None: they replace what runs."""
    return stage.beside if stage.strategy.is_beside else None


def places_of(stage: Stage) -> tuple[StageName, ...]:
    """Return where versions of a stage are served: beside another, also as that one."""
    parent = parent_of(stage)
    return (stage.name,) if parent is None else (stage.name, parent)


def bar_of(version: KnownVersion, stage: Stage) -> Bar | None:
    """Return what bars a version from where a stage's versions are served."""
    return next(filter(None, map(version.bar, places_of(stage))), None)


def stable_in(model: Model, stage: StageName) -> Version | None:
    """Return what has proved itself in a lane last, and was not rolled off."""
    stack = model.lane(stage).stable
    return stack[-1].version if stack else None


def status_of(lane: Lane, stage: Stage) -> LaneStatus:
    """Say what a lane accepts."""
    if lane.slot is not None:
        return LaneStatus.MOVING
    if lane.desired is None or not lane.desired.variants:
        return LaneStatus.EMPTY
    return LaneStatus.INDETERMINATE if unreported(lane, stage) else LaneStatus.SETTLED


def unreported(lane: Lane, stage: Stage) -> tuple[TargetName, ...]:
    """Return the targets that have not said what they run since the last change."""
    return tuple(
        name
        for name in stage.targets
        if lane.desired is not None
        and name not in lane.drained
        and not _is_known(lane, name)
    )


def _is_known(lane: Lane, name: TargetName) -> bool:
    target = lane.targets.get(name)
    return (
        target is not None
        and target.revision == lane.revision
        and target.state != "acknowledged"
    )


@dataclass(frozen=True, slots=True)
class Incumbent:
    """What runs in a lane, for compare-and-set, and which promotion brought it."""

    version: Version | None
    promotion: PromotionId | None
    at: datetime | None


def incumbent_of(model: Model, stage: StageName) -> Incumbent:
    """Return the slot holder's version while it moves, else the newest stable one.

    What runs beside another stage replaces nothing, so it is nobody's incumbent.
    """
    lane = model.lane(stage)
    if lane.desired is not None and lane.desired.beside is not None:
        return Incumbent(None, None, None)
    if lane.slot is not None:
        holder = model.promotions[lane.slot.promotion]
        return Incumbent(holder.version, holder.id, lane.slot.since)
    if lane.stable:
        top = lane.stable[-1]
        return Incumbent(top.version, top.promotion, top.since)
    return Incumbent(None, None, None)
