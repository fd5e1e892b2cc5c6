"""Does a fleet go on serving when a newer release wrote what this one cannot read?

The events are signed with the installation's own key, as a newer registrar would.
"""

import base64
import json
import os
from collections.abc import AsyncIterator
from itertools import count
from typing import Any, Final

import httpx2
import pytest
import pytest_asyncio

from rollbook import codec, subjects
from rollbook.catalogue.access import TokenRevoked
from rollbook.catalogue.lane import DesiredSet
from rollbook.codec import leaf_hash
from rollbook.commands.desired import Document, Target, Wake, key_of
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import RequestPromotion
from rollbook.commands.wire import Done, Problem, Request
from rollbook.envelope import Envelope, uuid7, written
from rollbook.event import Event
from rollbook.ledger.bucket import DesiredBucket
from rollbook.names import (
    ModelName,
    Reason,
    StageName,
    TargetName,
    TokenId,
    Version,
)
from rollbook.tokens import read_token
from rollbook_services import main
from rollbook_services.keys import open_key
from tests.journeys.rolling import Fleet, content, fleet, until
from tests.support import oracle
from tests.support.settling import new_id

STAGE, TARGET = "future", "eu-1"
OTHER, HEARD = "today", "heard"
DESIRED: Final = DesiredSet.type_name()
# What a newer release may write: the type of the event, and what is new in its data.
NEWS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "strategy": (DESIRED, {"traffic": "teleport"}),
    "field": (DESIRED, {"only_when": "the sun shines"}),
    "version": (DESIRED.replace(".v2", ".v3"), {"shares": {"eu-1": "all"}}),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    folder = tmp_path_factory.mktemp("future") / "site"
    async with fleet(folder, [f"{STAGE}/{TARGET}"]) as found:
        stages = [{"name": STAGE, "targets": [TARGET]}]
        await found.rules([*NEWS, OTHER, HEARD], stages)
        await found.model(OTHER, versions=1 + len(NEWS))
        await found.start(STAGE, TARGET)
        await found.live(OTHER, 1, STAGE)
        yield found


async def test_a_registrar_goes_on_hearing_what_others_write(site: Fleet) -> None:
    model = await site.model(HEARD)
    await site.live(model, 1, STAGE)
    token = await site.running.token("svc:ci", "publisher")
    assert await refusal(site, "before", token) is None
    await from_the_future(site, model, *NEWS["version"])
    [*_, like] = await site.story(subjects.ACCESS)
    read = read_token(token)
    assert read is not None
    event = TokenRevoked(token=TokenId(read[0]), reason=Reason("stolen"))
    data = event.model_dump(mode="json")
    await written_elsewhere(site, like, TokenRevoked.type_name(), data)

    # Another name each time: a refusal would make the registrar read everything anew.
    names = (f"after-{number}" for number in count())

    async def look() -> bool:
        return await refusal(site, next(names), token) == "unauthenticated"

    await until(look, lambda: "a revoked token still opens everything")


async def refusal(site: Fleet, name: str, token: str) -> str | None:
    """Ask for a model's name; None: it was given."""
    request = Request(id=new_id(), command=RegisterModel(model=ModelName(name)))
    answer = await site.running.gateway.send(request, credential=token)
    return None if isinstance(answer, Done) else answer.code


@pytest.mark.parametrize("news", NEWS)
async def test_what_nobody_here_can_read_stops_that_model_alone(
    site: Fleet, news: str
) -> None:
    model = await site.model(news)
    await site.live(model, 1, STAGE)
    body, sequence = await from_the_future(site, model, *NEWS[news])
    await refused(site, model)
    if news == "version":
        await shown(site, model, sequence)
        await deliver(site, model, body, sequence)
    agent = site.agents[f"{STAGE}.{TARGET}"]
    await agent.ready(f"refused    {STAGE}.{TARGET}.default.{model}")
    agent.stop()
    agent.start()
    await agent.ready(f"{model}@1")
    await site.live(OTHER, 2 + list(NEWS).index(news), STAGE)
    assert site.served(STAGE, TARGET, model) == content(model, 1)
    head = await site.running.ledger.head()
    for source in site.running.sources.values():
        await source.projector.wait_for(head, timeout_seconds=30)
    await oracle.assert_views_equal_replay(site.running.sources.values(), head=head)


async def from_the_future(
    site: Fleet, model: ModelName, type_: str, more: dict[str, Any]
) -> tuple[bytes, int]:
    """Append what a newer registrar might desire next; return it and its place."""
    [*_, now] = (
        each
        for each in await site.story(subjects.model(model))
        if isinstance(each.event, DesiredSet)
    )
    data = now.event.model_dump(mode="json")
    data |= {"revision": data["revision"] + 1, **more}
    return await written_elsewhere(site, now, type_, data)


async def written_elsewhere(
    site: Fleet, like: Envelope[Event], type_: str, data: dict[str, Any]
) -> tuple[bytes, int]:
    """Append an event as another registrar of this installation would."""
    *_, last = await site.running.ledger.history(like.aggregate)
    at = main.EDGE.now()
    raw = {
        **{name: each for name, each in like.raw.items() if name != "sig"},
        "id": uuid7(at, os.urandom(10)),
        "time": written(at),
        "type": type_,
        "dataschema": f"urn:rollbook:schema:{type_}",
        "data": data,
        "rev": codec.parse(last.body)["rev"] + 1,
        "prev": leaf_hash(last.body),
    }
    key = open_key(site.running.data / "keys" / "event.pem")
    body = codec.signed(raw, await key.sign(codec.message_to_sign(raw)))
    async with site.running.connect("core-admin") as admin:
        to = subjects.subject(like.aggregate)
        answer = await admin.request(to, body, timeout=10)
    return body, json.loads(answer.data)["seq"]


async def refused(site: Fleet, model: ModelName) -> None:
    """Expect the registrar to decide nothing on what it cannot read."""
    command = RequestPromotion(model=model, stage=StageName(STAGE), version=Version(2))
    answer = await site.running.gateway.send(
        Request(id=new_id(), command=command), credential=site.running.operator
    )
    assert isinstance(answer, Problem), answer
    assert answer.code == "unavailable"
    assert "upgrade Rollbook" in answer.message


async def shown(site: Fleet, model: ModelName, sequence: int) -> None:
    """Expect doctor to say which view stopped where."""

    async def look() -> bool:
        headers = {"Authorization": f"Bearer {site.running.operator}"}
        async with httpx2.AsyncClient(base_url=site.running.url, timeout=30) as http:
            answer = await http.get("/v1/doctor", headers=headers)
        checks = {each["name"]: each for each in answer.json()["data"]["checks"]}
        return (
            f"{subjects.model(model)} at {sequence}" in checks["view stage"]["detail"]
        )

    await until(look, lambda: "doctor says nothing")


async def deliver(site: Fleet, model: ModelName, body: bytes, sequence: int) -> None:
    """Put the document where a newer conductor would."""
    key = key_of(Target(StageName(STAGE), TargetName(TARGET), model))
    document = Document(
        event=base64.b64encode(body).decode(),
        model=model,
        sequence=sequence,
        written_for=f"{STAGE}/{TARGET}",
    )
    async with site.running.site.connect("conductor", is_appending=True) as client:
        bucket = DesiredBucket.in_core(client)
        before = (await bucket.get(key)).sequence
        await bucket.put(key, document.model_dump_json().encode(), expected=before)
        revision = codec.parse(body)["data"]["revision"]
        wake = Wake(key=key, revision=revision).model_dump_json().encode()
        await bucket.wake(f"rollbook.wake.{STAGE}.{TARGET}", wake)
