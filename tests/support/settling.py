"""How does a caller get its answer, whatever dies on the way?

The same command with the same id, until the registrar says what became of it.
"""

import asyncio
import itertools
import random
from dataclasses import dataclass
from typing import Final, Protocol

from rollbook.commands.wire import AnyCommand, Done, Problem, Request
from rollbook.names import CommandId

PATIENCE_SECONDS: Final = 120
LONGEST_PAUSE_SECONDS: Final = 0.05
UNSETTLED: Final = frozenset({"unavailable", "outcome-unknown"})

_numbers: Final = itertools.count(1)


class Sender(Protocol):
    """Carries a command to a registrar."""

    async def send(self, request: Request, *, credential: str) -> Done | Problem: ...


@dataclass(frozen=True, slots=True)
class Settled:
    """A request and what it came to, after how many tries that told nothing."""

    request: Request
    answer: Done | Problem
    unanswered: int = 0
    unknown: int = 0


def new_id() -> CommandId:
    return CommandId(f"test/{next(_numbers)}")


async def settle(sender: Sender, request: Request, *, credential: str) -> Settled:
    """Send a request until it is answered."""
    unanswered = unknown = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = await sender.send(request, credential=credential)
            if isinstance(answer, Done) or answer.code not in UNSETTLED:
                return Settled(request, answer, unanswered, unknown)
            unanswered += 1
            unknown += answer.code == "outcome-unknown"
            await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))


async def accepted(
    sender: Sender,
    command: AnyCommand,
    *,
    credential: str,
    id_: CommandId | None = None,
) -> Done:
    """Have a command recorded that must not be refused."""
    request = Request(id=id_ or new_id(), command=command)
    answer = (await settle(sender, request, credential=credential)).answer
    assert isinstance(answer, Done), answer
    return answer
