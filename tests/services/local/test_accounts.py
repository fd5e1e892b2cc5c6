"""What can each role do on the real server, and what can it not?

The attacks: whoever may send a request chooses where its answer goes. In one account
an answer is written into the ledger, and an empty one deletes the stream, whatever
`deny_delete` says. Across the accounts neither reaches anything.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg

from rollbook.ledger import streams
from rollbook.ledger.connection import connect
from rollbook_services.local.accounts import Account, User, with_platform
from tests.services.local.attacking import is_refused, may_subscribe
from tests.support.nats import (
    CLIENTS,
    NatsServer,
    ask,
    plain_nats,
    processed,
    running_nats,
)

J, E = "JS.CORE.API", "JS.EDGE.API"
USERS = {user.name: user for user in with_platform(CLIENTS)}
# Everyone but the two administrators, who are not running services, and sys.
ATTACKERS = [
    user
    for user in USERS.values()
    if user.account in (Account.SERVICES, Account.CLIENTS)
]
REPLY_TARGETS = (
    "rollbook.ledger.model.default.fraud",
    "rollbook.ledger.access",
    *(
        f"{api}.STREAM.{act}.{stream}"
        for api in ("$JS.API", J, E)
        for act in ("DELETE", "PURGE")
        for stream in ("LEDGER", "FEED", "KV_DESIRED", "DESIRED", "KV_LEASES")
    ),
    "$JS.API.CONSUMER.DELETE.LEDGER.stage",
    "$JS.API.CONSUMER.DELETE.FEED.reader",
    "$KV.DESIRED.production.main.fraud",
    "$KV.LEASES.production.main.agent-production",
    "_R_.anything",
)
# No message, wrong message, none pending: each makes the server answer with nothing.
EMPTY_ANSWERS = (
    b'{"batch":1,"no_wait":true}',
    b'{"batch":1,"expires":1000000}',
    b'{"seq":999999}',
    b'{"last_by_subj":"rollbook.ledger.nobody"}',
    b"",
    b"-NAK",
    b'+NXT {"batch":1,"no_wait":true}',
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[NatsServer]:
    async with running_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def server(running: NatsServer) -> NatsServer:
    await running.fresh()
    return running


async def test_the_registrar_appends_and_reads_back(server: NatsServer) -> None:
    async with server.client("registrar", is_appending=True) as registrar:
        for number in (1, 2, 3):
            assert (await ask(registrar, "rollbook.ledger.access", {}))["seq"] == number
        wanted = {"last_by_subj": "rollbook.ledger.access"}
        read = await ask(registrar, "$JS.API.STREAM.MSG.GET.LEDGER", wanted)
        assert read["message"]["seq"] == 3
        follow = {"seq": 2, "batch": 10}
        got = await batch(registrar, "$JS.API.DIRECT.GET.LEDGER", follow)
        assert [header(message, "Nats-Sequence") for message in got] == ["2", "3"]


async def test_the_registrar_cannot_touch_the_stream_itself(
    server: NatsServer,
) -> None:
    async with server.client("registrar") as registrar:
        for subject in (
            "$JS.API.STREAM.DELETE.LEDGER",
            "$JS.API.STREAM.PURGE.LEDGER",
            "$JS.API.STREAM.UPDATE.LEDGER",
            "$JS.API.CONSUMER.CREATE.LEDGER.x",
            "$KV.DESIRED.production.main.fraud",
            "$JS.API.DIRECT.GET.LEDGER.rollbook.ledger.access",
        ):
            assert await is_refused(registrar, subject)


@pytest.mark.parametrize("name", streams.FOLLOWERS)
async def test_a_follower_replays_in_bulk_and_pulls_its_own_durable(
    server: NatsServer, name: str
) -> None:
    await filled(server, 50)
    async with server.client(name) as follower:
        request = {"seq": 1, "batch": 1000, "max_bytes": 1 << 20}
        replayed = await batch(follower, f"{J}.DIRECT.GET.LEDGER", request)
        assert [header(message, "Nats-Sequence") for message in replayed] == [
            str(sequence) for sequence in range(1, 51)
        ]
        message = await pulled(follower, f"{J}.CONSUMER.MSG.NEXT.LEDGER.{name}")
        assert message.data == b"1"
        await message.ack_sync()
        info = await ask(follower, f"{J}.CONSUMER.INFO.LEDGER.{name}")
        assert info["ack_floor"]["stream_seq"] == 1


@pytest.mark.parametrize("name", ["stage", "lineage", "audit", "gateway"])
async def test_a_reader_writes_nothing_and_stays_off_others_durables(
    server: NatsServer, name: str
) -> None:
    async with server.client(name) as reader:
        for subject in (
            "rollbook.ledger.access",
            "$KV.DESIRED.production.main.fraud",
            "rollbook.command.core.conductor.model",
            f"{J}.CONSUMER.MSG.NEXT.LEDGER.conductor",
            "$JS.ACK.LEDGER.conductor.1.1.1.1.1",
            f"{J}.STREAM.DELETE.LEDGER",
            "$JS.API.STREAM.DELETE.LEDGER",
            f"{J}.CONSUMER.CREATE.LEDGER.x",
        ):
            assert await is_refused(reader, subject)


async def test_a_desired_document_reaches_its_agent_and_no_other(
    server: NatsServer,
) -> None:
    key = "$KV.DESIRED.production.main.fraud"
    async with (
        server.client("conductor") as conductor,
        server.client("agent-production") as agent,
        server.client("agent-staging") as other,
    ):
        woken = await agent.subscribe("rollbook.wake.production.main")
        await agent.flush()
        assert (await ask(conductor, key, {"version": 7}))["stream"] == "KV_DESIRED"
        await conductor.publish("rollbook.wake.production.main", b"fraud")
        assert (await woken.next_msg(5)).data == b"fraud"

        document = await until_mirrored(agent, f"{E}.DIRECT.GET.DESIRED.{key}")
        assert json.loads(document.data) == {"version": 7}
        assert await is_refused(other, f"{E}.DIRECT.GET.DESIRED.{key}")
        assert await is_refused(agent, f"{E}.DIRECT.GET.DESIRED")
        assert await is_refused(agent, key)
        assert not await may_subscribe(other, "rollbook.wake.production.main")
        assert not await may_subscribe(agent, "rollbook.wake.>")


async def test_leases_are_the_conductors_alone(server: NatsServer) -> None:
    lease = "$KV.LEASES.production.main.agent-production"
    read = f"{J}.DIRECT.GET.KV_LEASES"
    async with server.client("conductor") as conductor:
        assert (await ask(conductor, lease, {"session": "a"}))["stream"] == "KV_LEASES"
        wanted = {"multi_last": ["$KV.LEASES.>"]}
        assert [message.data for message in await batch(conductor, read, wanted)] == [
            b'{"session": "a"}'
        ]
        for subject in (
            f"{J}.STREAM.INFO.KV_LEASES",
            f"{J}.CONSUMER.CREATE.KV_LEASES.x",
            f"{J}.STREAM.PURGE.KV_LEASES",
            f"{read}.{lease}",
        ):
            assert await is_refused(conductor, subject)
        assert not await may_subscribe(conductor, "$KV.LEASES.>")
    for user in ATTACKERS:
        if user.name != "conductor":
            async with server.client(user.name) as other:
                for subject in (lease, read, f"{E}.DIRECT.GET.KV_LEASES"):
                    assert await is_refused(other, subject), user.name


async def test_a_command_carries_the_name_of_its_sender(server: NatsServer) -> None:
    async with (
        server.client("registrar-commands") as registrar,
        server.client("pipeline") as pipeline,
        server.client("agent-production") as agent,
        server.client("conductor") as conductor,
    ):

        async def answer(message: Msg) -> None:
            await message.respond(message.subject.encode())

        await registrar.subscribe("rollbook.command.>", queue="registrar", cb=answer)
        await registrar.flush()
        for sender, subject in (
            (pipeline, "rollbook.command.edge.pipeline.model"),
            (agent, "rollbook.command.edge.agent-production.model"),
            (conductor, "rollbook.command.core.conductor.model"),
        ):
            reply = await sender.request(subject, b"{}", timeout=5)
            assert reply.data.decode() == subject
        for sender, subject in (
            (pipeline, "rollbook.command.edge.agent-production.model"),
            (pipeline, "rollbook.command.core.conductor.model"),
            (agent, "rollbook.command.edge.pipeline.model"),
            (conductor, "rollbook.command.core.gateway.model"),
        ):
            assert await is_refused(sender, subject)


async def test_commands_are_heard_in_the_queue_alone(server: NatsServer) -> None:
    async with server.client("registrar-commands") as registrar:
        assert not await may_subscribe(registrar, "rollbook.command.>")
        assert not await may_subscribe(registrar, "rollbook.command.>", queue="spy")
    for name in ("stage", "gateway", "conductor", "pipeline", "reader"):
        async with server.client(name) as user:
            assert not await may_subscribe(user, "rollbook.command.>")
            assert not await may_subscribe(user, "_INBOX.>")
            assert not await may_subscribe(user, ">")


async def test_a_feed_reader_reads_the_mirror_by_its_durable(
    server: NatsServer,
) -> None:
    await filled(server, 3)
    async with server.client("reader") as reader:
        message = await pulled(reader, f"{E}.CONSUMER.MSG.NEXT.FEED.reader")
        assert message.data == b"1"
        await message.ack_sync()
        assert await is_refused(reader, f"{E}.STREAM.DELETE.FEED")
        assert await is_refused(reader, f"{J}.DIRECT.GET.LEDGER")


async def test_nobody_connects_without_a_key(server: NatsServer) -> None:
    with pytest.raises(Exception, match="does not know its key"):
        async with connect(server.url, user="stage"):
            pass


@pytest.mark.parametrize("user", ATTACKERS, ids=lambda user: user.name)
async def test_no_answer_can_be_steered_into_a_stream(
    server: NatsServer, user: User
) -> None:
    await filled(server, 5)
    before = await everything(server)
    async with server.client(user.name) as attacker:
        for subject in callable_subjects(user):
            for target in REPLY_TARGETS:
                for body in EMPTY_ANSWERS:
                    await attacker.publish(subject, body, reply=target)
            await processed(attacker)
        await settled(server)
    assert await everything(server) == before


async def test_in_a_single_account_a_reader_destroys_the_ledger(
    tmp_path: Path,
) -> None:
    """Keep knowing why there are four accounts: when this fails, think again."""
    async with (
        plain_nats(tmp_path) as url,
        connect(url, user="admin") as admin,
        connect(url, user="reader") as reader,
    ):
        await streams.create(admin, streams.LEDGER)
        info = "$JS.API.STREAM.INFO.LEDGER"
        await reader.publish(info, b"", reply="rollbook.ledger.access")
        await processed(reader)
        assert (await ask(admin, info))["state"]["messages"] == 1

        await reader.publish(
            "$JS.API.DIRECT.GET.LEDGER",
            b'{"seq":999999}',
            reply="$JS.API.STREAM.DELETE.LEDGER",
        )
        async with asyncio.timeout(10):
            while "error" not in await ask(admin, info):
                continue


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an attack would change: who is there, since when, holding what."""

    created: str
    config: str
    messages: int
    last_sequence: int
    consumers: tuple[str, ...]


