"""Do agents enrolled while all runs get in, and nobody else, and no further?"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rollbook.catalogue.access import Place
from rollbook.commands.fleet import EnrolAgent, RevokeAgent
from rollbook.commands.wire import AnyCommand, Done, Request
from rollbook.errors import Misconfigured
from rollbook.ledger.bucket import DesiredBucket
from rollbook.ledger.commands import CommandSender
from rollbook.ledger.connection import Connection, connect
from rollbook.names import (
    AgentName,
    CommandId,
    EventId,
    Reason,
    StageName,
    TargetName,
)
from rollbook_services.conductor.react.leasing import Agent
from rollbook_services.credentials import read_credentials
from rollbook_services.local import up
from rollbook_services.local.accounts import PLATFORM
from rollbook_services.local.enrolment import FILE, Roster
from rollbook_services.local.nats_keys import make_keys, new_seed, public_key
from rollbook_services.settings import Server, Settings
from tests.services.local.attacking import is_refused, may_subscribe
from tests.support.nats import LOOK_AGAIN_SECONDS

TIMEOUT_SECONDS = 20
STAGING, EU_1 = StageName("staging"), TargetName("eu-1")
BUILT_IN = AgentName("agent-staging-default")
NAME, WHY = AgentName("eu-agent"), Reason("a test")


@dataclass(slots=True)
class Site:
    """All of Rollbook, running; `tell` sends the operator's commands."""

    ready: up.Ready
    sender: CommandSender
    token: str
    data: Path
    sent: int = 0
    seeds: dict[str, str] = field(default_factory=dict)

    async def tell(self, command: AnyCommand) -> None:
        self.sent += 1
        request = Request(
            id=CommandId(f"{self.ready.nats_url[17:]}/{self.sent}"), command=command
        )
        answer = await self.sender.send(request, credential=self.token)
        assert isinstance(answer, Done), answer

    async def enrol(self, name: AgentName = NAME, target: TargetName = EU_1) -> str:
        seed = new_seed()
        place = Place(stage=STAGING, target=target)
        await self.tell(
            EnrolAgent(agent=name, place=place, public_key=public_key(seed))
        )
        return seed

    @asynccontextmanager
    async def signed_in(self, seed: str, name: str = NAME) -> AsyncIterator[Connection]:
        """Sign in as soon as the server lets one in."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                try:
                    async with connect(self.ready.nats_url, user=name, seed=seed):
                        break
                except Misconfigured:
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
        async with connect(self.ready.nats_url, user=name, seed=seed) as client:
            yield client

    async def is_let_in(self, seed: str, name: str = NAME) -> bool:
        try:
            async with connect(self.ready.nats_url, user=name, seed=seed):
                return True
        except Misconfigured:
            return False

    def seed_of(self, place: str) -> str:
        held = read_credentials(self.data / "credentials.json")
        seed: str = held.content["agents"][place]["seed"]
        return seed


@asynccontextmanager
async def site(data: Path, places: Iterable[str] = ()) -> AsyncIterator[Site]:
    settings = Settings(server=Server(data=data, places=tuple(places)))
    async with up.running(settings) as ready:
        token = read_credentials(ready.credentials).operator_token()
        seed = (data / "nats" / "gateway.nk").read_text().strip()
        async with connect(ready.nats_url, user="gateway", seed=seed) as client:
            sender = CommandSender(client, user="gateway")
            yield Site(ready, sender, token, data)


async def until_dropped(client: Connection) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while client.is_connected:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def test_an_enrolled_agent_gets_in_and_reaches_its_own_alone(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as it:
        seed = await it.enrol()
        async with it.signed_in(seed) as agent:
            own = await DesiredBucket.in_edge(agent).get("staging.eu-1.acme.fraud")
            assert own.value is None
            for subject in (
                "JS.EDGE.API.DIRECT.GET.DESIRED.$KV.DESIRED.staging.default.acme.fraud",
                "JS.EDGE.API.DIRECT.GET.DESIRED.$KV.DESIRED.production.eu-1.acme.fraud",
                "JS.EDGE.API.DIRECT.GET.DESIRED",
                "rollbook.command.edge.agent-staging-default.ReportTarget",
                "rollbook.lease.edge.agent-staging-default",
                "$KV.LEASES.staging.eu-1.eu-agent",
                "rollbook.ledger.access",
            ):
                assert await is_refused(agent, subject)
            assert not await is_refused(agent, "rollbook.lease.edge.eu-agent")
            assert await may_subscribe(agent, "rollbook.wake.staging.eu-1")
            assert not await may_subscribe(agent, "rollbook.wake.staging.default")
            assert not await may_subscribe(agent, "_INBOX.conductor.>")


async def test_whoever_is_there_notices_nothing(tmp_path: Path) -> None:
    async with (
        site(tmp_path) as it,
        it.signed_in(it.seed_of("staging/default"), BUILT_IN) as other,
    ):
        woken = await other.subscribe("rollbook.wake.staging.default")
        await other.flush()
        async with it.signed_in(await it.enrol()):
            seed = (tmp_path / "nats" / "conductor.nk").read_text().strip()
            async with connect(
                it.ready.nats_url, user="conductor", seed=seed
            ) as conductor:
                await conductor.publish("rollbook.wake.staging.default", b"still here")
                assert (await woken.next_msg(5)).data == b"still here"
        assert other.stats["reconnects"] == 0


async def test_a_revoked_agent_is_dropped_and_stays_out(tmp_path: Path) -> None:
    async with site(tmp_path) as it:
        seed = await it.enrol()
        async with it.signed_in(seed) as agent:
            await it.tell(RevokeAgent(agent=NAME, reason=WHY))
            await until_dropped(agent)
        assert not await it.is_let_in(seed)
    async with site(tmp_path) as it:
        assert not await it.is_let_in(seed)
        another = await it.enrol()
        async with it.signed_in(another):
            assert not await it.is_let_in(seed)


async def test_an_agent_of_a_place_of_our_own_can_be_revoked_too(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as it:
        seed = it.seed_of("staging/default")
        async with it.signed_in(seed, BUILT_IN) as agent:
            await it.tell(RevokeAgent(agent=BUILT_IN, reason=WHY))
            await until_dropped(agent)
    async with site(tmp_path) as it:
        assert not await it.is_let_in(seed, BUILT_IN)
        renewed = await it.enrol(BUILT_IN, TargetName("default"))
        async with it.signed_in(renewed, BUILT_IN):
            assert not await it.is_let_in(seed, BUILT_IN)


async def test_a_start_lets_in_who_was_enrolled_before(tmp_path: Path) -> None:
    async with site(tmp_path) as it:
        seed = await it.enrol()
        async with it.signed_in(seed):
            pass
    async with site(tmp_path) as it:
        assert await it.is_let_in(seed)


async def test_what_was_noted_and_is_wrong_is_put_right_from_the_ledger(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as it:
        seed = await it.enrol()
        async with it.signed_in(seed):
            pass
    stranger = new_seed()
    noted = json.loads((tmp_path / "nats" / FILE).read_text())
    noted["agents"] = [
        {
            "agent": "stranger",
            "stage": "staging",
            "target": "eu-1",
            "public_key": public_key(stranger),
            "is_revoked": False,
        }
    ]
    (tmp_path / "nats" / FILE).write_text(json.dumps(noted))
    async with site(tmp_path) as it, it.signed_in(seed):
        assert not await it.is_let_in(stranger, "stranger")


async def test_each_place_is_enrolled_at_the_first_start_and_once(
    tmp_path: Path,
) -> None:
    for _ in range(2):
        async with site(tmp_path, ["production/eu-1"]):
            noted = json.loads((tmp_path / "nats" / FILE).read_text())
        assert {each["agent"]: each["is_revoked"] for each in noted["agents"]} == {
            "agent-staging-default": False,
            "agent-production-default": False,
            "agent-production-eu-1": False,
        }


def known(
    name: str = NAME, *, key: str | None = None, is_revoked: bool = False
) -> Agent:
    return Agent(
        agent=AgentName(name),
        stage=STAGING,
        target=EU_1,
        is_present=False,
        session=None,
        event=EventId("0" * 36),
        public_key=key,
        is_revoked=is_revoked,
    )


def names(roster: Roster) -> list[str]:
    return [user.name for user in roster.users]


def test_one_agent_that_cannot_get_in_keeps_no_other_out(tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    services = make_keys(folder, PLATFORM)
    good, broken = public_key(new_seed()), "U" + "A" * 55
    roster = Roster(tmp_path, [])
    assert roster.learn(
        [
            known("broken", key=broken),
            known("conductor", key=public_key(new_seed())),
            known("thief", key=services["registrar"]),
            known("good", key=good),
            known("twin", key=good),
            known("elsewhere"),
            known("gone", key=public_key(new_seed()), is_revoked=True),
        ]
    )
    assert (names(roster), roster.keys) == (["good"], {"good": good})


def test_what_changes_nothing_of_who_gets_in_is_no_news(tmp_path: Path) -> None:
    roster = Roster(tmp_path, [(STAGING, EU_1)])
    own = "agent-staging-eu-1"
    assert names(roster) == [own]
    assert not roster.learn([known(own)])
    assert names(Roster(tmp_path, [(STAGING, EU_1)])) == [own]
    assert roster.learn([known(own, is_revoked=True)])
    assert names(roster) == names(Roster(tmp_path, [(STAGING, EU_1)])) == []


def test_a_file_that_nobody_can_read_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "nats").mkdir(mode=0o700)
    (tmp_path / "nats" / FILE).write_text("{")
    with pytest.raises(Misconfigured, match="written anew from the ledger"):
        Roster(tmp_path, [])
