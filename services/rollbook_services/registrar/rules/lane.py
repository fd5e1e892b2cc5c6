"""Who keeps automation away from a lane, and what does a lane remember?"""

from dataclasses import replace
from datetime import datetime

from rollbook.catalogue.lane import (
    DesiredSet,
    LaneHeld,
    LaneReleased,
    SlotReleased,
    SlotTaken,
    StableAdvanced,
)
from rollbook.catalogue.parts import PromotionKind
from rollbook.commands.lane import PlaceHold, ReleaseHold
from rollbook.names import StageName, Version
from rollbook.refusals import Refusal, invalid_field, unknown_hold
from rollbook.standing import already_held
from rollbook_services.policy.facts import Hold, Stay
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules.known import stage_named
from rollbook_services.registrar.state import (
    Lane,
    Mark,
    Model,
    Slot,
    Stable,
)


def hold(command: PlaceHold, decision: Decision) -> Refusal | None:
    """Keep automation away; one hold is enough."""
    stage = stage_named(decision, command.stage)
    if isinstance(stage, Refusal):
        return stage
    if command.until is not None and command.until <= decision.at:
        return invalid_field("until", "must lie in the future, or be left out")
    now = decision.model.lane(command.stage).hold
    if now is not None and now.holds(decision.at):
        return already_held(command.stage, now.id, by=now.by, reason=now.reason)
    decision.record(
        LaneHeld(
            stage=command.stage,
            by_promotion=None,
            until=command.until,
            reason=command.reason,
        )
    )
    return None


def release(command: ReleaseHold, decision: Decision) -> Refusal | None:
    """Let automation back in."""
    stage = stage_named(decision, command.stage)
    if isinstance(stage, Refusal):
        return stage
    now = decision.model.lane(command.stage).hold
    if now is None or now.id != command.hold:
        actual = now.id if now else None
        return unknown_hold(command.stage, command.hold, actual=actual)
    decision.record(
        LaneReleased(stage=command.stage, hold=now.id, reason=command.reason)
    )
    return None


def held(model: Model, event: LaneHeld, mark: Mark) -> Model:
    """Remember whose hold it is: by a promotion, that of whoever asked for it."""
    by = mark.actor.id
    if event.by_promotion is not None:
        by = model.promotions[event.by_promotion].requester
    placed = Hold(
        id=mark.id,
        by=by,
        by_promotion=event.by_promotion,
        until=event.until,
        reason=event.reason,
    )
    return changed(model, event.stage, replace(model.lane(event.stage), hold=placed))


def released(model: Model, event: LaneReleased, mark: Mark) -> Model:
    """Forget the hold."""
    return changed(model, event.stage, replace(model.lane(event.stage), hold=None))


def slot_taken(model: Model, event: SlotTaken, mark: Mark) -> Model:
    """One promotion may change the lane now; its token outranks all before."""
    lane = replace(
        model.lane(event.stage),
        slot=Slot(event.promotion, mark.at),
        token=event.token,
        last=event.promotion,
    )
    return changed(model, event.stage, lane)


def slot_released(model: Model, event: SlotReleased, mark: Mark) -> Model:
    """Nobody changes the lane."""
    return changed(model, event.stage, replace(model.lane(event.stage), slot=None))


def desired_set(model: Model, event: DesiredSet, mark: Mark) -> Model:
    """Remember what should run; what had drifted is told anew."""
    lane = model.lane(event.stage)
    lane = replace(lane, desired=event, revision=event.revision, drifts={})
    return changed(model, event.stage, lane)


def stable_advanced(model: Model, event: StableAdvanced, mark: Mark) -> Model:
    """Remember what has proved itself."""
    lane = model.lane(event.stage)
    entry = Stable(event.version, event.promotion, mark.at)
    kind = model.promotions[event.promotion].kind
    stack = stack_after(lane.stable, entry, kind)
    stays = _stays_after(lane, event.version, mark.at)
    return changed(model, event.stage, replace(lane, stable=stack, stays=stays))


def stack_after(
    stack: tuple[Stable, ...], entry: Stable, kind: PromotionKind
) -> tuple[Stable, ...]:
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


def _stays_after(lane: Lane, version: Version, at: datetime) -> tuple[Stay, ...]:
    """End the present stay and begin the next; the same version goes on with its."""
    if not lane.stays:
        return (Stay(version, at, None),)
    *before, last = lane.stays
    if last.version == version:
        return lane.stays
    return (*before, replace(last, until=at), Stay(version, at, None))


def changed(model: Model, stage: StageName, lane: Lane) -> Model:
    """Put a lane back."""
    return replace(model, lanes={**model.lanes, stage: lane})
