"""What do the rules of a policy say, in plain sentences?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rollbook_services.cli.policy.changing import (
    Line,
    of_a_change,
    of_the_way_back,
)
from rollbook_services.cli.policy.joining import MODES, all_of, any_of, people
from rollbook_services.cli.policy.times import recurring

if TYPE_CHECKING:
    from datetime import timedelta

    from rollbook_services.policy.document import ChangeControl, Policy
    from rollbook_services.policy.gate import Gate
    from rollbook_services.policy.stage import BreakGlass, Stage
    from rollbook_services.policy.window import Window


_AUTO: Final = {
    "never": "somebody has to ask for it",
    "newest_eligible": "automation asks for the newest version whose facts are in",
    "match_upstream": "automation asks for what is stable in the stages before",
}
_QUEUE: Final = {
    "latest": "the newest request goes on, older ones end",
    "fifo": "one after another, in the order they were asked for",
    "single": "a second one is refused while one is open",
}
_IN_FLIGHT: Final = {
    "finish": "goes on to its end",
    "pause": "stands still until it opens",
    "abort": "is ended",
}
_DUTIES: Final = {
    "requester": "who asked for it",
    "producer": "who made the version",
    "authors": "who wrote it",
}


def of_the_whole(policy: "Policy") -> Iterator[Line]:
    """Say whom the policy concerns and how it is changed."""
    spec = policy.spec
    yield "holds for", all_of(spec.applies_to.models)
    if policy.metadata.owners:
        yield "owned by", all_of(policy.metadata.owners)
    control = spec.change_control
    yield "changed by", _agreement(control)
    if spec.freeze_by:
        yield "frozen by", f"{any_of(spec.freeze_by)} too; a release-manager lifts it"
    if spec.aliases.protected:
        guarded = all_of(spec.aliases.protected)
        yield "aliases", f"{guarded}: moved by a release-manager only"
    for alias, stage in spec.aliases.follow.items():
        yield "aliases", f"{alias} always names what is stable in {stage}"


def _agreement(control: "ChangeControl") -> str:
    if not control.endorsements:
        return "a proposal; nobody else has to agree"
    needed = people(control.endorsements, control.role)
    verb = "agrees" if control.endorsements == 1 else "agree"
    return f"a proposal with which {needed} {verb}, besides who made it"


def of_a_stage(stage: "Stage") -> Iterator[Line]:
    """Say what must be true, who must approve, when, and how it is taken back."""
    yield "served on", _place(stage)
    if stage.protected:
        yield "protected", "whoever asks has to type its name"
    yield "asked for", _AUTO[stage.auto_promote]
    yield from _before(stage)
    for gate in stage.gates:
        if gate.kind not in ("approvals", "rate"):
            yield "must hold", f"{gate.id}: {_gate(gate)}{_mode(gate, stage)}"
    yield from _people_of(stage)
    yield from _time(stage)
    yield from of_a_change(stage)
    yield from of_the_way_back(stage)
    for glass in stage.break_glass:
        yield "emergency", _glass(glass)


def _place(stage: "Stage") -> str:
    if stage.beside is not None:
        return f"the targets of {stage.beside}, beside what runs there"
    return all_of(stage.targets) if stage.targets else "nothing, a record"


def _before(stage: "Stage") -> Iterator[Line]:
    if stage.after is None:
        return
    join = all_of if stage.after.mode == "all" else any_of
    live = ", and runs there still" if stage.after.still_live else ""
    yield "first", f"the version succeeded in {join(stage.after.stages)}{live}"


def _gate(gate: "Gate") -> str:
    from rollbook_services.policy.gates.attestation import Attestation
    from rollbook_services.policy.gates.evidence import Evidence
    from rollbook_services.policy.gates.soak import Soak
    from rollbook_services.policy.shape import write_duration

    where = f", where {gate.when}" if gate.when else ""
    match gate:
        case Evidence():
            on = f" on {gate.dataset}" if gate.dataset else ""
            asked = gate.expr or "its verdict is pass"
            age = _not_older(gate.max_age)
            lacking = f"; while nothing can be known, it {gate.on_missing}s"
            return f"by the latest {gate.evidence}{on}{age}: {asked}{where}{lacking}"
        case Attestation():
            return f"{any_of(gate.issuers)} signed {gate.predicate} of its bytes{where}"
        case Soak():
            lasts = write_duration(gate.lasts)
            return f"it was stable in {gate.stage} for {lasts} without a break{where}"
        case _:
            return f"a gate of kind {gate.kind}{where}"


def _not_older(max_age: "timedelta | None") -> str:
    from rollbook_services.policy.shape import write_duration

    return f", not older than {write_duration(max_age)}" if max_age else ""


def _people_of(stage: "Stage") -> Iterator[Line]:
    from rollbook_services.policy.shape import write_duration

    gates = stage.approvals()
    for gate in gates:
        slots = " and ".join(people(slot.count, slot.role) for slot in gate.slots)
        apart = ", all different people" if len(gate.seats()) > 1 else ""
        lasts = f" for {write_duration(gate.valid_for)}" if gate.valid_for else ""
        noes = gate.noes_needed
        opens = "once the facts are in" if gate.opens == "evidence" else "at once"
        yield (
            "approved by",
            f"{gate.id}: {slots}{apart}, asked {opens}{_mode(gate, stage)}",
        )
        ends = "one no ends it" if noes == 1 else f"{noes} noes end it"
        yield "", f"a yes counts{lasts} for these bytes and this evidence; {ends}"
    duties = stage.separation_of_duties.model_dump()
    barred = [said for name, said in _DUTIES.items() if duties[name]]
    if gates and barred:
        yield "", f"never by {any_of(barred)}"
    if not gates:
        yield "approved by", "nobody has to"


def _time(stage: "Stage") -> Iterator[Line]:
    from rollbook_services.policy.gates.rate import Rate
    from rollbook_services.policy.shape import write_duration

    for window in stage.windows:
        yield "when", _window(window)
    if stage.windows:
        rest = _IN_FLIGHT[stage.in_flight_when_closed]
        yield "", f"what is under way when it shuts {rest}"
    for gate in stage.gates:
        if isinstance(gate, Rate):
            per = write_duration(gate.per)
            yield "how often", f"at most {gate.max} in {per}{_mode(gate, stage)}"
    yield "queue", _QUEUE[stage.queue]
    expires = write_duration(stage.expires_after)
    yield "expires", f"{expires} after it was asked for, if it still waits"


def _window(window: "Window") -> str:
    from rollbook_services.policy.shape import write_duration

    word = "only within" if window.kind == "allow" else "never within"
    lasts = write_duration(window.lasts)
    when = recurring(window.rrule, window.start)
    return f"{word} {window.name}: {when} for {lasts}, {window.zone} time"


def _glass(glass: "BreakGlass") -> str:
    from rollbook_services.policy.shape import write_duration

    second = " with a second person" if glass.second_person else ""
    incident = ", naming an incident" if glass.incident_required else ""
    senior = glass.escalation_role
    late = f"; if that is late, {senior} has to agree to the next" if senior else ""
    return (
        f"{glass.name}: {any_of(glass.roles)}{second} may waive {all_of(glass.waives)}"
        f"{incident}, for {write_duration(glass.valid_for)}; somebody else looks at it "
        f"within {write_duration(glass.review_within)}{late}"
    )


def _mode(gate: "Gate", stage: "Stage") -> str:
    return MODES.get(gate.mode or stage.mode, "")
