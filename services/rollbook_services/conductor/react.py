"""What does the ledger ask of the conductor? Pure: it knows nothing but what is given.

By level, not by event: from what is true now follows what is due now, so that a
conductor that was away owes exactly what is still open. Ids come from the events that
made something due; whoever sends it again sends the same command.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

import rfc8785

from rollbook.commands.desired import Document, Target, Wake, key_of
from rollbook.commands.promotion import DispatchPromotion
from rollbook.commands.wire import Request
from rollbook.event import Data
from rollbook.names import (
    CommandId,
    EventId,
    ModelName,
    PromotionId,
    StageName,
    TargetName,
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """The event that made something due."""

    event: EventId
    sequence: int
    correlation: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A promotion whose gates are open."""

    model: ModelName
    stage: StageName
    promotion: PromotionId
    readied: Trigger


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane without a slot holder, and the promotions that wait for it."""

    waiting: Sequence[Waiting]
    freed: Trigger | None = None
    """What freed the slot; None: nobody ever held it."""


@dataclass(frozen=True, slots=True)
class Written:
    """One document that should be in the bucket, and the hint that it is there."""

    key: str
    document: Document
    wake: Wake
    stage: StageName
    target: TargetName

    @property
    def wake_subject(self) -> str:
        """Name where the target's agent listens."""
        return f"rollbook.wake.{self.stage}.{self.target}"


def dispatches(
    lanes: Iterable[Lane], answered: Set[str] = frozenset()
) -> list[Request]:
    """Ask, for each free lane, to dispatch the promotion that waits longest.

    `answered` holds the ids that the registrar answered: yes is in the ledger soon, a
    no would be a no again.
    """
    due = []
    for lane in lanes:
        requests = (each for each in _by_age(lane) if each.id not in answered)
        first = next(requests, None)
        due += [first] if first else []
    return due


def _by_age(lane: Lane) -> Iterator[Request]:
    for waiting in sorted(lane.waiting, key=lambda each: each.readied.sequence):
        yield _dispatch(waiting, lane.freed)


def _dispatch(waiting: Waiting, freed: Trigger | None) -> Request:
    readied = waiting.readied
    cause = freed if freed and freed.sequence > readied.sequence else readied
    return Request(
        # Of one event, several promotions may become due, one after the other.
        id=CommandId(f"{cause.event}/dispatch/{waiting.promotion}"),
        correlation_id=readied.correlation,
        causation_id=cause.event,
        command=DispatchPromotion(model=waiting.model, promotion=waiting.promotion),
    )


def documents(
    model: ModelName, body: bytes, data: Data, *, sequence: int
) -> list[Written]:
    """Make the document of each target from one `lane.desired_set`."""
    stage = StageName(data["stage"])
    encoded = base64.b64encode(body).decode()
    return [
        _document(Target(stage, TargetName(name), model), encoded, data, sequence)
        for name in sorted(data["targets"])
    ]


def _document(target: Target, event: str, data: Data, sequence: int) -> Written:
    key = key_of(target)
    return Written(
        key=key,
        document=Document(
            event=event,
            model=target.model,
            sequence=sequence,
            written_for=f"{target.stage}/{target.target}",
        ),
        wake=Wake(key=key, revision=data["revision"]),
        stage=target.stage,
        target=target.target,
    )


def stored_bytes(raw: Any) -> bytes:
    """Write an accepted event's bytes again: accepted means canonical, so the same."""
    return rfc8785.dumps(raw)
