"""When may nothing change, who says so, and who says that it may again?

Stopping is easier than starting: several roles close lanes, one opens them again.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError

from rollbook.catalogue.calendar import FreezeDeclared, FreezeLifted, InFlight, Lanes
from rollbook.commands.calendar import DeclareFreeze, LiftFreeze
from rollbook.envelope import Actor, Stamp
from rollbook.governing import unknown_freeze
from rollbook.names import (
    EventId,
    Line,
    ModelName,
    RoleName,
    StageName,
)
from rollbook.refusals import (
    Refusal,
    forbidden,
    invalid,
    invalid_field,
    unknown_stage,
)
from rollbook_services.policy.document import BUILT_IN, ModelPattern, is_wild
from rollbook_services.policy.facts import Freeze
from rollbook_services.registrar.authorise import GRANTS, has_grant
from rollbook_services.registrar.governing import active, governing
from rollbook_services.registrar.state import Mark
from rollbook_services.registrar.surroundings import (
    Calendar,
    DeclaredFreeze,
    Policies,
)

_pattern: Final[TypeAdapter[Line]] = TypeAdapter(ModelPattern)


def declare(
    command: DeclareFreeze, policies: Policies, stamp: Stamp
) -> list[FreezeDeclared] | Refusal:
    """Close lanes, from now or from an instant on."""
    models = _spelled(command.covers.models)
    if isinstance(models, Refusal):
        return models
    refusal = (
        _may_not(stamp.actor, models, policies)
        or _covers_nothing(command.covers.stages, policies)
        or _has_no_time(command, stamp.at)
    )
    if refusal is not None:
        return refusal
    begins_now = command.from_at is None or command.from_at <= stamp.at
    stands_still = command.stops_the_line and command.in_flight is InFlight.FINISH
    return [
        FreezeDeclared(
            covers=Lanes(
                models=models, stages=tuple(dict.fromkeys(command.covers.stages))
            ),
            from_at=None if begins_now else command.from_at,
            until=command.until,
            in_flight=InFlight.PAUSE if stands_still else command.in_flight,
            exempt=tuple(sorted(set(command.exempt))),
            waivable=command.waivable,
            stops_the_line=command.stops_the_line,
            reason=command.reason,
            incident=command.incident,
        )
    ]


def _spelled(models: Iterable[Line]) -> tuple[Line, ...] | Refusal:
    """Spell names and patterns as policies do; refuse what can name no model."""
    spelled = []
    for each in models:
        try:
            spelled.append(_pattern.validate_python(each))
        except ValidationError as error:
            fault = {**error.errors()[0], "loc": ("covers", "models")}
            return invalid([fault])
    return tuple(dict.fromkeys(spelled))


def _may_not(
    actor: Actor, models: tuple[Line, ...], policies: Policies
) -> Refusal | None:
    """Refuse whom neither our grants nor the policies of all these models let."""
    if has_grant(actor, DeclareFreeze):
        return None
    listed = [_freeze_by(each, policies) for each in models]
    if listed and all(roles.intersection(actor.roles) for roles in listed):
        return None
    where = f"for {', '.join(models)}" if models else "for every model"
    roles = {*GRANTS[DeclareFreeze], *frozenset().union(*listed)}
    return forbidden(f"declare a freeze {where}", who=actor.id, roles=roles)


def _freeze_by(model: Line, policies: Policies) -> frozenset[RoleName]:
    """Say whom the policy of a model lets freeze it; nobody where it is a pattern."""
    if is_wild(model):
        return frozenset()
    return frozenset(governing(policies, ModelName(model)).policy.spec.freeze_by)


def _covers_nothing(stages: Iterable[StageName], policies: Policies) -> Refusal | None:
    """Refuse a stage that no policy has: nothing would be closed, and nobody told."""
    held = (BUILT_IN, *(policy for _, policy in active(policies)))
    known = dict.fromkeys(name for policy in held for name in policy.names())
    for stage in stages:
        if stage not in known:
            return unknown_stage(stage, list(known))
    return None


def _has_no_time(command: DeclareFreeze, at: datetime) -> Refusal | None:
    begins = max(command.from_at or at, at)
    if command.stops_the_line and begins > at:
        remedy = "stopping the line begins now; leave it out, or do not stop the line"
        return invalid_field("from_at", remedy)
    if command.until is not None and command.until <= begins:
        which = "the freeze begins" if begins > at else "now"
        remedy = f"must lie after {which}; leave it out to freeze until somebody lifts"
        return invalid_field("until", remedy)
    return None


def lift(
    command: LiftFreeze, calendar: Calendar, stamp: Stamp
) -> list[FreezeLifted] | Refusal:
    """Open the lanes again, before the freeze ends by itself."""
    open_ = _not_over(calendar, stamp.at)
    if command.freeze not in open_:
        return unknown_freeze(command.freeze, list(open_))
    return [FreezeLifted(freeze=command.freeze, reason=command.reason)]


def declared(calendar: Calendar, event: FreezeDeclared, mark: Mark) -> Calendar:
    """Remember a freeze under its event's id."""
    freeze = Freeze(
        id=mark.id,
        by=mark.actor.id,
        reason=event.reason,
        from_at=event.from_at or mark.at,
        until=event.until,
        in_flight=event.in_flight,
        exempt=event.exempt,
        waivable=event.waivable,
    )
    known = DeclaredFreeze(freeze, event.covers, event.stops_the_line)
    return replace(calendar, freezes={**_not_over(calendar, mark.at), mark.id: known})


def lifted(calendar: Calendar, event: FreezeLifted, mark: Mark) -> Calendar:
    """Forget the freeze, and those that have run out."""
    left = _not_over(calendar, mark.at)
    left.pop(event.freeze, None)
    return replace(calendar, freezes=left)


def _not_over(calendar: Calendar, at: datetime) -> dict[EventId, DeclaredFreeze]:
    """Keep the freezes whose end has not come; what ended closes nothing any more."""
    return {
        id_: each
        for id_, each in calendar.freezes.items()
        if each.freeze.until is None or at < each.freeze.until
    }
