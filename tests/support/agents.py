"""How does a test get an agent on real NATS, and somebody who answers it?"""

import asyncio
import base64
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.msg import Msg

from rollbook import codec
from rollbook.agent import runtime
from rollbook.agent.config import Config
from rollbook.agent.desired import Trusted, peek_revision
from rollbook.agent.driver import Driver
from rollbook.agent.settings import Settings
from rollbook.catalogue.lane import DesiredSet, DriftPolicy, Traffic, Variant
from rollbook.catalogue.parts import PromotionKind
from rollbook.commands.desired import (
    Document,
    Lease,
    LeaseRequest,
    Target,
    Wake,
    key_of,
)
from rollbook.commands.target import ReportTarget
from rollbook.commands.wire import CREDENTIAL_HEADER, Done, Problem, Request
from rollbook.ledger.bucket import DesiredBucket
from rollbook.names import (
    Digest,
    ModelName,
    PromotionId,
    StageName,
    TargetName,
    Version,
)
from tests.support.nats import NatsServer
from tests.support.recorder import ORIGIN, SEED, Recorder

MODEL = ModelName("acme/fraud")
STAGE, TARGET, USER = "production", "main", "agent-production"
PLACE = Target(StageName(STAGE), TargetName(TARGET), MODEL)
TOKEN = "rbk_token"
TRUSTED = Trusted(
    ORIGIN, Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
)
TIMEOUT_SECONDS = 20
# Short, so that a test need not wait; what is tried how often is said where it counts.
QUICK_RETRY = {"first_pause": 0.05, "tries": 2}

