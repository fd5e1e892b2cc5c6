"""How does a test get a gateway over real views, NATS, and a registrar it scripts?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
from nats.aio.msg import Msg

from rollbook.catalogue.access import TokenIssued, TokenRevoked
from rollbook.commands.explain import Explain
from rollbook.commands.wire import CREDENTIAL_HEADER, Done, Problem, Request, Told
from rollbook.ledger.commands import CommandSender
from rollbook.ledger.memory import MemoryLedger
from rollbook.names import Principal, Reason, RoleName, TokenId
from rollbook.subjects import ACCESS
from rollbook.tokens import NewToken, new_token
from rollbook_projections.audit.handlers import AUDIT
from rollbook_projections.database import open_database
from rollbook_projections.lineage.declaration import LINEAGE
from rollbook_projections.projector import Projector
from rollbook_projections.stage.declaration import STAGE
from rollbook_services.gateway.gateway import (
    Gateway,
    Installation,
    Source,
    ViewName,
)
from rollbook_services.gateway.jobs import Jobs
from rollbook_services.gateway.people import people
from rollbook_services.gateway.service import make_app
from tests.projections.facts import digest
from tests.projections.site import OTHER_OWNER
from tests.projections.story import ALICE, BOB, Story
from tests.support.nats import NatsServer
from tests.support.recorder import BEGIN, CI_BOT, person

ADMIN: Final = Principal("svc:operator")
LIFETIME: Final = timedelta(days=30)
NOW: Final = BEGIN + timedelta(days=1)
UNTOLD: Final = Installation()

RISK: Final = person("r", "risk-officer")

Answer = Callable[[Request], Done | Told | Problem | bytes | None]


def token_of(letter: str) -> NewToken:
    return new_token(letter.encode() * 10, letter.encode() * 32)


CI, REVIEWER, OPERATOR, REVOKED, STRANGER, AGENT = map(token_of, "crovsa")
RISK_OFFICER, OWNER = map(token_of, "kp")

BOUND: Final = {"binding": digest("bound"), "bound_to": {"stage": "production"}}


def accepts(request: Request) -> Done | Told:
    """Answer as a registrar that records one event of any command."""
    if isinstance(request.command, Explain):
        return Told(sequence=7, answer={"answer": "Nothing is in the way.", **BOUND})
    data = {"version": 8, "promotion": 3}
    data |= request.command.model_dump(mode="json", exclude={"command"})
    event = {"commandid": request.id, "sequence": 7, "data": data}
    return Done(sequence=7, rev=3, events=(event,))


@dataclass(slots=True)
class Registrar:
    """Answers commands as a test says, and remembers them."""

    answer: Answer = accepts
    asked: list[Request] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)

    async def heard(self, message: Msg) -> None:
        request = Request.model_validate_json(message.data)
        self.asked.append(request)
        self.credentials.append((message.headers or {}).get(CREDENTIAL_HEADER, ""))
        answer = self.answer(request)
        if isinstance(answer, Done | Told | Problem):
            answer = answer.model_dump_json().encode()
        if answer is not None:
            await message.respond(answer)


@dataclass(slots=True)
class House:
    """A gateway with all it stands on; `http` asks it as CI."""

    gateway: Gateway
    story: Story
    ledger: MemoryLedger
    registrar: Registrar
    http: httpx2.AsyncClient

    async def catch_up(self) -> int:
        """Let every view see what the story has told."""
        await self.story.ledger.append_to(self.ledger)
        for source in self.gateway.sources.values():
            await source.projector.catch_up(self.ledger)
        return len(self.ledger.messages)

    async def read(self, path: str, **params: Any) -> Any:
        """Read a resource that must be there."""
        response = await self.http.get(f"/v1{path}", params=params or None)
        assert response.status_code == 200, response.text
        return response.json()

    async def refused(self, path: str, **params: Any) -> dict[str, Any]:
        """Read a resource that must be refused."""
        return problem(await self.http.get(f"/v1{path}", params=params or None))


def problem(response: httpx2.Response) -> dict[str, Any]:
    """Return the problem document that an answer must be."""
    kind = response.headers["content-type"]
    assert kind == "application/problem+json", (response.url, response.text)
    document: dict[str, Any] = response.json()
    assert document["status"] == response.status_code
    assert document["type"] == f"/problems/{document['code']}"
    assert document["detail"]
    return document


def signed_in(token: NewToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.text}"}


def issue_tokens(story: Story) -> None:
    """Issue one token to each persona; one is revoked, the stranger has none."""
    holders = {
        RISK_OFFICER: (RISK.id, "risk-officer"),
        OWNER: (OTHER_OWNER.id, "policy-owner"),
        CI: (CI_BOT.id, "publisher"),
        REVIEWER: (BOB.id, "reviewer"),
        OPERATOR: (ADMIN, "access-admin"),
        REVOKED: (CI_BOT.id, "publisher"),
        AGENT: (Principal("svc:agent"), "agent"),
    }
    for token, (principal, role) in holders.items():
        issued = TokenIssued(
            token=TokenId(token.id),
            sha256=token.sha256,
            principal=principal,
            roles=(RoleName(role),),
            place=None,
            until=BEGIN + LIFETIME,
        )
        story.ledger.record(ACCESS, issued, by=ALICE)
    revoked = TokenRevoked(token=TokenId(REVOKED.id), reason=Reason("lost"))
    story.ledger.record(ACCESS, revoked, by=ALICE)


@asynccontextmanager
async def house(
    folder: Path,
    server: NatsServer,
    *,
    timeout_seconds: float = 5.0,
    now: Callable[[], datetime] = lambda: NOW,
    is_answering: bool = True,
    installation: Installation = UNTOLD,
) -> AsyncIterator[House]:
    """Open a house with tokens and an empty model `fraud`."""
    story, ledger, registrar = Story().begun(), MemoryLedger(), Registrar()
    issue_tokens(story)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        answering = await enter(server.client("registrar-commands"))
        if is_answering:
            await answering.subscribe(
                "rollbook.command.>", queue="registrar", cb=registrar.heard
            )
        await answering.flush()
        asking = await enter(server.client("gateway"))
        sources: dict[ViewName, Source] = {}
        views: dict[ViewName, Any] = {
            "stage": STAGE,
            "lineage": LINEAGE,
            "audit": AUDIT,
        }
        for name, projection in views.items():
            url = f"sqlite:///{folder / name}.db"
            database = await enter(open_database(url, name))
            projector = Projector(projection, database)
            await projector.open()
            sources[name] = Source(projection, database, projector, ledger)
        group = await enter(asyncio.TaskGroup())
        gateway = Gateway(
            sender=CommandSender(
                asking, user="gateway", timeout_seconds=timeout_seconds
            ),
            sources=sources,
            people=stack.enter_context(people(folder / "people.db")),
            jobs=Jobs(group),
            now=now,
            stopping=asyncio.Event(),
            installation=installation,
        )
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(make_app(gateway)),
            base_url="http://gateway",
            headers=signed_in(CI),
        )
        lived_in = House(gateway, story, ledger, registrar, await enter(client))
        await lived_in.catch_up()
        yield lived_in
