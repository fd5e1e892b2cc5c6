"""THE SMALL RULES, as a table of contents, and which rules answer which request.

`decider.py` is the table of a model's requests. All of them are pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, assert_never, cast

from rollbook.catalogue.access import (
    AccessEvent,
    IdentityLinked,
    TokenIssued,
    TokenRevoked,
)
from rollbook.catalogue.bundle import (
    BundleCancelled,
    BundleDispatched,
    BundleFailed,
    BundleRequested,
    BundleRolledBack,
    BundlesEvent,
    BundleSucceeded,
)
from rollbook.catalogue.calendar import CalendarEvent, FreezeDeclared, FreezeLifted
from rollbook.catalogue.fleet import (
    AgentDrained,
    AgentEnrolled,
    AgentLost,
    AgentRecovered,
    AgentRevoked,
    AgentUndrained,
    FleetEvent,
)
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.policy import (
    PoliciesEvent,
    PolicyActivated,
    PolicyEndorsed,
    PolicyProposed,
    PolicyRetired,
    PolicyRetirementRequested,
)
from rollbook.commands.access import (
    AccessCommand,
    IssueToken,
    LinkIdentity,
    RevokeToken,
)
from rollbook.commands.bundle import (
    BundlesCommand,
    CancelBundle,
    DispatchBundle,
    RequestBundle,
    RollBackBundle,
    SettleBundle,
)
from rollbook.commands.calendar import CalendarCommand, DeclareFreeze, LiftFreeze
from rollbook.commands.command import Command, ModelScoped
from rollbook.commands.fleet import (
    DrainAgent,
    EnrolAgent,
    FleetCommand,
    MarkAgent,
    RevokeAgent,
    UndrainAgent,
)
from rollbook.commands.model import ModelCommand
from rollbook.commands.policy import (
    ActivatePolicy,
    EndorsePolicy,
    PoliciesCommand,
    ProposePolicy,
    RetirePolicy,
)
from rollbook.commands.wire import AnyCommand
from rollbook.envelope import Envelope, Stamp
from rollbook.event import Event
from rollbook.names import ModelName
from rollbook.refusals import Refusal
from rollbook.subjects import (
    ACCESS,
    BUNDLES,
    CALENDAR,
    FLEET,
    POLICIES,
    Aggregate,
    model,
    model_name,
)
from rollbook_services.registrar.authorise import may
from rollbook_services.registrar.decider import decide
from rollbook_services.registrar.decision import Decided, Refused
from rollbook_services.registrar.evolve import evolve
from rollbook_services.registrar.governing import Around, context_for
from rollbook_services.registrar.remembered import mark_of, remember
from rollbook_services.registrar.rules import (
    access,
    bundle,
    calendar,
    endorsing,
    fleet,
    policy,
)
from rollbook_services.registrar.state import Model
from rollbook_services.registrar.surroundings import (
    Access,
    Bundles,
    BundleState,
    Calendar,
    Fleet,
    Policies,
    State,
)

Small = Access | Policies | Calendar | Bundles | Fleet
Outcome = Sequence[Event] | Decided | Refusal | Refused
NOBODY: Final[Mapping[ModelName, Model]] = {}
_SMALL: Final[Mapping[Aggregate, type[Small]]] = {
    ACCESS: Access,
    POLICIES: Policies,
    CALENDAR: Calendar,
    BUNDLES: Bundles,
    FLEET: Fleet,
}

_HOMES: Final[Mapping[type[Command], Aggregate]] = {
    **dict.fromkeys((IssueToken, RevokeToken, LinkIdentity), ACCESS),
    **dict.fromkeys(
        (ProposePolicy, EndorsePolicy, ActivatePolicy, RetirePolicy), POLICIES
    ),
    **dict.fromkeys((DeclareFreeze, LiftFreeze), CALENDAR),
    **dict.fromkeys(
        (RequestBundle, DispatchBundle, SettleBundle, CancelBundle, RollBackBundle),
        BUNDLES,
    ),
    **dict.fromkeys(
        (EnrolAgent, RevokeAgent, DrainAgent, UndrainAgent, MarkAgent), FLEET
    ),
}


def initial(aggregate: Aggregate) -> State:
    """Return the state of an aggregate that nothing happened to."""
    name = model_name(aggregate)
    return _SMALL[aggregate]() if name is None else Model(name)


def aggregate_of(command: AnyCommand) -> Aggregate:
    """Say which history a command is about."""
    if isinstance(command, ModelScoped):
        return model(command.model)
    return _HOMES[type(command)]


def decide_any(
    command: AnyCommand,
    state: State,
    around: Around,
    stamp: Stamp,
    *,
    members: Mapping[ModelName, Model] = NOBODY,
) -> Outcome:
    """Answer any request to the aggregate it is about.

    `members` are the models of a bundle, as `rules.bundle.members_of` names them.
    """
    if isinstance(state, Model):
        context = context_for(
            state.name, around.access, around.policies, around.calendar, around.fleet
        )
        return decide(cast("ModelCommand", command), state, context, stamp)
    refusal = may(stamp.actor, command)
    if refusal is not None:
        return refusal
    match state:
        case Access():
            return decide_access(cast("AccessCommand", command), state, around, stamp)
        case Policies():
            return decide_policies(
                cast("PoliciesCommand", command), state, around.access, stamp
            )
        case Calendar():
            return decide_calendar(
                cast("CalendarCommand", command), state, around.policies, stamp
            )
        case Bundles():
            return bundle.decide(
                cast("BundlesCommand", command), state, members, around, stamp
            )
        case Fleet():
            return decide_fleet(cast("FleetCommand", command), state)
        case _:
            assert_never(state)


def decide_access(
    command: AccessCommand, state: Access, around: Around, stamp: Stamp
) -> Sequence[AccessEvent] | Refusal:
    """Answer a request about credentials and persons."""
    match command:
        case IssueToken():
            return access.issue(command, state, around.policies, stamp)
        case RevokeToken():
            return access.revoke(command, state, stamp)
        case LinkIdentity():
            return access.link(command, state)
        case _:
            assert_never(command)


def decide_policies(
    command: PoliciesCommand, state: Policies, known: Access, stamp: Stamp
) -> Sequence[PoliciesEvent] | Refusal:
    """Answer a request about the rules themselves."""
    match command:
        case ProposePolicy():
            return policy.propose(command, state, known, stamp)
        case EndorsePolicy():
            return endorsing.endorse(command, state, known, stamp)
        case ActivatePolicy():
            return policy.activate(command, state, known, stamp)
        case RetirePolicy():
            return policy.retire(command, state, known, stamp)
        case _:
            assert_never(command)


def decide_calendar(
    command: CalendarCommand, state: Calendar, policies: Policies, stamp: Stamp
) -> Sequence[CalendarEvent] | Refusal:
    """Answer a request about when nothing may change."""
    match command:
        case DeclareFreeze():
            return calendar.declare(command, policies, stamp)
        case LiftFreeze():
            return calendar.lift(command, state, stamp)
        case _:
            assert_never(command)


def decide_fleet(command: FleetCommand, state: Fleet) -> Sequence[FleetEvent] | Refusal:
    """Answer a request about agents."""
    match command:
        case EnrolAgent():
            return fleet.enrol(command, state)
        case RevokeAgent():
            return fleet.revoke(command, state)
        case DrainAgent():
            return fleet.drain(command, state)
        case UndrainAgent():
            return fleet.undrain(command, state)
        case MarkAgent():
            return fleet.mark(command, state)
        case _:
            assert_never(command)


def evolve_any(state: State, recorded: Envelope[Event]) -> State:
    """Move any aggregate on; reading has checked that the event is in its place."""
    if isinstance(state, Model):
        return evolve(state, cast("Envelope[ModelEvent]", recorded))
    return replace(
        _evolve(state, recorded),
        commands=remember(state.commands, recorded),
        rev=recorded.rev,
    )


def _evolve(state: Small, recorded: Envelope[Event]) -> Small:
    match state:
        case Access():
            return evolve_access(state, cast("Envelope[AccessEvent]", recorded))
        case Policies():
            return evolve_policies(state, cast("Envelope[PoliciesEvent]", recorded))
        case Calendar():
            return evolve_calendar(state, cast("Envelope[CalendarEvent]", recorded))
        case Bundles():
            return evolve_bundles(state, cast("Envelope[BundlesEvent]", recorded))
        case Fleet():
            return evolve_fleet(state, cast("Envelope[FleetEvent]", recorded))
        case _:
            assert_never(state)


def evolve_access(state: Access, recorded: Envelope[AccessEvent]) -> Access:
    """Apply what one event says of credentials and persons."""
    event, mark = recorded.event, mark_of(recorded)
    match event:
        case TokenIssued():
            return access.issued(state, event, mark)
        case TokenRevoked():
            return access.revoked(state, event, mark)
        case IdentityLinked():
            return access.linked(state, event, mark)
        case _:
            assert_never(event)


def evolve_policies(state: Policies, recorded: Envelope[PoliciesEvent]) -> Policies:
    """Apply what one event says of the rules."""
    event, mark = recorded.event, mark_of(recorded)
    match event:
        case PolicyProposed():
            return policy.proposed(state, event, mark)
        case PolicyEndorsed():
            return policy.endorsed(state, event, mark)
        case PolicyActivated():
            return policy.activated(state, event, mark)
        case PolicyRetirementRequested():
            return policy.retirement_requested(state, event, mark)
        case PolicyRetired():
            return policy.retired(state, event, mark)
        case _:
            assert_never(event)


def evolve_calendar(state: Calendar, recorded: Envelope[CalendarEvent]) -> Calendar:
    """Apply what one event says of the freezes."""
    event, mark = recorded.event, mark_of(recorded)
    match event:
        case FreezeDeclared():
            return calendar.declared(state, event, mark)
        case FreezeLifted():
            return calendar.lifted(state, event, mark)
        case _:
            assert_never(event)


def evolve_bundles(state: Bundles, recorded: Envelope[BundlesEvent]) -> Bundles:
    """Apply what one event says of the bundles."""
    event, mark = recorded.event, mark_of(recorded)
    match event:
        case BundleRequested():
            return bundle.requested(state, event, mark)
        case BundleDispatched():
            return bundle.moved(state, event.bundle, BundleState.DISPATCHED)
        case BundleSucceeded():
            return bundle.moved(state, event.bundle, BundleState.SUCCEEDED)
        case BundleFailed():
            return bundle.moved(state, event.bundle, BundleState.FAILED)
        case BundleCancelled():
            return bundle.moved(state, event.bundle, BundleState.CANCELLED)
        case BundleRolledBack():
            return bundle.moved(state, event.bundle, BundleState.ROLLED_BACK)
        case _:
            assert_never(event)


def evolve_fleet(state: Fleet, recorded: Envelope[FleetEvent]) -> Fleet:
    """Apply what one event says of the agents."""
    event, mark = recorded.event, mark_of(recorded)
    match event:
        case AgentEnrolled():
            return fleet.enrolled(state, event, mark)
        case AgentRevoked():
            return fleet.revoked(state, event, mark)
        case AgentDrained():
            return fleet.drained(state, event, mark)
        case AgentUndrained():
            return fleet.undrained(state, event, mark)
        case AgentLost():
            return fleet.lost(state, event, mark)
        case AgentRecovered():
            return fleet.recovered(state, event, mark)
        case _:
            assert_never(event)
