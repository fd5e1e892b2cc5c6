"""How is a command said to be due, and which ones are sent now?"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rollbook.commands.wire import AnyCommand, Request
from rollbook.names import CommandId, EventId

LONGEST_ID: Final = 120  # of 128: room for the count of a further try
LONGEST_LINE: Final = 200


@dataclass(frozen=True, slots=True)
class Due:
    """A command, and what made it due: whoever sends it, sends it under this id."""

    id: str
    command: AnyCommand
    cause: EventId
    correlation: str | None = None
    at: str | None = None
    """When time alone made it due: sent again while that stands, as clocks differ."""

    def request(self, tries: int = 0) -> Request:
        """Write the command as it is sent after so many tries.

        A further try has an id of its own: what the first one recorded would answer.
        """
        told = self.correlation
        return Request(
            id=CommandId(f"{self.id}/{tries}" if tries else self.id),
            correlation_id=told if told and len(told) <= LONGEST_LINE else None,
            causation_id=self.cause,
            command=self.command,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command that was sent."""

    tries: int = 1
    again_at: datetime | None = None
    """When it may be sent again, if it is still due then; None: never."""
    has_begun: bool = False
    """Whether a slot was taken: by it, or by somebody before it."""


Answers = Mapping[str, Answer]
"""What was answered, by the ids of what was due."""


def named(cause: EventId, verb: str, *about: object) -> str:
    """Derive an id from what made a command due."""
    rest = "/".join(map(str, about))
    id_ = f"{cause}/{verb}/{rest}"
    if len(id_) <= LONGEST_ID:
        return id_
    return f"{cause}/{verb}/{hashlib.sha256(rest.encode()).hexdigest()}"


def unanswered(
    due: Iterator[Due], answers: Answers, *, now: datetime, at_most: int
) -> list[Due]:
    """Leave out what was answered for good, or should rest for now; each id once."""
    chosen: dict[str, Due] = {}
    for each in due:
        if each.id not in chosen and _may_go(answers.get(each.id), now):
            chosen[each.id] = each
        if len(chosen) == at_most:
            break
    return list(chosen.values())


def _may_go(answer: Answer | None, now: datetime) -> bool:
    if answer is None:
        return True
    return answer.again_at is not None and answer.again_at <= now
