"""What is a gate, and what does it answer?"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import GateResult
from rollbook.names import EventId, GateName, Principal
from rollbook_services.policy.facts import Facts

ENFORCE: Final = "enforce"


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


@dataclass(frozen=True, slots=True)
class Answer:
    """A gate's word, what it rests on, and what would change it."""

    status: GateStatus
    detail: str
    inputs: tuple[EventId, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    changes_when: tuple[Change, ...] = ()


class Gate(Protocol):
    """One condition: its settings are fields, its judgement is pure."""

    kind: ClassVar[str]

    @property
    def id(self) -> GateName:
        """Return the name it has in its stage."""

    def evaluate(self, facts: Facts, as_of: datetime) -> Answer:
        """Judge the facts as they are at an instant."""


class GateSettings(BaseModel):
    """A gate as a policy writes it; a misspelt setting is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnyGate = TypeVar("AnyGate", bound=Gate)
_declared: Final[dict[str, type[Gate]]] = {}


def gate(cls: type[AnyGate]) -> type[AnyGate]:
    """Enter a gate in the register under its kind."""
    if cls.kind in _declared:
        raise TypeError(f"gate {cls.kind} is declared twice")
    _declared[cls.kind] = cls
    return cls


@dataclass(frozen=True, slots=True)
class Judged:
    """One gate's result as the ledger records it, and what would change it."""

    result: GateResult
    changes_when: tuple[Change, ...]

    @property
    def is_open(self) -> bool:
        """Tell whether the gate lets the promotion through."""
        return self.result.status is GateStatus.PASS


def judge(gates: Iterable[Gate], facts: Facts, as_of: datetime) -> list[Judged]:
    """Ask every gate, in order."""
    return [_judged(each, each.evaluate(facts, as_of)) for each in gates]


def _judged(asked: Gate, answer: Answer) -> Judged:
    result = GateResult(
        gate=asked.id,
        kind=asked.kind,
        mode=ENFORCE,
        status=answer.status,
        detail=answer.detail,
        inputs=answer.inputs,
        values=answer.values,
    )
    return Judged(result, answer.changes_when)
