"""How does a test get an agent on real NATS, and somebody who answers it?"""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.msg import Msg

from rollbook import codec
from rollbook.agent import runtime
from rollbook.agent.desired import Trusted, peek_revision
from rollbook.agent.driver import DriverOptions
from rollbook.agent.settings import Settings
from rollbook.catalogue.lane import DesiredSet, Variant
from rollbook.catalogue.parts import PromotionKind
from rollbook.commands.desired import Lease, LeaseRequest, Wake
from rollbook.commands.target import ReportTarget
from rollbook.commands.wire import Done, Problem, Request
from rollbook.ledger.bucket import DesiredBucket
from rollbook.names import (
    Digest,
    ModelName,
    PromotionId,
    StageName,
    TargetName,
    Version,
)
from rollbook_services.conductor import desired
from rollbook_services.conductor.react.documents import Written, documents
from tests.support.nats import NatsServer
from tests.support.recorder import ORIGIN, SEED, Recorder

MODEL = ModelName("acme/fraud")
STAGE, TARGET, USER = "production", "main", "agent-production"
TRUSTED = Trusted(
    ORIGIN, Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
)
TIMEOUT_SECONDS = 20

Answer = Callable[[Request], Done | Problem | None]


def sha256_of(content: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")


def variant(file: Path, version: int = 1) -> Variant:
    """Describe a file that is there as a version's artifact."""
    content = file.read_bytes()
    return Variant(
        version=Version(version),
        digest=sha256_of(content),
        size_bytes=len(content),
        uri=file.as_uri(),
    )


def desired_set(
    served: Variant | None,
    *,
    revision: int = 1,
    token: int | None = None,
    stage: str = STAGE,
    target: str = TARGET,
) -> DesiredSet:
    return DesiredSet(
        stage=StageName(stage),
        revision=revision,
        token=revision if token is None else token,
        promotion=PromotionId(revision),
        kind=PromotionKind.FORWARD,
        variants={"stable": served} if served else {},
        targets={TargetName(target): {"stable": 100} if served else {}},
        previous=None,
    )


def artifact(folder: Path, content: bytes, *, name: str = "model.bin") -> Path:
    """Write an artifact in a folder of its own."""
    home = folder / sha256_of(content)[-8:]
    home.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(content)
    return home / name


@dataclass(slots=True)
class EdgeSite:
    """Rollbook as an agent sees it: a bucket, a conductor, a registrar."""

    nats: NatsServer
    folder: Path
    bucket: DesiredBucket
    recorder: Recorder = field(default_factory=Recorder)
    revisions: dict[str, int] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    answer: Answer = lambda request: recorded(request, 100)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def root(self) -> Path:
        return self.folder / "served"

    @property
    def current(self) -> Path:
        return self.root / "acme" / "fraud" / "current"

    def settings(self, *, on_switch: str | None = None) -> Settings:
        return Settings(
            stage=STAGE,
            target=TARGET,
            nats_url=self.nats.url,
            trusted=TRUSTED,
            user=USER,
            seed=self.nats.seed(USER),
            token="rbk_token",
            options=DriverOptions(root=self.root, on_switch=on_switch),
        )

    async def desire(self, event: DesiredSet, *, key: str | None = None) -> str:
        """Record what should run and write its document, as the conductor does."""
        written = await self.write(event)
        await self.announce(written.key, event.revision)
        return written.key

    async def write(self, event: DesiredSet) -> Written:
        """Write a document, and wake nobody."""
        [message] = self.recorder.model(MODEL, event)
        [written] = documents(
            MODEL,
            message.body,
            codec.data_of(codec.parse(message.body)),
            sequence=message.sequence,
        )
        await desired.write(self.bucket, written)
        return written

    async def put(self, key: str, value: bytes) -> None:
        """Write anything under a key, as nobody should be able to."""
        held = await self.bucket.get(key)
        await self.bucket.put(key, value, expected=held.sequence)
        await self.announce(key, max(peek_revision(value), 1))

    async def announce(self, key: str, revision: int) -> None:
        self.revisions[key] = revision
        await self.bucket.wake(
            f"rollbook.wake.{STAGE}.{TARGET}",
            Wake(key=key, revision=revision).model_dump_json().encode(),
        )

    def said(self) -> list[tuple[str, int, str | None]]:
        """List what was reported so far: state, revision, reason code."""
        return [
            (
                str(each.command.state),
                each.command.report.revision,
                each.command.reason_code,
            )
            for each in self.requests
            if isinstance(each.command, ReportTarget)
        ]

    async def until_said(self, *expected: tuple[str, int, str | None]) -> None:
        """Wait for reports, each once and in this order."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS), self.changed:
                await self.changed.wait_for(lambda: self.said() == [*expected])
        except TimeoutError:
            raise AssertionError(f"reported: {self.said()}") from None


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for a fact that only looking tells."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.01)


def recorded(request: Request, sequence: int) -> Done:
    return Done(sequence=sequence, rev=1, events=({"commandid": request.id},))


@asynccontextmanager
async def edge_site(nats: NatsServer, folder: Path) -> AsyncIterator[EdgeSite]:
    """Stand in for registrar and conductor on the real accounts."""
    await nats.fresh()
    async with (
        nats.client("conductor", is_appending=True) as conductor,
        nats.client("registrar-commands") as registrar,
    ):
        site = EdgeSite(nats, folder, DesiredBucket.in_core(conductor))

        async def command(message: Msg) -> None:
            request = Request.model_validate_json(message.data)
            answer = site.answer(request)
            if answer is None:
                return
            if request.id not in [each.id for each in site.requests]:
                site.requests.append(request)
            await message.respond(answer.model_dump_json().encode())
            async with site.changed:
                site.changed.notify_all()

        async def lease(message: Msg) -> None:
            LeaseRequest.model_validate_json(message.data)
            await message.respond(Lease(keys=site.revisions).model_dump_json().encode())

        await registrar.subscribe("rollbook.command.>", "registrar", cb=command)
        await conductor.subscribe("rollbook.lease.edge.>", "conductor", cb=lease)
        await registrar.flush()
        await conductor.flush()
        yield site


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """Run an agent inside this process, and stop it gracefully."""
    stop = asyncio.Event()
    task = asyncio.create_task(runtime.run(settings, stop=stop))
    try:
        yield task
    finally:
        stop.set()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await task


@asynccontextmanager
async def process(
    credentials: Path, root: Path, arguments: Sequence[str] = ()
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an agent as its own process; killed at the end, unless it ended."""
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rollbook.agent", "--stage", STAGE),
        *("--target", TARGET, "--root", str(root), "--credentials", str(credentials)),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield agent
    finally:
        if agent.returncode is None:
            agent.kill()
        await agent.communicate()
