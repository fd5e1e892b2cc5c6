"""Does a promotion go all its way over three servers, one of which is killed?

The servers run exactly the files of `deploy/nats/cluster`, streams have three
replicas, and each service and the agent is a process of its own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import RequestPromotion
from rollbook.commands.version import RegisterVersion
from rollbook.names import ModelName, StageName, Version
from rollbook_projections.stage.queries.promotion import promotion
from rollbook_projections.view import View
from rollbook_services import main
from rollbook_services.serving import ALL
from rollbook_services.settings import Nats, Server, Settings
from tests.support import oracle
from tests.support.load import artifact
from tests.support.nats import ask
from tests.support.nats_cluster import NatsCluster, running_cluster
from tests.support.settling import accepted
from tests.support.system import ORIGIN, Processes, System, ended, opened

MODEL = ModelName("acme/fraud")
SECONDS = 180
LEDGER_INFO = "$JS.API.STREAM.INFO.LEDGER"


@asynccontextmanager
async def installation(folder: Path) -> AsyncIterator[tuple[NatsCluster, Processes]]:
    """Run every service over the cluster."""
    servers = folder / "servers"
    servers.mkdir()
    async with running_cluster(servers) as cluster:
        await cluster.has_leader()
        seeds = servers / "keys"
        settings = Settings(
            server=Server(data=folder / "data", origin=ORIGIN),
            nats=Nats(
                url=cluster.url,
                seeds=seeds,
                replicas=3,
                ca=cluster.certificates.authority,
            ),
        )
        found = Processes(main.Site(settings, cluster.url, seeds), folder)
        with ended(found):
            await found.start("registrar")
            await found.start(*(role for role in ALL if role != "registrar"))
            yield cluster, found


async def test_a_promotion_outlives_the_leader_of_the_ledger(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(SECONDS),
        installation(tmp_path) as (cluster, found),
        opened(tmp_path, found.site) as running,
    ):
        await begin(running)
        await until(running, "DISPATCHED")

        killed = await kill_leader(cluster)
        found.agent("staging").start()

        await until(running, "SUCCEEDED")
        assert running.served("staging", MODEL) == b"one"
        await cluster.start(killed)
        head = await oracle.at_rest(running.sources.values())
        history = await oracle.history(running.ledger)
        assert not history.strange
        oracle.assert_rules_held(history)
        await oracle.assert_intervals_whole(running.sources["stage"], [MODEL])
        await oracle.assert_views_equal_replay(running.sources.values(), head=head)


async def begin(running: System) -> None:
    """Register a version and ask for it in staging, where no agent runs yet."""
    made = artifact(running.folder / "artifacts" / "one.bin", b"one")
    for command in (
        RegisterModel(model=MODEL),
        RegisterVersion(model=MODEL, artifact=made),
        RequestPromotion(model=MODEL, stage=StageName("staging"), version=Version(1)),
    ):
        await accepted(running.gateway, command, credential=running.operator)


async def until(running: System, state: str) -> None:
    """Wait until the promotion has got so far."""
    database = running.sources["stage"].database
    while True:
        row = await database.read(lambda each: promotion(View(each), MODEL, 1))
        if row is not None and row["state"] == state:
            return
        await asyncio.sleep(0.05)


async def kill_leader(cluster: NatsCluster) -> str:
    """Kill the server that leads the ledger's stream; return its name."""
    async with cluster.client("core-admin") as admin:
        leader: str = (await ask(admin, LEDGER_INFO))["cluster"]["leader"]
    await cluster.kill9(leader)
    return leader