async def everything(server: NatsServer) -> dict[str, Snapshot]:
    return {
        name: await snapshot(admin, name)
        for admin, names in (
            (server.core_admin, ("LEDGER", "KV_DESIRED", "KV_LEASES")),
            (server.edge_admin, ("FEED", "DESIRED")),
        )
        for name in names
    }


async def snapshot(admin: Client, name: str) -> Snapshot:
    info = await ask(admin, f"$JS.API.STREAM.INFO.{name}")
    listed = await ask(admin, f"$JS.API.CONSUMER.NAMES.{name}")
    return Snapshot(
        created=info["created"],
        config=json.dumps(info["config"], sort_keys=True),
        messages=info["state"]["messages"],
        last_sequence=info["state"]["last_seq"],
        # Mirrors hold consumers with names of their own.
        consumers=tuple(sorted(set(listed["consumers"]) & NAMED_DURABLES)),
    )


NAMED_DURABLES = {*streams.FOLLOWERS, "reader"}


def callable_subjects(user: User) -> Iterable[str]:
    """Spell what a user may publish, a token in the place of each wildcard."""
    for right in user.publish:
        if right.startswith("$JS.ACK."):
            yield right.replace(">", "1.1.1.1.0")
        elif not right.startswith("$KV."):
            yield right.replace(">", "nothing")


