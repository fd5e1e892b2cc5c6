"""Does a lease live as long as it is renewed, and for one holder alone?"""

import asyncio

import pytest

from rollbook.errors import AppendConflict, Misconfigured, Unavailable
from rollbook.ledger import streams
from rollbook.ledger.bucket import KEYS_AT_ONCE, NOTHING, Entry, LeaseBucket
from tests.support.agents import TIMEOUT_SECONDS
from tests.support.nats import NatsServer, delete_stream, until_connected

KEY, OTHER = "prod.eu-1.agent-eu-1", "prod.eu-2.agent-eu-2"


async def held(leases: LeaseBucket, key: str = KEY) -> bool:
    return await leases.get(key) != NOTHING


async def test_what_nobody_renews_is_gone(leases: LeaseBucket) -> None:
    sequence = await leases.renew(KEY, b"one", expected=0, ttl_seconds=1)
    await leases.renew(OTHER, b"two", expected=0, ttl_seconds=60)
    assert await leases.get(KEY) == Entry(b"one", sequence)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await held(leases):
            continue
    assert set(await leases.read([KEY, OTHER])) == {OTHER}
    await leases.renew(KEY, b"anew", expected=0, ttl_seconds=1)


async def test_what_is_renewed_stays(leases: LeaseBucket) -> None:
    first = await leases.renew(KEY, b"one", expected=0, ttl_seconds=1)
    await leases.renew(KEY, b"one", expected=first, ttl_seconds=60)
    await leases.renew(OTHER, b"two", expected=0, ttl_seconds=2)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await held(leases, OTHER):
            continue
    assert await held(leases)


async def test_of_two_that_renew_at_once_one_is_refused(leases: LeaseBucket) -> None:
    first = await leases.renew(KEY, b"one", expected=0, ttl_seconds=60)
    for expected in (0, first + 1):
        with pytest.raises(AppendConflict):
            await leases.renew(KEY, b"two", expected=expected, ttl_seconds=60)
    assert await leases.get(KEY) == Entry(b"one", first)


async def test_a_killed_server_remembers_leases_and_their_ends(
    leases: LeaseBucket, conductors_nats: NatsServer
) -> None:
    await leases.renew(KEY, b"one", expected=0, ttl_seconds=2)
    await leases.renew(OTHER, b"two", expected=0, ttl_seconds=60)
    await conductors_nats.kill9()
    await until_connected(leases._client)  # noqa: SLF001
    assert await held(leases, OTHER)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await held(leases):
            continue


async def test_a_whole_fleet_is_read_at_once(leases: LeaseBucket) -> None:
    keys = [f"prod.t{number}.agent-t{number}" for number in range(KEYS_AT_ONCE + 100)]
    writes = (
        leases.renew(key, key.encode(), expected=0, ttl_seconds=60) for key in keys
    )
    await asyncio.gather(*writes)
    read = await leases.read([*keys, "prod.nobody.agent-nobody"])
    assert {key: entry.value for key, entry in read.items()} == {
        key: key.encode() for key in keys
    }


@pytest.mark.parametrize("keys", [[], [KEY]])
async def test_where_nobody_holds_anything_nothing_is_read(
    leases: LeaseBucket, keys: list[str]
) -> None:
    assert await leases.read(keys) == {}


async def test_a_stream_whose_leases_would_never_end_is_refused(
    leases: LeaseBucket, conductors_nats: NatsServer
) -> None:
    admin = conductors_nats.core_admin
    await streams.check_stream(admin, streams.KV_LEASES, replicas=1)
    await delete_stream(admin, "KV_LEASES")
    eternal = {**streams.KV_LEASES.settings, "allow_msg_ttl": False}
    await streams.create(admin, streams.Stream("KV_LEASES", eternal))
    with pytest.raises(Misconfigured, match="KV_LEASES, setting allow_msg_ttl"):
        await streams.provision(admin, conductors_nats.edge_admin)
    await delete_stream(admin, "KV_LEASES")


async def test_without_nats_nothing_is_known(conductors_nats: NatsServer) -> None:
    async with conductors_nats.client("conductor") as client:
        closed = LeaseBucket(client)
    for work in (
        closed.read([KEY]),
        closed.get(KEY),
        closed.renew(KEY, b"", expected=0, ttl_seconds=1),
    ):
        with pytest.raises(Unavailable):
            await work


async def test_who_may_not_read_leases_learns_nothing(
    leases: LeaseBucket, conductors_nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollbook.ledger.bucket.TIMEOUT_SECONDS", 0.2)
    await leases.renew(KEY, b"one", expected=0, ttl_seconds=60)
    async with conductors_nats.client("gateway") as client:
        for work in (LeaseBucket(client).read([KEY]), LeaseBucket(client).get(KEY)):
            with pytest.raises(Unavailable):
                await work
