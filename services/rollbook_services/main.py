"""The composition root: the only place that opens adapters and wires them together."""

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypedDict, cast

import structlog
from faststream.nats import NatsBroker
from faststream.nats.security import NatsNKey

from rollbook import canonical, catalogue
from rollbook.commands.access import IssueToken
from rollbook.commands.fleet import EnrolAgent
from rollbook.commands.wire import Request
from rollbook.errors import Misconfigured
from rollbook.ledger import streams
from rollbook.ledger.bucket import DesiredBucket, LeaseBucket
from rollbook.ledger.commands import CommandSender
from rollbook.ledger.connection import (
    Connection,
    connect,
    options,
    read_seed,
    trusting,
)
from rollbook.ledger.jetstream import JetStreamLedger
from rollbook.names import CommandId, Digest
from rollbook.refusals import Refusal
from rollbook.subjects import FLEET, POLICIES
from rollbook_projections.audit.handlers import AUDIT
from rollbook_projections.database import open_database
from rollbook_projections.lineage.declaration import LINEAGE
from rollbook_projections.projection import Projection
from rollbook_projections.projector import Projector
from rollbook_projections.service import Follower, follow
from rollbook_projections.stage.declaration import STAGE
from rollbook_services.conductor import service as conductor_service
from rollbook_services.conductor.conductor import Conductor
from rollbook_services.conductor.declaration import CONDUCTOR
from rollbook_services.conductor.leases import Leases
from rollbook_services.conductor.measuring import Measuring
from rollbook_services.conductor.prometheus import prometheus
from rollbook_services.conductor.service import Task
from rollbook_services.conductor.watch import Watch
from rollbook_services.gateway import expiry, promises
from rollbook_services.gateway import service as gateway_service
from rollbook_services.gateway.gateway import (
    Gateway,
    Installation,
    Source,
    ViewName,
)
from rollbook_services.gateway.jobs import Jobs
from rollbook_services.gateway.people import People
from rollbook_services.keys import open_key
from rollbook_services.policy.expression.engine import load
from rollbook_services.registrar import service as registrar_service
from rollbook_services.registrar.cache import Cache
from rollbook_services.registrar.command_handler import CommandHandler, Edge
from rollbook_services.registrar.genesis import REGISTRAR, open_ledger
from rollbook_services.registrar.snapshots import open_snapshots
from rollbook_services.registrar.surroundings import Fleet, Policies
from rollbook_services.settings import Settings

catalogue.load()

VIEWS: Final = (STAGE, LINEAGE, AUDIT)
# FastStream gives loggers under its own name a handler of its own.
BROKER_LOG: Final = logging.getLogger("rollbook.broker")
BROKER_LOG.setLevel(logging.WARNING)
log = structlog.stdlib.get_logger(__name__)
EDGE: Final = Edge(
    now=lambda: datetime.now(UTC),  # noqa: TID251
    entropy=lambda: os.urandom(16),
)


@dataclass(frozen=True, slots=True)
class Site:
    """Where this installation's NATS is and how its users sign in."""

    settings: Settings
    url: str
    seeds: Path
    """One `<user>.nk` for each NATS user this process acts as."""

    def connect(
        self, user: str, *, is_appending: bool = False
    ) -> AbstractAsyncContextManager[Connection]:
        """Open a connection as one user."""
        seed = read_seed(self.seeds / f"{user}.nk")
        return connect(
            self.url, user=user, seed=seed, tls=self._tls(), is_appending=is_appending
        )

    @property
    def is_sys(self) -> bool:
        """Tell whether this process may ask the servers for their settings."""
        return (self.seeds / "sys.nk").exists()

    def broker(self, user: str) -> NatsBroker:
        """Make the broker through which a service of account SERVICES listens."""
        return NatsBroker(
            self.url.split(","),
            security=NatsNKey.from_seed(
                read_seed(self.seeds / f"{user}.nk"), ssl_context=self._tls()
            ),
            js_options={"prefix": streams.CORE_PREFIX},
            logger=BROKER_LOG,
            log_level=logging.DEBUG,
            apply_types=False,
            **options(user),
        )

    @property
    def authority(self) -> str:
        """Return the PEM text of NATS's own authority; empty where none is named."""
        path = self.settings.nats.ca
        if path is None:
            return ""
        try:
            return path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured("nats.ca", f"{path} cannot be read: {error}") from error

    def _tls(self) -> ssl.SSLContext | None:
        return trusting(self.authority) if self.settings.nats.ca else None


