"""Does a lane that runs beside another reach the agents of that one's targets?"""

import asyncio

from rollbook.catalogue.lane import DesiredSet, Traffic
from rollbook.commands.desired import Document, Wake
from rollbook.ledger.bucket import NOTHING, DesiredBucket
from rollbook.names import PromotionId, StageName
from rollbook_projections.projector import Projector
from rollbook_services.conductor.queries import served
from tests.support.agents import STAGE, TARGET, TIMEOUT_SECONDS
from tests.support.conducting import (
    Registrar,
    conductor,
    desired,
    dispatched,
    requested,
    rounds,
)
from tests.support.nats import NatsServer

OWN = "production.main.acme.fraud"
BESIDE = f"{OWN}.shadow"


def beside(revision: int) -> DesiredSet:
    return desired(2, revision=revision).model_copy(
        update={
            "stage": StageName("shadow"),
            "beside": StageName(STAGE),
            "traffic": Traffic.MIRROR,
            "promotion": PromotionId(2),
            "targets": {TARGET: {}},
        }
    )


async def test_its_documents_wakes_and_keys_are_the_parents_targets(
    view: Projector,
    registrar: Registrar,
    bucket: DesiredBucket,
    conductors_nats: NatsServer,
) -> None:
    await registrar.record(requested(1), *dispatched(1, revision=1))
    await registrar.record(requested(2), beside(7))
    conducting = conductor(view, registrar, bucket)
    async with conductors_nats.client("agent-production") as agent:
        woken = await agent.subscribe(f"rollbook.wake.{STAGE}.{TARGET}")
        await agent.flush()
        await rounds(view, registrar, conducting)
        hints = [Wake.model_validate_json((await woken.next_msg(5)).data) for _ in "12"]
        assert sorted((hint.key, hint.revision) for hint in hints) == [
            (OWN, 1),
            (BESIDE, 7),
        ]
        mirror = DesiredBucket.in_edge(agent)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (held := await mirror.get(BESIDE)) == NOTHING:
                continue
    assert held.value is not None
    assert Document.model_validate_json(held.value).written_for == "production/main"
    keys = await view.database.read(served.keys, stage=STAGE, target=TARGET)
    assert keys == {OWN: 1, BESIDE: 7}
    assert await view.database.read(served.keys, stage="shadow", target=TARGET) == {}


async def test_each_of_the_two_lanes_has_a_document_of_its_own(
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> None:
    await registrar.record(requested(1), *dispatched(1, revision=1))
    await registrar.record(requested(2), beside(1))
    await rounds(view, registrar, conductor(view, registrar, bucket))
    before = await bucket.get(OWN)
    await registrar.record(beside(2))
    await rounds(view, registrar, conductor(view, registrar, bucket))
    assert await bucket.get(OWN) == before
    newest = (await bucket.get(BESIDE)).value
    assert newest is not None
    document = Document.model_validate_json(newest)
    assert document.sequence == len(registrar.recorder.messages)
