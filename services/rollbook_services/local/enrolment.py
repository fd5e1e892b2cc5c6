"""How do agents enrolled under way get into the embedded NATS, and revoked ones out?

The ledger says who. `nats/agents.json` repeats what it said last, so that a start lets
everybody in before anybody can read the ledger.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.exc import DBAPIError

from rollbook.errors import Misconfigured
from rollbook.names import StageName, TargetName
from rollbook_projections.projector import Projector
from rollbook_services.conductor.queries import fleet
from rollbook_services.conductor.react.leasing import Agent
from rollbook_services.credentials import agent_name
from rollbook_services.local.accounts import PLATFORM, User, agent
from rollbook_services.local.nats_keys import is_public_key, make_keys
from rollbook_services.local.nats_server import NatsServer

FILE: Final = "agents.json"
PAUSE_SECONDS: Final = 0.05  # between two looks, however fast the ledger grows
RETRY_SECONDS: Final = 1.0

Places = Collection[tuple[StageName, TargetName]]

log = structlog.stdlib.get_logger(__name__)


class Known(BaseModel):
    """An agent of the ledger, as far as NATS minds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: str
    stage: str
    target: str
    public_key: str | None
    is_revoked: bool


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    agents: tuple[Known, ...] = ()


class Roster:
    """Who may enter one installation's NATS."""

    def __init__(self, data: Path, places: Places) -> None:
        """Take the data directory, and the places whose seeds lie there.

        Raises Misconfigured when what was noted there cannot be read.
        """
        self._places = {agent_name(*place): place for place in places}
        self._folder = data / "nats"
        self.known = self._read()
        self.users: list[User] = []
        self.keys: dict[str, str] = {}
        self._admit()

    def learn(self, agents: Iterable[Agent]) -> bool:
        """Take over what the ledger says; tell whether others may enter now."""
        known, before = tuple(_known(each) for each in agents), (self.users, self.keys)
        if known == self.known:
            return False
        self.known = known
        self._write()
        self._admit()
        return (self.users, self.keys) != before

    def _admit(self) -> None:
        users = [*PLATFORM, *self._seeded()]
        taken = set(make_keys(self._folder, users).values())
        self.users, self.keys = list(self._seeded()), {}
        for each in self.known:
            if each.is_revoked or each.public_key is None:
                continue
            why = _unfit(each, each.public_key, taken)
            if why:
                log.warning("agent_not_admitted", agent=each.agent, why=why)
                continue
            taken.add(each.public_key)
            self.keys[each.agent] = each.public_key
            self.users.append(agent(each.agent, stage=each.stage, target=each.target))

    def _seeded(self) -> Iterator[User]:
        """Return the agents of our places, unless the ledger says otherwise."""
        said = {each.agent: each for each in self.known}
        for name, (stage, target) in self._places.items():
            known = said.get(name)
            if known is None or not (known.is_revoked or known.public_key):
                yield agent(name, stage=stage, target=target)

    @property
    def _file(self) -> Path:
        return self._folder / FILE

    def _read(self) -> tuple[Known, ...]:
        if not self._file.exists():
            return ()
        try:
            return _Told.model_validate_json(self._file.read_bytes()).agents
        except ValidationError as damaged:
            raise Misconfigured(
                str(self._file),
                "it cannot be read: remove it, it is written anew from the ledger",
            ) from damaged

    def _write(self) -> None:
        draft = self._file.with_suffix(".draft")
        draft.write_text(_Told(agents=self.known).model_dump_json(indent=2))
        draft.replace(self._file)


@asynccontextmanager
async def following(
    projector: Projector, *, server: NatsServer, roster: Roster
) -> AsyncIterator[None]:
    """Let the server know of each change of the fleet while the context is open."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_follow(projector, server, roster))
        try:
            yield
        finally:
            task.cancel()


async def _follow(projector: Projector, server: NatsServer, roster: Roster) -> None:
    while True:
        position = projector.position
        try:
            # A server that reads its file anew refuses who is just signing in: only
            # where it has to.
            if roster.learn(await projector.database.read(fleet.agents)):
                server.admit(roster.users, roster.keys)
                log.info("agents_admitted", agents=len(roster.users))
        except (DBAPIError, OSError) as error:
            log.warning("agents_not_admitted", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
        else:
            await asyncio.sleep(PAUSE_SECONDS)
            await projector.moved(position)


def _known(agent: Agent) -> Known:
    return Known(
        agent=agent.agent,
        stage=agent.stage,
        target=agent.target,
        public_key=agent.public_key,
        is_revoked=agent.is_revoked,
    )


def _unfit(known: Known, key: str, taken: Collection[str]) -> str | None:
    """Say why the server would refuse its whole file for this agent, or give rights.

    A service's name would let it hear what that service is answered.
    """
    if known.agent in {user.name for user in PLATFORM}:
        return "a service has that name: choose another"
    if not is_public_key(key):
        return "its key is none: make one with `rollbook agent enrol`"
    if key in taken:
        return "another user has that very key: make one for each"
    return None
