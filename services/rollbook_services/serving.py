"""How does one process run some of Rollbook's services, beside others elsewhere?

The same services as `rollbook up`, over a NATS server and databases that are given.
The registrar's process makes the first credentials; the conductor's reads them.
"""

import asyncio
import base64
import signal
import sys
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path
from typing import Final

import structlog

from rollbook.errors import Misconfigured
from rollbook.ledger.connection import read_seed
from rollbook.names import StageName, TargetName
from rollbook_projections.audit.handlers import AUDIT
from rollbook_projections.lineage.declaration import LINEAGE
from rollbook_projections.projection import Projection
from rollbook_projections.projector import Projector
from rollbook_projections.stage.declaration import STAGE
from rollbook_services import collector, logs, main
from rollbook_services.credentials import (
    CONDUCTOR,
    Credentials,
    agent_name,
    enrolments,
    holders,
    read_credentials,
)
from rollbook_services.gateway.people import people
from rollbook_services.policy.document import BUILT_IN
from rollbook_services.settings import Settings

ALL: Final = ("registrar", "stage", "lineage", "audit", "conductor", "gateway")
OPERATOR: Final = "operator"
READY_EVERY_SECONDS: Final = 10
_VIEWS: Final[dict[str, Projection]] = {
    each.name: each for each in (STAGE, LINEAGE, AUDIT)
}

Beside = Callable[[Projector], AbstractAsyncContextManager[None]]

log = structlog.stdlib.get_logger(__name__)


def places(
    named: Iterable[str] = (), credentials: Credentials | None = None
) -> list[tuple[StageName, TargetName]]:
    """Return the targets whose agents may sign in, with their stages.

    The built-in ones, those that are named as `stage/target`, and those that an
    earlier start gave credentials to: a place stays.
    """
    built_in = (
        f"{stage.name}/{target}"
        for stage in BUILT_IN.stages
        for target in stage.targets
    )
    before = credentials.content.get("agents", {}) if credentials else {}
    split = (
        each.partition("/") for each in dict.fromkeys((*built_in, *before, *named))
    )
    return [(StageName(stage), TargetName(target)) for stage, _, target in split]


@asynccontextmanager
async def serving(
    site: main.Site, roles: Collection[str], *, beside: Beside | None = None
) -> AsyncIterator[str | None]:
    """Run these services while the context is open; yield the gateway's address.

    `beside` goes on as long as the conductor, over what that knows.
    """
    url = None
    async with AsyncExitStack() as stack:
        data = site.settings.server.data
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = stack.enter_context(people(data / "people.db"))
        credentials = read_credentials(data / "credentials.json")
        if "registrar" in roles:
            await main.prepare(site)
            named = places(site.settings.server.places, credentials)
            wanted = holders(names.find_or_make(OPERATOR), named)
            issued = credentials.renew(wanted, now=main.EDGE.now())
            registrar = await stack.enter_async_context(
                main.registrar(
                    site, tokens=issued, agents=enrolments(credentials, named)
                )
            )
            write(site, credentials, registrar.event_key)
        followed = [_VIEWS[role] for role in roles if role in _VIEWS]
        sources = await stack.enter_async_context(main.projections(site, followed))
        if "conductor" in roles:
            token = credentials.token(CONDUCTOR)
            conductor = await stack.enter_async_context(
                main.conductor(site, credential=token)
            )
            if beside is not None:
                await stack.enter_async_context(beside(conductor.projector))
        if "gateway" in roles:
            others = [view for view in main.VIEWS if view.name not in sources]
            sources |= await main.sources_of(stack, site, others)
            url = await stack.enter_async_context(main.gateway(site, sources, names))
            # Another role of the same directory may have renewed tokens meanwhile.
            read_credentials(credentials.file).note(url=url)
        yield url


def write(site: main.Site, credentials: Credentials, event_key: bytes) -> None:
    """Write what people, conductor and agents need to enter."""
    agents = {}
    for stage, target in places(site.settings.server.places, credentials):
        name = agent_name(stage, target)
        seed = site.seeds / f"{name}.nk"
        agents[f"{stage}/{target}"] = {
            "user": name,
            "seed": read_seed(seed) if seed.exists() else "",
            "token": credentials.token(f"svc:{name}"),
        }
    credentials.note(
        nats_url=site.url,
        nats_ca=site.authority,
        origin=site.settings.server.origin,
        event_key=base64.b64encode(event_key).decode(),
        token=credentials.operator_token(),
        agents=agents,
    )


@contextmanager
def _shown_in(file: Path | None) -> Iterator[None]:
    """Keep a file young: an old one, or none, says that the loop hangs or is gone."""
    if file is None:
        yield
        return
    loop = asyncio.get_running_loop()
    next_touch: asyncio.TimerHandle | None = None

    def touch() -> None:
        nonlocal next_touch
        file.touch(mode=0o600)
        next_touch = loop.call_later(READY_EVERY_SECONDS, touch)

    touch()
    try:
        yield
    finally:
        if next_touch is not None:
            next_touch.cancel()
        file.unlink(missing_ok=True)


async def run(settings: Settings, roles: Sequence[str]) -> None:
    """Serve until SIGINT or SIGTERM."""
    unknown = sorted(set(roles) - set(ALL))
    if unknown:
        raise Misconfigured(
            "--role", f"there is no {', '.join(unknown)}; choose from {', '.join(ALL)}"
        )
    if not settings.nats.url or settings.nats.seeds is None:
        raise Misconfigured(
            "nats.url and nats.seeds",
            "say where NATS is and where this process's seeds lie; "
            "for everything in one process use `rollbook up`",
        )
    logs.set_up(level=settings.log.level, format_=settings.log.format)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    site = main.Site(settings, settings.nats.url, settings.nats.seeds)
    async with serving(site, roles or ALL) as url:
        collector.relax()
        log.info("ready", roles=list(roles or ALL), url=url)
        with _shown_in(settings.server.ready_file):
            sys.stdout.write(f"Ready: {', '.join(roles or ALL)}  {url or ''}\n")
            sys.stdout.flush()
            await stopping.wait()