async def prepare(site: Site) -> None:
    """Check the server's promises; make the streams, or check them.

    Raises Misconfigured with the remedy when a promise of the ledger cannot be kept.
    """
    nats = site.settings.nats
    if site.is_sys:
        async with site.connect("sys") as system:
            await streams.check_server(system)
    if not nats.manage_streams:
        return
    async with site.connect("core-admin") as core, site.connect("edge-admin") as edge:
        await streams.provision(core, edge, replicas=nats.replicas)


@asynccontextmanager
async def registrar(
    site: Site,
    *,
    tokens: Sequence[IssueToken] = (),
    agents: Sequence[EnrolAgent] = (),
) -> AsyncIterator[registrar_service.Registrar]:
    """Run one registrar; any number may run at once.

    `tokens` are issued at the start, each once: how an installation gets its first.
    `agents` are enrolled if the ledger never knew them: what people did later stays.
    """
    data, origin = site.settings.server.data, site.settings.server.origin
    signer = open_key(data / "keys" / "event.pem")
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            site.connect("registrar", is_appending=True)
        )
        await streams.check_stream(client, streams.LEDGER)
        ledger = JetStreamLedger(client)
        chain = await open_ledger(
            ledger,
            signer,
            origin=origin,
            stream_settings=_settings_digest(),
            at=EDGE.now(),
            entropy=EDGE.entropy(),
        )
        snapshots = open_snapshots(data / "registrar.db")
        stack.callback(snapshots.close)
        cache = Cache(ledger, chain, snapshots)
        head = await ledger.head()  # from here on followed: no revocation in between
        await cache.warm()
        await _ready(cache)
        stack.push_async_callback(cache.close)
        handler = CommandHandler(ledger, cache, signer, origin=origin, edge=EDGE)
        await _issue(handler, tokens)
        await _enrol(handler, cache, agents)
        service = registrar_service.Registrar(
            cache, handler, EDGE, event_key=signer.public
        )
        following = asyncio.create_task(
            registrar_service.follow(ledger, cache, after=head)
        )
        stack.push_async_callback(_end, following)
        broker = site.broker("registrar-commands")
        await stack.enter_async_context(registrar_service.serve(broker, service))
        yield service


@asynccontextmanager
async def source(site: Site, projection: Projection) -> AsyncIterator[Source]:
    """Open one view's database, and the ledger as its user may replay it."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(site.connect(projection.name))
        database = await stack.enter_async_context(
            open_database(site.settings.database_url(projection.name), projection.name)
        )
        projector = Projector(projection, database)
        ledger = JetStreamLedger(client, prefix=streams.CORE_PREFIX)
        yield Source(projection, database, projector, ledger)


@asynccontextmanager
async def following(site: Site, view: Source) -> AsyncIterator[Follower]:
    """Keep one view up with the ledger while the context is open."""
    broker = site.broker(view.projection.name)
    async with follow(broker, view.projector, view.ledger) as follower:
        yield follower


@asynccontextmanager
async def projections(
    site: Site, views: Sequence[Projection] = VIEWS
) -> AsyncIterator[dict[ViewName, Source]]:
    """Run these views' consumers; each has its own database and connection."""
    async with AsyncExitStack() as stack:
        sources = await sources_of(stack, site, views)
        for view in sources.values():
            await stack.enter_async_context(following(site, view))
        yield sources


