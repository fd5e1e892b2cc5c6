"""How is a story told: who does what, and when, in a whole installation?

A story grows by requests that the real rules decide, each at the time that was told
last. Whoever tells one gets it recomputed at the end (`conftest.py`).
"""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from rollbook.catalogue.promotion import PromotionDispatched
from rollbook.commands.calendar import DeclareFreeze, LiftFreeze
from rollbook.commands.explain import Explain
from rollbook.commands.model import RegisterModel
from rollbook.commands.policy import ActivatePolicy, EndorsePolicy, ProposePolicy
from rollbook.commands.promotion import (
    AdvancePromotion,
    DispatchPromotion,
    EvaluatePromotion,
    ExpirePromotion,
    RequestCandidates,
)
from rollbook.commands.wire import AnyCommand
from rollbook.envelope import Actor, Envelope
from rollbook.event import Event
from rollbook.names import EventId, PromotionId, Reason, StageName
from rollbook.refusals import Refusal
from rollbook.subjects import POLICIES
from rollbook_services.policy.document import Policy, digest_of
from rollbook_services.registrar.explaining import explain
from rollbook_services.registrar.state import Lane
from rollbook_services.registrar.surroundings import Policies
from rollbook_services.registrar.transitions import RUNNING
from tests.support.scenario import (
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    STAGING,
    Scenario,
    approve,
    promote,
    register,
)
from tests.support.together import OTHER_RULER, RULER, World, begun

WHY = Reason("because")
BERLIN = "Europe/Berlin"
E = TypeVar("E", bound=Event)


