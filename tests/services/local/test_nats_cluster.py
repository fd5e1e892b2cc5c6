"""Do three servers with exactly the deployed files carry the ledger, and lose one?"""

import asyncio
import contextlib
from pathlib import Path

import nats.errors
from nats.aio.client import Client

from rollbook.ledger import streams
from tests.support.nats import ask, until_connected
from tests.support.nats_cluster import NatsCluster, running_cluster

NO_MESSAGE = 10037
LEDGER_INFO = "$JS.API.STREAM.INFO.LEDGER"


async def test_a_cluster_goes_on_without_its_leader(tmp_path: Path) -> None:
    async with asyncio.timeout(90), running_cluster(tmp_path) as cluster:
        await provisioned(cluster)
        async with (
            cluster.client("sys") as sys,
            cluster.client("registrar", is_appending=True) as registrar,
        ):
            await streams.check_server(sys)
            await streams.check_stream(registrar, streams.LEDGER, replicas=3)
            assert await appended(registrar) == 1

            leader = (await ask(registrar, LEDGER_INFO))["cluster"]["leader"]
            await cluster.kill9(leader)

            assert await appended(registrar) == 2
            successor = (await ask(registrar, LEDGER_INFO))["cluster"]["leader"]
            assert successor != leader

            await cluster.start(leader)
            assert await appended(registrar) == 3


async def provisioned(cluster: NatsCluster) -> None:
    """Make the streams; until the cluster has a leader, nobody answers."""
    async with (
        cluster.client("core-admin") as core,
        cluster.client("edge-admin") as edge,
    ):
        await cluster.has_leader()
        await streams.provision(core, edge, replicas=3, feed_readers=["reader"])


async def appended(registrar: Client) -> int:
    """Append until it is acknowledged; the guard makes each try count once at most."""
    before = await last_sequence(registrar)
    guard = {"Nats-Expected-Last-Subject-Sequence": str(before)}
    while await last_sequence(registrar) == before:
        with contextlib.suppress(nats.errors.Error):
            await until_connected(registrar)
            await registrar.request(
                "rollbook.ledger.access", b"{}", timeout=2, headers=guard
            )
    return await last_sequence(registrar)


async def last_sequence(registrar: Client) -> int:
    """Read the end of the subject through the leader, once there is one."""
    wanted = {"last_by_subj": "rollbook.ledger.access"}
    while True:
        with contextlib.suppress(nats.errors.Error):
            await until_connected(registrar)
            answer = await ask(registrar, "$JS.API.STREAM.MSG.GET.LEDGER", wanted)
            if "message" in answer:
                return int(answer["message"]["seq"])
            if answer["error"]["err_code"] == NO_MESSAGE:
                return 0
