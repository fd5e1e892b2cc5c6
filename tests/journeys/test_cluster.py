"""Does a promotion go all its way over three servers, one of which is killed?

The servers run exactly the files of `deploy/nats/cluster`, streams have three
replicas, and each service and the agent is a process of its own. Beside it two models
go together once a freeze is lifted: appends that guard several subjects, and the
calendar, hold over a cluster too.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rollbook.catalogue.calendar import Lanes
from rollbook.commands.bundle import RequestBundle, Wanted
from rollbook.commands.calendar import DeclareFreeze, LiftFreeze
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import RequestPromotion
from rollbook.commands.version import RegisterVersion
from rollbook.commands.wire import AnyCommand, Done
from rollbook.names import EventId, ModelName, Reason, StageName, Version
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
TOGETHER = (ModelName("acme/front"), ModelName("acme/back"))
WHY = Reason("one release")
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
        freeze = await ask_together(running)
        for model in TOGETHER:
            await until(running, "GATING", model=model)

        killed = await kill_leader(cluster)
        agent = found.agent("staging")
        agent.start()
        await agent.ready("serving")
        await has(running, LiftFreeze(freeze=freeze, reason=WHY))

        await until(running, "SUCCEEDED")
        for model in TOGETHER:
            await until(running, "SUCCEEDED", model=model)
        assert running.served("staging", MODEL) == b"one"
        await cluster.start(killed)
        head = await oracle.at_rest(running.sources.values())
        history = await oracle.history(running.ledger)
        assert not history.strange
        oracle.assert_rules_held(history)
        oracle.assert_recomputed(history)
        assert "bundle.succeeded" in history.names()
        names = (MODEL, *TOGETHER)
        await oracle.assert_intervals_whole(running.sources["stage"], names)
        await oracle.assert_views_equal_replay(running.sources.values(), head=head)


async def begin(running: System) -> None:
    """Register a version and ask for it in staging, where no agent runs yet."""
    await register(running, MODEL, b"one")
    await has(
        running,
        RequestPromotion(model=MODEL, stage=StageName("staging"), version=Version(1)),
    )


async def ask_together(running: System) -> EventId:
    """Freeze a lane of two models, and ask for both as one; return the freeze."""
    for model in TOGETHER:
        await register(running, model, model.encode())
    stage = StageName("development")
    covers = Lanes(models=TOGETHER, stages=(stage,))
    frozen = await has(running, DeclareFreeze(covers=covers, reason=WHY))
    members = tuple(Wanted(model=model, version=Version(1)) for model in TOGETHER)
    await has(running, RequestBundle(stage=stage, members=members, reason=WHY))
    return EventId(frozen.events[0]["id"])


async def register(running: System, model: ModelName, content: bytes) -> None:
    """Register a model with one version."""
    made = artifact(running.folder / "artifacts" / f"{model}.bin", content)
    await has(running, RegisterModel(model=model))
    await has(running, RegisterVersion(model=model, artifact=made))


async def has(running: System, command: AnyCommand) -> Done:
    """Have something recorded as the operator."""
    return await accepted(running.gateway, command, credential=running.operator)


async def until(running: System, state: str, *, model: ModelName = MODEL) -> None:
    """Wait until a model's first promotion has got so far."""
    database = running.sources["stage"].database
    while True:
        row = await database.read(lambda each: promotion(View(each), model, 1))
        if row is not None and row["state"] == state:
            return
        await asyncio.sleep(0.05)


async def kill_leader(cluster: NatsCluster) -> str:
    """Kill the server that leads the ledger's stream; return its name."""
    async with cluster.client("core-admin") as admin:
        leader: str = (await ask(admin, LEDGER_INFO))["cluster"]["leader"]
    await cluster.kill9(leader)
    return leader
