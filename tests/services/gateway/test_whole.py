"""Does HTTP lead through a real registrar to real views and back?"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from rollbook.client.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    Unauthenticated,
)
from rollbook.client.transport import Transport
from rollbook.commands.wire import Done, Problem, Request
from rollbook.ledger.commands import CommandSender
from rollbook.ledger.connection import connect
from rollbook.tokens import new_token
from rollbook_services import main
from rollbook_services.local.up import Ready, running
from rollbook_services.settings import Server, Settings
from tests.projections.facts import digest

FRAUD = "/v1/models/default/fraud"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ready]:
    data = tmp_path_factory.mktemp("whole")
    async with running(Settings(server=Server(data=data))) as ready:
        yield ready


def operator(ready: Ready) -> Transport:
    known = json.loads(ready.credentials.read_text())
    return Transport(ready.url, token=known["token"])


def person(operator: Transport, url: str, name: str, *roles: str) -> Transport:
    """Give a person a token as `rollbook token create` does."""
    principal = operator.post("/v1/access/people", {"name": name})["principal"]
    token = new_token(secrets.token_bytes(10), secrets.token_bytes(32))
    body = {
        "token": token.id,
        "sha256": token.sha256,
        "principal": principal,
        "roles": roles,
        "until": (main.EDGE.now() + timedelta(days=1)).isoformat(),
    }
    issued = operator.post("/v1/access/tokens", body)
    holder = Transport(url, token=token.text)
    holder.seen = issued["seq"]
    return holder


def version(number: int) -> dict[str, Any]:
    artifact = {"uri": f"s3://m/{number}", "digest": digest(number), "size_bytes": 5}
    return {"artifact": artifact, "metrics": {"auc": 0.9}}


def register(ci: Transport, bob: Transport) -> None:
    ci.post("/v1/models", {"model": "fraud"})
    with pytest.raises(Conflict):
        ci.post("/v1/models", {"model": "fraud"})
    with pytest.raises(NotFound):
        ci.post("/v1/models/default/none/versions", version(1))
    first = ci.post(f"{FRAUD}/versions", version(1), key="run-1")
    again = ci.post(f"{FRAUD}/versions", version(1), key="run-1")
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert first["events"] == again["events"]
    with pytest.raises(InvalidRequest) as reused:
        ci.post(f"{FRAUD}/versions", version(2), key="run-1")
    assert reused.value.code == "idempotency-key-reused"
    with pytest.raises(Forbidden):
        bob.post(f"{FRAUD}/versions", version(3))
    assert ci.get(first["resource"])["data"]["digest"] == digest(1)


def until_dispatched(ci: Transport, stage: str) -> dict[str, Any]:
    """Ask for version 1 and wait, by the feed, until it is desired."""
    asked = ci.post(f"{FRAUD}/promotions", {"stage": stage, "version": 1})
    feed = ci.follow(since=asked["seq"], model="fraud", type="lane.desired_set")
    desired = next(feed).event["data"]
    assert asked["resource"] == f"{FRAUD}/promotions/{desired['promotion']}"
    return dict(desired)


def approve(ci: Transport, bob: Transport) -> None:
    asked = ci.post(f"{FRAUD}/promotions", {"stage": "production", "version": 1})
    bob.seen = asked["seq"]
    shown = bob.get(asked["resource"])["data"]
    assert [card["barred"] for card in bob.get("/v1/inbox")["data"]] == [None]
    with pytest.raises(Conflict) as stale:
        bob.post(f"{asked['resource']}/approvals", {"binding": digest("other")})
    assert stale.value.code == "approval-void"
    with pytest.raises(Forbidden):
        ci.post(f"{asked['resource']}/approvals", {"binding": shown["binding"]})
    bob.post(f"{asked['resource']}/approvals", {"binding": shown["binding"]})
    *refused, vote = bob.get(asked["resource"])["data"]["votes"]
    assert [each["refused"] for each in refused] == [
        "binding_changed",
        "self_approval",
    ]
    assert vote["bound_to"] == shown["bound_to"]
    checks = ci.get("/v1/doctor")["data"]["checks"]
    assert [each for each in checks if not each["ok"]] == []


def report_applied(ready: Ready, desired: dict[str, Any]) -> None:
    """Report as the agent of staging, over NATS, that it runs what is desired."""
    known = json.loads(ready.credentials.read_text())["agents"]["staging/default"]
    report = {
        "stage": "staging",
        "target": "default",
        "agent": known["user"],
        "seq": 1,
        "revision": desired["revision"],
        "token": desired["token"],
        "promotion": desired["promotion"],
        "observed": dict.fromkeys(desired["variants"], digest(1)),
        "reported_at": "2026-05-01T09:00:00Z",
    }
    command = {"command": "ReportTarget", "model": "fraud", "state": "applied"}
    request = Request.model_validate(
        {"id": "agent/1", "command": {**command, "report": report}}
    )

    async def send() -> Done | Problem:
        async with connect(
            ready.nats_url, user=known["user"], seed=known["seed"]
        ) as client:
            sender = CommandSender(client, user=known["user"], zone="edge")
            return await sender.send(request, credential=known["token"])

    answer = asyncio.run(send())
    assert isinstance(answer, Done), answer


def live(ready: Ready) -> None:
    with (
        operator(ready) as admin,
        person(admin, ready.url, "carla", "publisher") as ci,
        person(admin, ready.url, "bob", "reviewer") as bob,
    ):
        register(ci, bob)
        desired = until_dispatched(ci, "staging")
        report_applied(ready, desired)
        approve(ci, bob)


async def test_a_model_is_registered_asked_for_and_approved(whole: Ready) -> None:
    await asyncio.to_thread(live, whole)


async def test_a_revoked_token_opens_nothing(whole: Ready) -> None:
    def revoke() -> None:
        with operator(whole) as admin, person(admin, whole.url, "eve", "viewer") as eve:
            eve.get("/v1/models")
            listed = admin.get("/v1/access/tokens")["data"]
            [own] = [each for each in listed if each["issued_at"] == listed_at(listed)]
            path = f"/v1/access/tokens/{own['token']}/revocations"
            eve.seen = admin.post(path, {"reason": "lost"})["seq"]
            admin.get("/v1/access/tokens")
            with pytest.raises(Unauthenticated):
                eve.get("/v1/models")
            with pytest.raises(Unauthenticated):
                eve.post("/v1/models", {"model": "hers"})

    await asyncio.to_thread(revoke)


def listed_at(tokens: list[dict[str, Any]]) -> str:
    return max(str(each["issued_at"]) for each in tokens)


async def test_one_model_has_one_name(whole: Ready) -> None:
    def twice() -> None:
        with (
            operator(whole) as admin,
            person(admin, whole.url, "dora", "publisher") as dora,
        ):
            dora.post("/v1/models", {"model": "default/twice"})
            with pytest.raises(Conflict):
                dora.post("/v1/models", {"model": "twice"})
            shown = dora.get("/v1/models/default/twice")["data"]
            assert shown["model"] == "twice"

    await asyncio.to_thread(twice)