async def settled(server: NatsServer) -> None:
    """Return after a pull of our own expired, thus after those asked for before.

    Pulls without an expiry stay, and are answered when a message comes.
    """
    for admin, subject in (
        (server.core_admin, "$JS.API.CONSUMER.MSG.NEXT.LEDGER.audit"),
        (server.edge_admin, "$JS.API.CONSUMER.MSG.NEXT.FEED.reader"),
    ):
        inbox = admin.new_inbox()
        answers = await admin.subscribe(inbox)
        await admin.publish(subject, b'{"batch":9,"expires":20000000}', reply=inbox)
        while header(await answers.next_msg(5), "Status") is None:
            continue
        await answers.unsubscribe()


async def filled(server: NatsServer, count: int) -> None:
    """Write a few messages and wait until the mirror holds them."""
    async with server.client("registrar") as registrar:
        for number in range(1, count + 1):
            await ask(registrar, "rollbook.ledger.model.default.fraud", number)
    async with asyncio.timeout(10):
        info = "$JS.API.STREAM.INFO.FEED"
        while (await ask(server.edge_admin, info))["state"]["last_seq"] < count:
            continue


async def until_mirrored(agent: Client, subject: str) -> Msg:
    async with asyncio.timeout(10):
        while True:
            message = await agent.request(subject, b"", timeout=5)
            if header(message, "Status") != "404":
                return message


async def pulled(client: Client, subject: str) -> Msg:
    """Pull one message; it comes under its own subject, so no request finds it."""
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    await client.publish(subject, b'{"batch":1,"expires":5000000000}', reply=inbox)
    return await answers.next_msg(6)


async def batch(client: Client, subject: str, request: object) -> list[Msg]:
    """Read one batched direct get to its end, which is an empty message."""
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    await client.publish(subject, json.dumps(request).encode(), reply=inbox)
    messages = []
    while header(message := await answers.next_msg(5), "Status") is None:
        messages.append(message)
    await answers.unsubscribe()
    return messages


def header(message: Msg, name: str) -> str | None:
    return (message.headers or {}).get(name)
