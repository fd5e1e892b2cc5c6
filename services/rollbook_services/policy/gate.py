"""What is a gate, and what does it answer?"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final, Protocol, TypeVar

from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import GateResult
from rollbook.names import EventId, GateName, Principal
from rollbook_services.policy import expression
from rollbook_services.policy.facts import Facts
from rollbook_services.policy.shape import Mode, Shape


class By(StrEnum):
    """Who or what can open a closed gate."""

    TIME = "time"
    PERSON = "person"
    PIPELINE = "pipeline"
    RELEASE_MANAGER = "release-manager"


@dataclass(frozen=True, slots=True)
class Barred:
    """A person who holds the role and still may not."""

    who: Principal
    why: str


@dataclass(frozen=True, slots=True)
class Change:
    """What would change a gate's answer."""

    by: By
    what: str
    who: tuple[Principal, ...] = ()
    barred: tuple[Barred, ...] = ()
    at: datetime | None = None
    """The earliest moment, where time alone does it."""
    command: str | None = None
    """What to type."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A gate's word, what it rests on, and what would change it."""

    status: GateStatus
    detail: str
    inputs: tuple[EventId, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    changes_when: tuple[Change, ...] = ()
    recheck_at: datetime | None = None
    """When time alone may change the word; None: only events can (I14)."""


class Gate(Protocol):
    """One condition: its settings are fields, its judgement is pure."""

    is_binding: ClassVar[bool]
    is_enforced: ClassVar[bool]

    @property
    def kind(self) -> str:
        """Return what it looks at."""

    @property
    def id(self) -> GateName:
        """Return the name it has in its stage."""

    @property
    def mode(self) -> Mode | None:
        """Return its own mode; None: the stage's."""

    @property
    def when(self) -> str | None:
        """Return the expression that says where it applies; None: everywhere."""

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Judge the facts as they are at an instant."""

    def is_waivable(self, facts: Facts, as_of: datetime) -> bool:
        """Tell whether a waiver reaches what keeps it closed at an instant."""


class GateSettings(Shape):
    """A gate as a policy writes it, under `kind`, `id` and its own settings."""

    is_binding: ClassVar[bool] = False
    """Whether it is always enforced, and no waiver reaches it."""
    is_enforced: ClassVar[bool] = False
    """Whether no mode softens it: a person's word is no condition of the policy."""
    mode: Mode | None = None
    when: str | None = None
    """CEL over `champion version model stage lineage request`; unknown: it applies."""

    def is_waivable(self, facts: Facts, as_of: datetime) -> bool:
        """Tell whether a waiver reaches it; what is binding none does."""
        return not self.is_binding


AnyGate = TypeVar("AnyGate", bound=type[Gate])
_declared: Final[dict[str, type[Gate]]] = {}


def gate(cls: AnyGate) -> AnyGate:
    """Enter a gate in the register under its kind."""
    fields = getattr(cls, "model_fields")  # noqa: B009 - gates are pydantic models
    kind = fields["kind"].default
    if kind in _declared:
        raise TypeError(f"gate {kind} is declared twice")
    _declared[kind] = cls
    return cls


def declared() -> dict[str, type[Gate]]:
    """Return every gate by its kind."""
    return dict(_declared)


@dataclass(frozen=True, slots=True)
class Judged:
    """One gate's result as the ledger records it, and what would change it."""

    result: GateResult
    changes_when: tuple[Change, ...]

    @property
    def is_open(self) -> bool:
        """Tell whether the gate lets the promotion through."""
        lets_through = (GateStatus.PASS, GateStatus.WAIVED)
        return self.result.mode != Mode.ENFORCE or self.result.status in lets_through


def judge(
    gates: Iterable[Gate], facts: Facts, as_of: datetime, *, mode: Mode = Mode.ENFORCE
) -> list[Judged]:
    """Ask every gate, in order; `mode` holds for those that name none themselves."""
    return [
        Judged(_result(each, answer, facts, as_of, mode), answer.changes_when)
        for each in gates
        for answer in (_answer(each, facts, as_of),)
    ]


def _answer(asked: Gate, facts: Facts, as_of: datetime) -> Answer:
    if asked.when is not None and not expression.applies(asked.when, facts, as_of):
        return Answer(GateStatus.PASS, f"does not apply: not {asked.when}"[:2000])
    return asked.evaluate(facts, as_of)


def _result(
    asked: Gate, answer: Answer, facts: Facts, as_of: datetime, mode: Mode
) -> GateResult:
    waiver = None
    if answer.status is not GateStatus.PASS and asked.is_waivable(facts, as_of):
        waiver = facts.waiver(asked.id, as_of)
    recheck = answer.recheck_at
    if waiver is not None:
        recheck = min(filter(None, (recheck, waiver.until)))
    return GateResult(
        gate=asked.id,
        kind=asked.kind,
        mode=_mode(asked, mode),
        status=GateStatus.WAIVED if waiver else answer.status,
        detail=_waived(answer) if waiver else answer.detail,
        inputs=answer.inputs,
        values=answer.values,
        recheck_at=recheck,
        waiver=waiver.id if waiver else None,
    )


def _mode(asked: Gate, mode: Mode) -> Mode:
    if asked.is_binding or asked.is_enforced:
        return Mode.ENFORCE
    return asked.mode or mode


def _waived(answer: Answer) -> str:
    return f"waived; {answer.status}: {answer.detail}"[:2000]