class Story:
    """What has happened so far, and what time it is."""

    def __init__(self) -> None:
        """Begin on a Monday morning, with people and nothing else."""
        self.world: World = begun()
        self.time: datetime = self.world.at

    # When.

    def at(self, written: str, zone: str = "UTC") -> "Story":
        """Let it be this time: `2026-11-24 09:00`; a `fold` of 1 is written `+`."""
        local = datetime.fromisoformat(written.removesuffix("+"))
        fold = int(written.endswith("+"))
        return self.until(local.replace(tzinfo=ZoneInfo(zone), fold=fold))

    def until(self, at: datetime | None) -> "Story":
        """Let it be this instant."""
        assert at is not None
        then = at.astimezone(UTC)
        assert then >= self.time, "a story goes forward"
        self.time = then
        return self

    def later(self, **length: float) -> "Story":
        """Let some time pass."""
        return self.until(self.time + timedelta(**length))

    # Who does what.

    def ask(self, command: AnyCommand, *, by: Actor) -> Scenario:
        """Let somebody ask for something, now."""
        self.world = self.world.when(command, by=by, after=self._passed())
        return self.now

    def let(self, command: AnyCommand, *, by: Actor) -> Scenario:
        """Let somebody ask for something that is accepted, now."""
        self.world = self.world.given(command, by=by, after=self._passed())
        return self.now

    def _passed(self) -> timedelta:
        return self.time - self.world.at

    # What is to be seen.

    @property
    def now(self) -> Scenario:
        """Look at the model, and at what the last request led to."""
        return self.world.scenario()

    def lane(self, stage: StageName) -> Lane:
        """Look at a lane."""
        return self.now.lane(stage)

    def state(self, number: int) -> str:
        """Say where a promotion stands."""
        return self.now.state(number)

    def serves(self, stage: StageName) -> int | None:
        """Say which version should run in a stage."""
        desired = self.lane(stage).desired
        return desired.variants["stable"].version if desired else None

    def said(self, kind: type[E]) -> list[E]:
        """Return everything of a kind that was recorded, oldest first."""
        events = (each.event for each in self.world.ledger)
        return [each for each in events if isinstance(each, kind)]

    def said_by(self, kind: type[Event]) -> Envelope[Event]:
        """Return the newest event of a kind as it was recorded: when, and by whom."""
        ledger = reversed(self.world.ledger)
        return next(each for each in ledger if isinstance(each.event, kind))

    def why(self, number: int) -> str:
        """Say in a sentence where a promotion stands, and what is next."""
        now = self.world.look()
        command = Explain(model=FRAUD, promotion=PromotionId(number))
        told = explain(now.model, now.context, command, self.time)
        assert not isinstance(told, Refusal)
        return str(told["answer"])

    # What is told often.

    def model(self, versions: int, **fields: Any) -> None:
        """Let the pipeline register the model and so many versions."""
        self.let(RegisterModel(model=FRAUD, **fields), by=PIPELINE)
        for number in range(1, versions + 1):
            self.let(register(number), by=PIPELINE)

    def rule(self, policy: Policy) -> None:
        """Let one owner propose a policy, another endorse it, and let it hold."""
        written = policy.model_dump(mode="json", by_alias=True, exclude_unset=True)
        is_first = not self.world.known(POLICIES, Policies).policies
        digest = digest_of(written)
        self.let(ProposePolicy(document=written, reason=WHY), by=RULER)
        if not is_first:
            agree = EndorsePolicy(policy=policy.name, digest=digest)
            self.let(agree, by=OTHER_RULER)
        self.let(ActivatePolicy(policy=policy.name, digest=digest), by=RULER)

    def freeze(self, *, by: Actor = DAVE, **fields: Any) -> EventId:
        """Let somebody close every lane."""
        self.let(DeclareFreeze(reason=Reason("year end"), **fields), by=by)
        return self.world.last_id()

    def thaw(self, freeze: EventId, *, by: Actor = DAVE) -> None:
        """Let somebody open them again."""
        self.let(LiftFreeze(freeze=freeze, reason=WHY), by=by)

    def request(
        self, version: int, stage: StageName, *, by: Actor = PIPELINE, **changes: Any
    ) -> int:
        """Let somebody ask for a version in a stage; return the promotion."""
        self.let(promote(version, stage, **changes), by=by)
        return self.newest

    @property
    def newest(self) -> int:
        """Return the newest promotion."""
        return len(self.now.model.promotions)

    def approve(self, number: int, *by: Actor) -> Scenario:
        """Let people approve what they are shown."""
        for who in by:
            self.let(approve(number, self.now), by=who)
        return self.now

    def dispatch(self, number: int) -> Scenario:
        """Let the conductor dispatch a promotion."""
        command = DispatchPromotion(model=FRAUD, promotion=PromotionId(number))
        return self.ask(command, by=CONDUCTOR)

    def wake(self, number: int) -> Scenario:
        """Let the conductor look at a promotion."""
        running = self.now.promotion(number).state in RUNNING
        kind = AdvancePromotion if running else EvaluatePromotion
        return self.let(kind(model=FRAUD, promotion=PromotionId(number)), by=CONDUCTOR)

    def expire(self, number: int) -> Scenario:
        """Let the conductor say that a promotion's time is over."""
        command = ExpirePromotion(model=FRAUD, promotion=PromotionId(number))
        return self.ask(command, by=CONDUCTOR)

    def consider(self) -> Scenario:
        """Let the conductor wake automation."""
        return self.let(RequestCandidates(model=FRAUD), by=CONDUCTOR)

    def apply(self, stage: StageName) -> Scenario:
        """Let the agents of a stage apply what is desired."""
        desired = self.lane(stage).desired
        assert desired is not None
        for target in desired.targets:
            after = self._passed()
            self.world = self.world.applied(FRAUD, stage, target=target, after=after)
        return self.now

    def fail(self, stage: StageName, code: str = "load_failed") -> Scenario:
        """Let the agent of a stage fail."""
        self.world = self.world.applied(FRAUD, stage, code=code, after=self._passed())
        return self.now

    def live(self, version: int, stage: StageName = STAGING, *by: Actor) -> int:
        """Let a version go all the way into a stage, approved by some people."""
        number = self.request(version, stage)
        self.approve(number, *by)
        self.dispatch(number).event(PromotionDispatched)
        self.apply(stage)
        assert self.state(number) == "SUCCEEDED", self.state(number)
        return number