async def sources_of(
    stack: AsyncExitStack, site: Site, views: Sequence[Projection] = VIEWS
) -> dict[ViewName, Source]:
    """Open several views for reading."""
    return {
        cast("ViewName", each.name): await stack.enter_async_context(source(site, each))
        for each in views
    }


@asynccontextmanager
async def conductor(site: Site, *, credential: str) -> AsyncIterator[Follower]:
    """Run one conductor; any number may run, each with its own data directory."""
    url = f"sqlite:///{site.settings.server.data}/conductor.db"
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(site.connect("conductor"))
        database = await stack.enter_async_context(open_database(url, CONDUCTOR.name))
        projector = Projector(CONDUCTOR, database)
        sender = CommandSender(client, user="conductor")
        bucket, life = LeaseBucket(client), site.settings.conductor.lease_seconds
        says: _Says = {"credential": credential, "now": EDGE.now}
        watch = Watch(database, sender, bucket, lease_seconds=life, **says)
        leases = Leases(
            database,
            bucket,
            now=EDGE.now,
            noticed=watch.notice,
            lease_seconds=life,
        )
        desired = DesiredBucket.in_core(client)
        tasks: list[Task] = [Conductor(projector, sender, desired, **says), watch]
        metrics = site.settings.prometheus
        if metrics.url:
            server = await stack.enter_async_context(
                prometheus(metrics.url, token_file=metrics.token_file)
            )
            tasks.append(Measuring(projector, sender, server, **says))
        yield await stack.enter_async_context(
            conductor_service.serve(
                site.broker("conductor"),
                projector,
                JetStreamLedger(client, prefix=streams.CORE_PREFIX),
                leases,
                tasks,
            )
        )


class _Says(TypedDict):
    """As whom a part of the conductor speaks, and by which clock."""

    credential: str
    now: Callable[[], datetime]


@asynccontextmanager
async def gateway(
    site: Site, sources: Mapping[ViewName, Source], people: People
) -> AsyncIterator[str]:
    """Answer HTTP over these views; yield the address."""
    server = site.settings.server
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(site.connect("gateway"))
        jobs = await stack.enter_async_context(asyncio.TaskGroup())
        parts = Gateway(
            sender=CommandSender(client, user="gateway"),
            sources=sources,
            people=people,
            jobs=Jobs(jobs),
            now=EDGE.now,
            stopping=asyncio.Event(),
            installation=Installation(nats_url=site.url, nats_ca=site.authority),
            checks=(
                partial(promises.look, site.connect, is_sys=site.is_sys),
                partial(expiry.look, sources["audit"].database, EDGE.now),
            ),
        )
        yield await stack.enter_async_context(
            gateway_service.serve(parts, host=server.host, port=server.port)
        )


async def _ready(cache: Cache) -> None:
    """Import the expression engine where a policy may ask it: not in a decision."""
    policies = (await cache.load(POLICIES)).state
    if isinstance(policies, Policies) and policies.policies:
        await asyncio.to_thread(load)


async def _issue(handler: CommandHandler, tokens: Sequence[IssueToken]) -> None:
    for command in tokens:
        request = Request(id=CommandId(f"first/{command.token}"), command=command)
        outcome = await handler.handle(request, REGISTRAR)
        if isinstance(outcome, Refusal):
            raise Misconfigured(f"token {command.token}", outcome.message)


async def _enrol(
    handler: CommandHandler, cache: Cache, agents: Sequence[EnrolAgent]
) -> None:
    for command in agents:
        fleet = (await cache.load(FLEET)).state
        if isinstance(fleet, Fleet) and command.agent in fleet.agents:
            continue
        request = Request(id=CommandId(f"first/{command.agent}"), command=command)
        outcome = await handler.handle(request, REGISTRAR)
        if isinstance(outcome, Refusal):  # another agent speaks for that place
            log.warning("agent_not_enrolled", agent=command.agent, why=outcome.message)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _settings_digest() -> Digest:
    return Digest(canonical.digest(dict(streams.LEDGER.settings)))