Answer = Callable[[Request], Done | Problem | None]
Leasing = Callable[[LeaseRequest, str], Lease | Problem | None]
Said = tuple[str, int, str | None]


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
    canary: tuple[Variant, int] | None = None,
    previous: Variant | None = None,
    drift: DriftPolicy = DriftPolicy.ALERT,
    beside: str | None = None,
    traffic: Traffic = Traffic.WHOLE,
    share: int = 100,
) -> DesiredSet:
    """Make what a lane desires; `share` is what `served` gets, less the canary's."""
    variants = {"stable": served} if served else {}
    weights = {"stable": share} if served else {}
    if canary is not None and served is not None:
        variants["canary"], weights["canary"] = canary
        weights["stable"] = share - canary[1]
    return DesiredSet(
        stage=StageName(stage),
        revision=revision,
        token=revision if token is None else token,
        promotion=PromotionId(revision),
        kind=PromotionKind.FORWARD,
        variants=variants,
        targets={TargetName(target): weights},
        previous=previous,
        wave=0,
        step=0,
        split_key=None,
        drift=drift,
        beside=StageName(beside) if beside else None,
        traffic=traffic,
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
    leasing: Leasing | None = None
    """Answers in place of the conductor; None: everybody gets the keys."""
    is_drained: bool = False
    renew_seconds: float = 15.0
    leases: list[LeaseRequest] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def root(self) -> Path:
        return self.folder / "served"

    @property
    def current(self) -> Path:
        return self.root / "acme" / "fraud" / "current"

    def settings(
        self, *, root: Path | None = None, token: str = TOKEN, **said: Any
    ) -> Settings:
        said.setdefault("retry", QUICK_RETRY)
        return Settings(
            Config(
                stage=StageName(STAGE),
                target=TargetName(TARGET),
                root=root or self.root,
                **said,
            ),
            nats_url=self.nats.url,
            trusted=TRUSTED,
            user=USER,
            seed=self.nats.seed(USER),
            token=token,
        )

    def credentials(self) -> Path:
        """Write what `rollbook admin hand-out` gives an agent."""
        file = self.folder / "credentials.json"
        content = {
            "nats_url": self.nats.url,
            "event_key": base64.b64encode(TRUSTED.event_key).decode(),
            "origin": TRUSTED.origin,
            "agents": {
                f"{STAGE}/{TARGET}": {
                    "user": USER,
                    "seed": self.nats.seed(USER),
                    "token": TOKEN,
                }
            },
        }
        file.touch(mode=0o600)
        file.write_text(json.dumps(content))
        return file

    def artifact(self, content: bytes, version: int = 1) -> Variant:
        return variant(artifact(self.folder, content), version)

    async def desire(self, event: DesiredSet, *, model: str = MODEL) -> str:
        """Record what should run, write its document, and wake the agent."""
        key = await self.write(event, model=model)
        await self.announce(key, event.revision)
        return key

    async def write(self, event: DesiredSet, *, model: str = MODEL) -> str:
        """Write a document, and wake nobody."""
        key, value = self.document(event, model=model)
        await self.store(key, value)
        return key

    def document(self, event: DesiredSet, *, model: str = MODEL) -> tuple[str, bytes]:
        """Record what should run, and make its document, as the conductor does."""
        [message] = self.recorder.model(model, event)
        return document(message.body, model=model, sequence=message.sequence)

    async def put(self, key: str, value: bytes) -> None:
        """Write anything under a key, as nobody should be able to."""
        await self.store(key, value)
        await self.announce(key, max(peek_revision(value), 1))

    async def store(self, key: str, value: bytes) -> None:
        held = await self.bucket.get(key)
        await self.bucket.put(key, value, expected=held.sequence)

    async def announce(self, key: str, revision: int) -> None:
        self.revisions[key] = revision
        await self.bucket.wake(
            f"rollbook.wake.{STAGE}.{TARGET}",
            Wake(key=key, revision=revision).model_dump_json().encode(),
        )

    def reports(self, stage: str | None = None) -> list[ReportTarget]:
        """List what was reported so far, in order."""
        return [
            each.command
            for each in self.requests
            if isinstance(each.command, ReportTarget)
            and stage in (None, each.command.report.stage)
        ]

    def said(self, stage: str | None = None) -> list[Said]:
        """List what was reported so far: state, revision, reason code."""
        return [
            (str(each.state), each.report.revision, each.reason_code)
            for each in self.reports(stage)
        ]

    async def until_said(self, *expected: Said, stage: str | None = None) -> None:
        """Wait for reports, each once and in this order."""
        await self.until(
            lambda: self.said(stage) == [*expected], lambda: f"{self.said(stage)}"
        )

    async def until(
        self, is_so: Callable[[], bool], told: Callable[[], str] = lambda: ""
    ) -> None:
        """Wait for what the agent's next request brings about."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS), self.changed:
                await self.changed.wait_for(is_so)
        except TimeoutError:
            raise AssertionError(told() or f"reported: {self.said()}") from None

    async def until_leased(self) -> None:
        """Wait until the lease was asked for once more."""
        asked = len(self.leases)
        await self.until(lambda: len(self.leases) > asked)


def document(
    body: bytes, *, model: str = MODEL, sequence: int = 1
) -> tuple[str, bytes]:
    """Wrap a signed event for this target."""
    data = codec.parse(body)["data"]
    own = Target(
        StageName(data.get("beside") or data["stage"]),
        TargetName(next(iter(data["targets"]), TARGET)),
        ModelName(model),
    )
    wrapped = Document(
        event=base64.b64encode(body).decode(),
        model=own.model,
        sequence=sequence,
        written_for=f"{own.stage}/{own.target}",
    )
    return key_of(own, StageName(data["stage"])), wrapped.model_dump_json().encode()


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
            await notify(site)

        async def lease(message: Msg) -> None:
            asked = LeaseRequest.model_validate_json(message.data)
            headers: Mapping[str, str] = message.headers or {}
            answer = _lease(site, asked, headers.get(CREDENTIAL_HEADER, ""))
            if answer is not None:
                await message.respond(answer.model_dump_json().encode())
            site.leases.append(asked)
            await notify(site)

        await registrar.subscribe("rollbook.command.>", "registrar", cb=command)
        await conductor.subscribe("rollbook.lease.edge.>", "conductor", cb=lease)
        await registrar.flush()
        await conductor.flush()
        yield site


def _lease(site: EdgeSite, asked: LeaseRequest, token: str) -> Lease | Problem | None:
    if site.leasing is not None:
        return site.leasing(asked, token)
    return site_lease(site)


def site_lease(site: EdgeSite) -> Lease:
    """Grant the lease, whoever asks."""
    return Lease(
        keys=site.revisions,
        is_drained=site.is_drained,
        renew_seconds=site.renew_seconds,
    )


async def notify(site: EdgeSite) -> None:
    async with site.changed:
        site.changed.notify_all()


@asynccontextmanager
async def running(
    settings: Settings, driver: Driver | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """Run an agent inside this process; stop it gracefully, unless it was killed."""
    stop = asyncio.Event()
    task = asyncio.create_task(runtime.run(settings, stop=stop, driver=driver))
    try:
        yield task
    finally:
        stop.set()
        if not task.cancelled():
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
