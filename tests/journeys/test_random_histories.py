"""After any history on the real server, does every view equal a fresh replay?

Random commands by random actors, each message delivered to the views in random
pieces, twice or too early, registrar and views restarted at any moment.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollbook import canonical
from rollbook.catalogue.access import Place
from rollbook.codec import read
from rollbook.commands.access import IssueToken
from rollbook.commands.model import RegisterModel
from rollbook.commands.wire import AnyCommand, Done, Request
from rollbook.envelope import Actor
from rollbook.ledger.commands import CommandSender
from rollbook.ledger.jetstream import JetStreamLedger
from rollbook.ledger.protocol import Message
from rollbook.ledger.streams import CORE_PREFIX
from rollbook.names import CommandId, RoleName, TokenId
from rollbook.tokens import NewToken, new_token
from rollbook_projections.database import Database, open_database
from rollbook_projections.projection import Projection
from rollbook_projections.projector import Gap, Projector
from rollbook_services import main
from rollbook_services.gateway.gateway import Source
from rollbook_services.registrar.evolve import evolve
from rollbook_services.registrar.state import (
    Model,
)
from rollbook_services.settings import Server, Settings
from tests.services.invariants.requests import REQUESTS, Step, steps
from tests.support import oracle
from tests.support.nats import NatsServer
from tests.support.scenario import (
    CONDUCTOR,
    DEFAULT,
    EVERYBODY,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    Scenario,
    agent,
    register,
)
from tests.support.settling import Settled, settle
from tests.support.system import ORIGIN

AGENTS = {agent(stage).id: stage for stage in (STAGING, PRODUCTION)}
ACTORS = (*EVERYBODY, CONDUCTOR, *(agent(stage) for stage in AGENTS.values()))
UNTIL = main.EDGE.now() + timedelta(days=1)
EXAMPLES = max(4, settings().max_examples // 4)


def token_of(actor: Actor) -> NewToken:
    number = [each.id for each in ACTORS].index(actor.id) + 1
    return new_token(bytes([number]) * 10, bytes([number]) * 32)


def issued(actor: Actor) -> IssueToken:
    made, stage = token_of(actor), AGENTS.get(actor.id)
    is_ours = actor.id == CONDUCTOR.id
    return IssueToken(
        token=TokenId(made.id),
        sha256=made.sha256,
        principal=actor.id,
        roles=(RoleName("viewer"),) if is_ours else actor.roles,
        place=Place(stage=stage, target=DEFAULT) if stage else None,
        until=UNTIL,
    )


@dataclass(slots=True)
class Viewing:
    """One view that is fed by hand."""

    projection: Projection
    path: Path
    ledger: JetStreamLedger
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    database: Database | None = None
    projector: Projector | None = None

    async def restart(self) -> None:
        await self.stack.aclose()
        url = f"sqlite:///{self.path}"
        self.database = await self.stack.enter_async_context(
            open_database(url, self.projection.name)
        )
        self.projector = Projector(self.projection, self.database)
        await self.projector.open()

    async def receive(self, messages: list[Message]) -> None:
        """Take what is delivered; where something is missing, replay supplies it."""
        assert self.projector is not None
        try:
            await self.projector.apply(messages)
        except Gap:
            await self.projector.catch_up(self.ledger)

    def source(self) -> Source:
        assert self.database is not None
        assert self.projector is not None
        return Source(self.projection, self.database, self.projector, self.ledger)


@dataclass(slots=True)
class Life:
    """One history while it happens."""

    site: main.Site
    gateway: CommandSender
    conductor: CommandSender
    ledger: JetStreamLedger
    views: list[Viewing]
    model: Scenario = field(default_factory=lambda: Scenario(Model(FRAUD)))
    told: list[tuple[Settled, Actor]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    registrar: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def restart_registrar(self, *, forgetting: bool) -> None:
        """Start another registrar; one that was killed has left no snapshots."""
        await self.registrar.aclose()
        if forgetting:
            for file in self.site.settings.server.data.glob("registrar.db*"):
                file.unlink()
        await self.registrar.enter_async_context(
            main.registrar(self.site, tokens=[issued(each) for each in ACTORS])
        )

    async def send(self, request: Request, by: Actor) -> Settled:
        sender = self.conductor if by.id == CONDUCTOR.id else self.gateway
        return await settle(sender, request, credential=token_of(by).text)

    async def ask(self, command: AnyCommand, by: Actor) -> None:
        request = Request(id=CommandId(f"life/{len(self.told)}"), command=command)
        settled = await self.send(request, by)
        self.told.append((settled, by))
        if isinstance(settled.answer, Done):
            self._remember(settled.answer)

    def _remember(self, done: Done) -> None:
        model, history = self.model.model, list(self.model.history)
        for event in done.events:
            raw = {name: part for name, part in event.items() if name != "sequence"}
            envelope: Any = read(raw, canonical.dumps(raw), event["sequence"])
            model = evolve(model, envelope)
            history.append(envelope)
        self.model = Scenario(model, history=tuple(history), asked=len(self.told))

    async def read_on(self) -> None:
        after = self.messages[-1].sequence if self.messages else 0
        async for batch in self.ledger.replay(after=after):
            self.messages += batch


Moment = Callable[[Life], Any]


def asked(step: Step) -> Moment:
    async def happen(life: Life) -> None:
        command, by = REQUESTS[step.kind](life.model, step.one, step.two)
        if by.id not in [each.id for each in ACTORS]:
            by = ACTORS[-1]  # nobody serves development: an agent of elsewhere asks
        await life.ask(command, by)

    return happen


def asked_again(number: int) -> Moment:
    """A request is sent a second time, much later: it has its first answer."""

    async def happen(life: Life) -> None:
        settled, by = life.told[number % len(life.told)]
        if not isinstance(settled.answer, Done) or not settled.answer.events:
            return
        again = (await life.send(settled.request, by)).answer
        assert isinstance(again, Done)
        assert again.replayed
        assert again.events == settled.answer.events

    return happen


def delivered(view: int, back: int, count: int, hole: int) -> Moment:
    """A view gets messages, some for the second time, perhaps one missing."""

    async def happen(life: Life) -> None:
        await life.read_on()
        viewing = life.views[view % len(life.views)]
        assert viewing.projector is not None
        start = max(0, viewing.projector.position - back)
        messages = life.messages[start : start + back + count]
        if hole and len(messages) > hole:
            del messages[-hole]
        await viewing.receive(messages)

    return happen


def view_restarted(view: int) -> Moment:
    async def happen(life: Life) -> None:
        await life.views[view % len(life.views)].restart()

    return happen


def registrar_restarted(*, forgetting: bool) -> Moment:
    async def happen(life: Life) -> None:
        await life.restart_registrar(forgetting=forgetting)

    return happen


NUMBERS = st.integers(0, 99)
ASKED = st.builds(asked, steps)
DELIVERED = st.builds(
    delivered, st.integers(0, 2), st.integers(0, 9), st.integers(1, 30), NUMBERS
)
RARE = st.one_of(
    st.builds(asked_again, NUMBERS),
    st.builds(view_restarted, st.integers(0, 2)),
    st.builds(registrar_restarted, forgetting=st.booleans()),
)
MOMENTS = st.lists(
    st.one_of(ASKED, ASKED, ASKED, ASKED, DELIVERED, DELIVERED, RARE),
    min_size=20,
    max_size=60,
)


@asynccontextmanager
async def lived(nats: NatsServer, folder: Path) -> AsyncIterator[Life]:
    """Begin with an empty ledger, a registrar and three views."""
    await nats.fresh()
    settings_ = Settings(server=Server(data=folder, origin=ORIGIN))
    site = main.Site(settings_, nats.url, nats.embedded.folder / "nats")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        gateway, conductor, reader = [
            await enter(site.connect(user))
            for user in ("gateway", "conductor", "audit")
        ]
        ledger = JetStreamLedger(reader, prefix=CORE_PREFIX)
        views = [
            Viewing(each, folder / f"{each.name}.db", ledger) for each in main.VIEWS
        ]
        life = Life(
            site,
            CommandSender(gateway, user="gateway"),
            CommandSender(conductor, user="conductor"),
            ledger,
            views,
        )
        stack.push_async_callback(lambda: life.registrar.aclose())
        await life.restart_registrar(forgetting=False)
        for view in views:
            stack.push_async_callback(view.stack.aclose)
            await view.restart()
        await life.ask(RegisterModel(model=FRAUD), PIPELINE)
        for number in (1, 2):
            await life.ask(register(number), PIPELINE)
        yield life


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(moments=MOMENTS)
async def test_after_any_history_every_view_equals_a_replay(
    nats_server: NatsServer,
    tmp_path_factory: pytest.TempPathFactory,
    moments: list[Moment],
) -> None:
    folder = tmp_path_factory.mktemp("life")
    async with lived(nats_server, folder) as life:
        for happen in moments:
            await happen(life)
        found = await oracle.history(life.ledger)
        oracle.assert_recorded_once([settled for settled, _ in life.told], found)
        oracle.assert_rules_held(found)
        sources = [view.source() for view in life.views]
        for each in sources:
            await each.projector.catch_up(life.ledger)
        head = await life.ledger.head()
        await oracle.assert_views_equal_replay(sources, head=head)
        [stage] = [each for each in sources if each.projection.name == "stage"]
        await oracle.assert_intervals_whole(stage, [FRAUD])
