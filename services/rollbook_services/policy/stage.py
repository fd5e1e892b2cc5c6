"""What does a policy say of one stage?"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property, reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from rollbook import canonical
from rollbook.catalogue.calendar import InFlight
from rollbook.catalogue.lane import DriftPolicy
from rollbook.catalogue.parts import PromotionKind
from rollbook.names import (
    Digest,
    GateName,
    Line,
    RoleName,
    StageName,
    TargetName,
)
from rollbook_services.policy import gates
from rollbook_services.policy.gate import Gate, declared
from rollbook_services.policy.gates.approvals import Approvals
from rollbook_services.policy.gates.artifact import Artifact
from rollbook_services.policy.gates.drift import DriftGate
from rollbook_services.policy.gates.freeze import FreezeGate
from rollbook_services.policy.gates.hold import HoldGate
from rollbook_services.policy.gates.lane import Lane
from rollbook_services.policy.gates.predecessor import Predecessor
from rollbook_services.policy.gates.quarantine import Quarantine
from rollbook_services.policy.gates.windows import Windows
from rollbook_services.policy.shape import (
    AutoPromote,
    Duration,
    Mode,
    OnRebase,
    Queue,
    Shape,
    is_absent,
)
from rollbook_services.policy.strategy import Strategy
from rollbook_services.policy.window import Window

gates.load()

# The order in which people read them: what the facts say, then people, then time.
_ORDER: Final = ("evidence", "attestation", "soak", "approvals", "rate")
_ALWAYS_ON: Final = ("artifact", "quarantine", "predecessor", "windows", "freeze")
NOT_WRITTEN: Final = frozenset({*_ALWAYS_ON, "drift", "hold", "lane"})
if TYPE_CHECKING:
    WrittenGate = Gate
else:
    WrittenGate = Annotated[
        reduce(or_, (g for kind, g in declared().items() if kind not in NOT_WRITTEN)),
        Field(discriminator="kind"),
    ]


class After(Shape):
    """Where a version must have succeeded before it may come here."""

    stages: tuple[StageName, ...] = Field(min_length=1)
    mode: Literal["all", "any"] = "all"
    still_live: bool = False
    """Whether it has to run there now."""


class Allowed(Shape):
    """How long a change that is under way may take, all pauses included in `total`."""

    ack: Duration = timedelta(minutes=5)
    step: Duration = timedelta(hours=4)
    total: Duration = timedelta(hours=96)


class Profile(StrEnum):
    """How a rollback comes onto the targets."""

    FAST = "fast"
    """All targets at once, and nothing is proved again."""
    SAME = "same"
    """By the stage's own waves and steps."""


def _is_fast(profile: object) -> bool:
    return profile == Profile.FAST


def _is_alert(drift: object) -> bool:
    return drift == DriftPolicy.ALERT


class RollbackRule(Shape):
    """When a version is taken back without anybody asking."""

    when: tuple[Literal["failed", "errored"], ...] = ()
    gates: tuple[GateName, ...] = ()
    """Gates that a rollback has to pass too; none of them by default."""
    after_success: Literal["alert"] = "alert"
    profile: Annotated[Profile, Field(exclude_if=_is_fast)] = Profile.FAST


class BreakGlass(Shape):
    """A class of waivers: what it reaches, who may use it, who looks at it."""

    name: Line
    waives: tuple[Line, ...] = Field(min_length=1)
    """Kinds of gates."""
    roles: tuple[RoleName, ...] = Field(min_length=1)
    second_person: bool = True
    incident_required: bool = True
    valid_for: Duration
    review_within: Duration
    escalation_role: RoleName | None = None


class SeparationOfDuties(Shape):
    """Who may not approve, besides those whom no role allows it."""

    requester: bool = True
    producer: bool = True
    authors: bool = False


class Stage(Shape):
    """One stage: where it is served, what guards it, how it changes.

    The policy's defaults are written into each stage before it is read.
    """

    name: StageName
    targets: tuple[TargetName, ...] = ()
    """None: the stage only keeps the record, nothing is deployed."""
    protected: bool = False
    """Clients ask for its name; its approvals are always enforced."""
    auto_promote: AutoPromote = AutoPromote.NEVER
    after: After | None = None
    gates: Annotated[tuple[WrittenGate, ...], Field(max_length=64)] = ()
    windows: Annotated[tuple[Window, ...], Field(max_length=20)] = ()
    in_flight_when_closed: InFlight = InFlight.FINISH
    strategy: Strategy = Strategy()
    deadlines: Allowed = Allowed()
    rollback: RollbackRule = RollbackRule()
    break_glass: tuple[BreakGlass, ...] = ()
    mode: Mode = Mode.ENFORCE
    expires_after: Duration = timedelta(days=7)
    queue: Queue = Queue.LATEST
    on_rebase: OnRebase = OnRebase.END
    separation_of_duties: SeparationOfDuties = SeparationOfDuties()
    # Left out of the digest while nobody writes them: votes outlive new keys.
    beside: Annotated[StageName | None, Field(exclude_if=is_absent)] = None
    """The stage on whose targets its versions run, beside what runs there."""
    drift: Annotated[DriftPolicy, Field(exclude_if=_is_alert)] = DriftPolicy.ALERT
    """What becomes of a target that runs something else than is desired."""

    @cached_property
    def digest(self) -> Digest:
        """Hash the resolved section: editing another stage voids no vote here."""
        return Digest(canonical.digest(self.model_dump(mode="json")))

    @cached_property
    def _forward(self) -> tuple[Gate, ...]:
        return tuple(self._of_a_change())

    @cached_property
    def _back(self) -> tuple[Gate, ...]:
        asked = set(self.rollback.gates)
        named = (each for each in self._forward if each.id in asked)
        return (Artifact(), Quarantine(), *named, Lane())

    def asked(self, kind: PromotionKind) -> tuple[Gate, ...]:
        """Return the gates of one kind of promotion, the lane last."""
        return self._back if kind is PromotionKind.ROLLBACK else self._forward

    def approvals(self) -> tuple[Approvals, ...]:
        """Return the gates that ask people."""
        return tuple(each for each in self.gates if isinstance(each, Approvals))

    def enforces(self, gate: Gate) -> bool:
        """Tell whether one of its gates blocks, or only warns or observes."""
        return (gate.mode or self.mode) is Mode.ENFORCE

    def glass(self, name: str) -> BreakGlass | None:
        """Find a class of waivers."""
        return next((each for each in self.break_glass if each.name == name), None)

    def _of_a_change(self) -> Iterator[Gate]:
        yield from (Artifact(), Quarantine())
        if self.after is not None:
            yield Predecessor(
                after=self.after.stages,
                need=self.after.mode,
                still_live=self.after.still_live,
            )
        for kind in _ORDER:
            if kind == "rate":
                yield from self._of_time()
            yield from (each for each in self.gates if each.kind == kind)
        yield from (each for each in self.gates if each.kind not in _ORDER)
        if self.drift is DriftPolicy.REQUIRE_ACCEPTANCE:
            yield DriftGate()
        yield from (HoldGate(), Lane())

    def _of_time(self) -> Iterator[Gate]:
        if self.windows:
            yield Windows(windows=self.windows)
        yield FreezeGate()

    def closes_at(self, as_of: datetime) -> datetime | None:
        """Return when its windows next turn, where a change under way minds that."""
        if not self.windows or self.in_flight_when_closed is InFlight.FINISH:
            return None
        return Windows(windows=self.windows).turns_at(as_of)
