"""How do writers keep an installation busy, and remember what they were told?"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rollbook.catalogue.parts import Artifact, Verdict
from rollbook.commands.alias import MoveAlias
from rollbook.commands.evidence import RecordEvidence
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import RequestPromotion
from rollbook.commands.version import RegisterVersion
from rollbook.commands.wire import AnyCommand, Done, Request
from rollbook.names import (
    AliasName,
    CommandId,
    Digest,
    EvidenceKind,
    ModelName,
    StageName,
    Version,
)
from rollbook_services import main
from tests.support.settling import Sender, Settled, settle
from tests.support.system import WRITERS, System

PROMOTED_EVERY: Final = 4
CHAMPION: Final = AliasName("champion")
STAGING: Final = StageName("staging")
MORE_SECONDS: Final = 120


@dataclass(slots=True)
class Load:
    """What was asked and answered so far."""

    settled: dict[CommandId, Settled] = field(default_factory=dict)
    versions: dict[ModelName, int] = field(default_factory=dict)
    """How many versions of a model were acknowledged."""
    started: list[float] = field(default_factory=list)
    """When each answered request was first sent."""
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def unknown(self) -> int:
        """Count the answers that left open whether something was recorded."""
        return sum(each.unknown for each in self.settled.values())

    async def note(self, settled: Settled, *, started: float) -> None:
        async with self._moved:
            self.settled[settled.request.id] = settled
            self.started.append(started)
            self._moved.notify_all()

    async def until(self, count: int) -> None:
        """Wait until so many requests were answered in all."""
        async with asyncio.timeout(MORE_SECONDS), self._moved:
            await self._moved.wait_for(lambda: len(self.settled) >= count)

    async def more(self, count: int) -> float:
        """Wait until so many requests sent from now on were answered; say how long."""
        begin = time.monotonic()

        def answered() -> int:
            return sum(at >= begin for at in self.started)

        async with asyncio.timeout(MORE_SECONDS), self._moved:
            await self._moved.wait_for(lambda: answered() >= count)
        self.started = [at for at in self.started if at >= begin]
        return time.monotonic() - begin


@asynccontextmanager
async def under_load(
    system: System, writers: Sequence[str] = WRITERS
) -> AsyncIterator[Load]:
    """Keep writers writing, each its own model, until the end of the block.

    Each finishes the request in hand: at the end nothing is left unknown.
    """
    load, stopping = Load(), asyncio.Event()
    async with AsyncExitStack() as stack:
        sending = [
            (
                await stack.enter_async_context(system.sender(name)),
                await system.token(f"svc:{name}", "publisher"),
                deeds(ModelName(f"load/{name}"), system.folder / "artifacts" / name),
            )
            for name in writers
        ]
        async with asyncio.TaskGroup() as tasks:
            for number, (sender, token, work) in enumerate(sending):
                tasks.create_task(_write(sender, token, work, load, number, stopping))
            try:
                yield load
            finally:
                stopping.set()


async def _write(
    sender: Sender,
    token: str,
    work: Iterator[AnyCommand],
    load: Load,
    number: int,
    stopping: asyncio.Event,
) -> None:
    for count, command in enumerate(work):
        if stopping.is_set():
            return
        request = Request(id=CommandId(f"load/{number}/{count}"), command=command)
        started = time.monotonic()
        settled = await settle(sender, request, credential=token)
        assert isinstance(settled.answer, Done), (command, settled.answer)
        if isinstance(command, RegisterVersion):
            load.versions[command.model] = load.versions.get(command.model, 0) + 1
            [event] = settled.answer.events
            assert event["data"]["version"] == load.versions[command.model]
        await load.note(settled, started=started)


def deeds(model: ModelName, folder: Path) -> Iterator[AnyCommand]:
    """Register versions of real files for ever, evaluate them, promote some."""
    yield RegisterModel(model=model, owners=("load",))
    folder.mkdir(parents=True, exist_ok=True)
    previous: Version | None = None
    number = Version(0)
    while True:
        number = Version(number + 1)
        made = artifact(folder / f"{number}.bin", f"{model} {number}".encode())
        yield RegisterVersion(model=model, artifact=made, metrics={"auc": 1 / number})
        yield RecordEvidence(
            model=model,
            version=number,
            kind=EvidenceKind("evaluation"),
            subject_digest=made.digest,
            metrics={"auc": 1 / number},
            verdict=Verdict.PASS,
            produced_at=main.EDGE.now(),
        )
        yield MoveAlias(
            model=model, alias=CHAMPION, version=number, expected_previous=previous
        )
        previous = number
        if number % PROMOTED_EVERY == 1:
            yield RequestPromotion(model=model, stage=STAGING, version=number)


def artifact(file: Path, content: bytes) -> Artifact:
    """Write an artifact and describe it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return Artifact(
        uri=file.as_uri(),
        digest=Digest(f"sha256:{hashlib.sha256(content).hexdigest()}"),
        size_bytes=len(content),
    )
