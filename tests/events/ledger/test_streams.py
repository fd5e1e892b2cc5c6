"""Are the streams made as the design says, and is every other one refused?"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from rollbook.errors import Misconfigured
from rollbook.ledger import streams
from rollbook.ledger.connection import connect
from tests.support.nats import NatsServer, ask, delete_stream, plain_nats, running_nats

GOOD = {
    "server_name": "n1",
    "version": "2.12.7",
    "jetstream": {"config": {"sync_always": True}},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[NatsServer]:
    async with running_nats(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def fresh(server: NatsServer) -> NatsServer:
    await server.fresh()
    return server


async def test_the_ledger_keeps_everything_on_disk(fresh: NatsServer) -> None:
    config = (await ask(fresh.core_admin, "$JS.API.STREAM.INFO.LEDGER"))["config"]
    assert config["subjects"] == ["rollbook.ledger.>"]
    assert (config["storage"], config["discard"]) == ("file", "new")
    assert config["deny_delete"] is config["deny_purge"] is True
    assert config["allow_direct"] is config["allow_atomic"] is True
    assert config["allow_rollup_hdrs"] is False
    assert config["max_msg_size"] == 32_768
    assert config["max_age"] == 0
    assert config["max_msgs"] == config["max_bytes"] == -1


@pytest.mark.parametrize("durable", streams.FOLLOWERS)
async def test_each_follower_has_its_durable(fresh: NatsServer, durable: str) -> None:
    subject = f"$JS.API.CONSUMER.INFO.LEDGER.{durable}"
    config = (await ask(fresh.core_admin, subject))["config"]
    assert config["ack_policy"] == "explicit"
    assert config["deliver_policy"] == "all"
    assert config["ack_wait"] == 30_000_000_000
    assert config["max_ack_pending"] == 1000
    assert "deliver_subject" not in config
    assert not config.get("mem_storage")


async def test_the_mirrors_hold_the_same_sequences(fresh: NatsServer) -> None:
    async with fresh.client("registrar") as registrar:
        for number in range(20):
            await ask(registrar, f"rollbook.ledger.model.default.m{number}", number)
    async with asyncio.timeout(10):
        while (await state_of(fresh, "FEED"))["last_seq"] < 20:
            continue
    read = await ask(fresh.edge_admin, "$JS.API.STREAM.MSG.GET.FEED", {"seq": 7})
    assert read["message"]["subject"] == "rollbook.ledger.model.default.m6"


async def test_provisioning_again_changes_nothing(fresh: NatsServer) -> None:
    async with fresh.client("registrar") as registrar:
        await ask(registrar, "rollbook.ledger.access", {})
    before = await ask(fresh.core_admin, "$JS.API.STREAM.INFO.LEDGER")
    await streams.provision(fresh.core_admin, fresh.edge_admin)
    after = await ask(fresh.core_admin, "$JS.API.STREAM.INFO.LEDGER")
    assert after["config"] == before["config"]
    assert after["created"] == before["created"]
    assert after["state"]["messages"] == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_msgs", 10),
        ("max_age", 3_600_000_000_000),
        ("max_bytes", 1 << 20),
        ("discard", "old"),
        ("allow_direct", False),
        ("allow_atomic", False),
        ("max_msg_size", 1024),
        ("max_msgs_per_subject", 1),
        ("duplicate_window", 1_000_000_000),
        ("subjects", ["rollbook.ledger.>", "elsewhere"]),
        ("republish", {"src": ">", "dest": "leaked.>"}),
        ("allow_msg_ttl", True),
    ],
)
async def test_a_changed_setting_is_named_and_never_put_right(
    fresh: NatsServer, setting: str, value: object
) -> None:
    config = (await ask(fresh.core_admin, "$JS.API.STREAM.INFO.LEDGER"))["config"]
    changed = {**config, setting: value}
    updated = await ask(fresh.core_admin, "$JS.API.STREAM.UPDATE.LEDGER", changed)
    assert "error" not in updated

    async with fresh.client("registrar") as registrar:
        with pytest.raises(Misconfigured, match=rf"LEDGER, setting {setting}: .*have"):
            await streams.check_stream(registrar, streams.LEDGER)
    with pytest.raises(Misconfigured, match=setting):
        await streams.provision(fresh.core_admin, fresh.edge_admin)
    still = (await ask(fresh.core_admin, "$JS.API.STREAM.INFO.LEDGER"))["config"]
    assert still.get(setting) == updated["config"].get(setting)


async def test_a_setting_that_protects_the_record_is_checked(
    fresh: NatsServer,
) -> None:
    await delete_stream(fresh.core_admin, "LEDGER")
    weak = {**streams.LEDGER.settings, "name": "LEDGER", "deny_delete": False}
    await ask(fresh.core_admin, "$JS.API.STREAM.CREATE.LEDGER", weak)
    with pytest.raises(Misconfigured, match="deny_delete"):
        await streams.check_stream(fresh.core_admin, streams.LEDGER)


async def test_a_missing_stream_says_who_makes_it(fresh: NatsServer) -> None:
    await delete_stream(fresh.core_admin, "LEDGER")
    async with fresh.client("stage") as stage:
        with pytest.raises(Misconfigured, match="provisioning"):
            await streams.check_stream(
                stage, streams.LEDGER, prefix=streams.CORE_PREFIX
            )


async def test_replicas_are_checked_where_asked(fresh: NatsServer) -> None:
    await streams.check_stream(fresh.core_admin, streams.LEDGER, replicas=1)
    with pytest.raises(Misconfigured, match="num_replicas"):
        await streams.check_stream(fresh.core_admin, streams.LEDGER, replicas=3)


async def test_a_durable_with_other_settings_is_refused(fresh: NatsServer) -> None:
    await ask(fresh.core_admin, "$JS.API.CONSUMER.DELETE.LEDGER.stage")
    other = {"durable_name": "stage", "name": "stage", "ack_policy": "none"}
    await ask(
        fresh.core_admin,
        "$JS.API.CONSUMER.CREATE.LEDGER.stage",
        {"stream_name": "LEDGER", "config": other},
    )
    with pytest.raises(Misconfigured, match="consumer stage"):
        await streams.provision(fresh.core_admin, fresh.edge_admin)


async def test_the_running_server_passes(fresh: NatsServer) -> None:
    async with fresh.client("sys") as sys:
        await streams.check_server(sys)


@pytest.mark.parametrize("version", ["2.12.7", "2.12.11", "2.14.0", "2.15.1", "3.0.0"])
def test_servers_with_the_fixes_pass(version: str) -> None:
    streams.check_varz({**GOOD, "version": version})


@pytest.mark.parametrize("version", ["2.10.29", "2.12.6", "2.13.4", "", "dev"])
def test_an_older_server_is_refused_with_the_remedy(version: str) -> None:
    with pytest.raises(Misconfigured, match=r"install 2\.14\.0 or newer"):
        streams.check_varz({**GOOD, "version": version})


@pytest.mark.parametrize(
    ("jetstream", "remedy"),
    [
        ({"config": {"sync_always": False}}, "sync_interval: always"),
        ({"config": {}}, "jetstream block"),
        ({}, "jetstream block"),
    ],
)
def test_a_server_that_may_forget_is_refused(
    jetstream: Mapping[str, Any], remedy: str
) -> None:
    with pytest.raises(Misconfigured, match=remedy):
        streams.check_varz({**GOOD, "jetstream": jetstream})


async def test_a_stream_of_somebody_else_is_left_alone(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with (
        plain_nats(tmp_path_factory.mktemp("plain")) as url,
        connect(url, user="anyone") as client,
    ):
        theirs = {"name": "LEDGER", "subjects": ["orders.>"]}
        await ask(client, "$JS.API.STREAM.CREATE.LEDGER", theirs)
        with pytest.raises(Misconfigured, match="LEDGER"):
            await streams.create(client, streams.LEDGER)
        kept = await ask(client, "$JS.API.STREAM.INFO.LEDGER")
        assert kept["config"]["subjects"] == ["orders.>"]
        assert json.dumps(kept["config"]).count("rollbook") == 0


async def state_of(server: NatsServer, stream: str) -> Mapping[str, Any]:
    info = await ask(server.edge_admin, f"$JS.API.STREAM.INFO.{stream}")
    state: Mapping[str, Any] = info["state"]
    return state
