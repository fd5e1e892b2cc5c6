"""Is whatever is wrong refused with field and remedy, and is nothing written?

Each case goes through HTTP and through NATS, to a whole running system.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from rollbook.commands.access import RevokeToken
from rollbook.commands.alias import MoveAlias
from rollbook.commands.model import RegisterModel
from rollbook.commands.version import RegisterVersion
from rollbook.commands.wire import CREDENTIAL_HEADER
from rollbook.names import AliasName, ModelName, Reason, TokenId, Version
from rollbook.problems import CODES
from rollbook.tokens import read_token
from rollbook_services import main
from rollbook_services.gateway.paths import path_of
from tests.support.load import artifact
from tests.support.settling import accepted, new_id
from tests.support.system import System, system

MODEL = ModelName("bad/input")
DIGEST = "sha256:" + "5" * 64
OTHER = {"uri": "file:///other", "digest": DIGEST, "size_bytes": 5}
WRITER = "writer-1"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that is wrong: the command, its problem, and what is to be named."""

    what: str
    command: dict[str, Any]
    code: str
    named: Sequence[str]


def version(**fields: Any) -> dict[str, Any]:
    return {"command": "RegisterVersion", "model": MODEL, "artifact": OTHER, **fields}


def promotion(**fields: Any) -> dict[str, Any]:
    asked = {"model": MODEL, "stage": "staging", "version": 1, **fields}
    return {"command": "RequestPromotion", **asked}


def evidence(**fields: Any) -> dict[str, Any]:
    said = {"kind": "evaluation", "verdict": "pass", "metrics": {"auc": 0.9}}
    when = {"produced_at": "2026-11-20T12:00:00Z", "subject_digest": DIGEST}
    about = {"model": MODEL, "version": 1}
    return {"command": "RecordEvidence", **about, **said, **when, **fields}


def model(name: str, **fields: Any) -> dict[str, Any]:
    return {"command": "RegisterModel", "model": name, **fields}


NAMES = ("ä", "a.b", "a/b/c", "/a", "a b", "..", "../a", "x" * 300, "", "a\n", "*", "7")
LONG = {f"p{number}": "x" * 2000 for number in range(20)}
CASES = [
    Case("unknown model", version(model="no/such"), "not-found", ["no/such"]),
    Case("unknown version", promotion(version=99), "not-found", ["99", "newest"]),
    Case("unknown stage", promotion(stage="prod"), "not-found", ["prod", "staging"]),
    Case("wrong digest", evidence(), "digest-mismatch", [DIGEST]),
    Case(
        "malformed digest",
        version(artifact={**OTHER, "digest": "md5:1"}),
        "invalid-request",
        ["artifact", "digest"],
    ),
    Case(
        "text no UTF-8 can hold",
        version(description="\ud800"),
        "invalid-request",
        [],
    ),
    Case(
        "integer no double can hold",
        version(parameters={"seed": 2**60 + 1}),
        "invalid-request",
        ["parameters", "seed", "text"],
    ),
    Case("oversized", version(parameters=LONG), "payload-too-large", ["URI", "bytes"]),
    *(
        Case(
            f"metric {number}",
            version(metrics={"auc": number}),
            "invalid-request",
            ["metrics", "auc", "finite"],
        )
        for number in (float("nan"), float("inf"))
    ),
    Case("label of other bytes", version(label="one"), "already-exists", ["one"]),
    *(
        Case(f"name {name[:9]!r}", model(name), "invalid-request", ["model"])
        for name in NAMES
    ),
    *(
        Case(f"claims {name}", model("a/b", **{name: "x"}), "invalid-request", [name])
        for name in ("actor", "time", "authid", "at")
    ),
    Case(
        "stale expected_previous",
        {
            "command": "MoveAlias",
            "model": MODEL,
            "alias": "champion",
            "version": 1,
            "expected_previous": 7,
        },
        "incumbent-moved",
        ["champion", "7", "1"],
    ),
    Case("unknown field", version(colour="red"), "invalid-request", ["colour"]),
    Case("no reason", {"command": "RetireVersion", "model": MODEL, "version": 1},
         "invalid-request", ["reason"]),
]  # fmt: skip


@dataclass(slots=True)
class House:
    """A running system with one version, and both ways into it."""

    running: System
    http: httpx2.AsyncClient
    token: str

    async def by_http(
        self, command: dict[str, Any], *, token: str | None = None, id_: str = ""
    ) -> dict[str, Any]:
        """Post a command; return the problem it must be."""
        path, body = posted(command)
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        if id_:
            headers["Idempotency-Key"] = id_
        answer = await self.http.post(
            path, content=json.dumps(body).encode(), headers=headers
        )
        said: dict[str, Any] = answer.json()
        assert answer.headers["content-type"] == "application/problem+json", said
        assert said["status"] == answer.status_code == CODES[said["code"]].http
        return {"code": said["code"], "message": said["detail"]}

    async def by_nats(
        self, command: dict[str, Any], *, token: str | None = None, id_: str = ""
    ) -> dict[str, Any]:
        """Send a command as bytes, without any check; return the problem it must be."""
        said = {"id": id_ or new_id(), "command": command}
        async with self.running.connect(WRITER) as client:
            answer = await client.request(
                f"rollbook.command.edge.{WRITER}.{command['command']}",
                json.dumps(said).encode(),
                timeout=20,
                headers={CREDENTIAL_HEADER: self.token if token is None else token},
            )
        problem: dict[str, Any] = json.loads(answer.data)
        assert problem["status"] == "problem", problem
        return problem

    async def head(self) -> int:
        return await self.running.ledger.head()


def posted(command: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Say where a command is posted, and what of it is left for the body."""
    body = {name: part for name, part in command.items() if name != "command"}
    kind = command["command"]
    if kind == "RegisterModel":
        return "/v1/models", body
    path = f"/v1{path_of(body.pop('model'))}"
    ends = {
        "RegisterVersion": "/versions",
        "RequestPromotion": "/promotions",
        "MoveAlias": "/aliases",
        "RecordEvidence": "/versions/{version}/evidence",
        "RetireVersion": "/versions/{version}/retirements",
    }
    end = ends[kind]
    return path + end.format_map(body), {
        name: part
        for name, part in body.items()
        if name != "version" or "{version}" not in end
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("bad")
    async with system(folder) as running:
        token = await running.token(f"svc:{WRITER}", "publisher", "release-manager")
        made = artifact(folder / "one.bin", b"one")
        for command in (
            RegisterModel(model=MODEL),
            RegisterVersion(model=MODEL, artifact=made, label="one"),
            MoveAlias(
                model=MODEL,
                alias=AliasName("champion"),
                version=Version(1),
                expected_previous=None,
            ),
        ):
            await accepted(running.gateway, command, credential=token)
        async with httpx2.AsyncClient(base_url=running.url, timeout=30) as http:
            yield House(running, http, token)


@pytest.mark.parametrize("way", ["http", "nats"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
async def test_what_is_wrong_is_refused_and_nothing_is_written(
    case: Case, way: str, house: House
) -> None:
    before = await house.head()
    send = house.by_http if way == "http" else house.by_nats
    problem = await send(case.command)
    assert problem["code"] == case.code, problem
    for word in case.named:
        assert word in problem["message"], problem
    assert len(problem["message"]) > 20
    assert await house.head() == before


@pytest.mark.parametrize("way", ["http", "nats"])
async def test_a_credential_that_is_not_good_opens_nothing(
    way: str, house: House
) -> None:
    until = main.EDGE.now() + timedelta(seconds=0.5)
    expired = await house.running.token(
        f"svc:{WRITER}", "publisher", lifetime=timedelta(seconds=0.5)
    )
    revoked = await house.running.token(f"svc:{WRITER}", "publisher")
    read = read_token(revoked)
    assert read is not None
    command = RevokeToken(token=TokenId(read[0]), reason=Reason("lost"))
    operator = house.running.operator
    await accepted(house.running.gateway, command, credential=operator)
    while main.EDGE.now() <= until + timedelta(seconds=1):  # noqa: ASYNC110
        await asyncio.sleep(0.05)

    before = await house.head()
    send = house.by_http if way == "http" else house.by_nats
    typo = house.token[:-1] + ("a" if house.token[-1] != "a" else "b")
    for token in (expired, revoked, typo, "Bearer x", "x" * 80):
        problem = await send(model("fresh/name"), token=token)
        assert problem["code"] == "unauthenticated", problem
        assert "token" in problem["message"]
    assert await house.head() == before


async def test_a_token_of_another_user_opens_nothing_on_nats(house: House) -> None:
    before = await house.head()
    problem = await house.by_nats(model("fresh/name"), token=house.running.operator)
    assert problem["code"] == "unauthenticated"
    assert await house.head() == before


@pytest.mark.parametrize("way", ["http", "nats"])
async def test_a_command_id_stands_for_one_request(way: str, house: House) -> None:
    command = MoveAlias(
        model=MODEL,
        alias=AliasName(f"by-{way}"),
        version=Version(1),
        expected_previous=None,
    )
    id_ = new_id()
    await accepted(house.running.gateway, command, credential=house.token, id_=id_)
    before = await house.head()
    other = {**command.model_dump(mode="json"), "alias": "another"}
    send = house.by_http if way == "http" else house.by_nats
    problem = await send(other, id_=id_)
    assert problem["code"] == "idempotency-key-reused"
    assert id_ in problem["message"]
    assert await house.head() == before


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"id": "a b", "command": {}}', b"[" * 9_999]
)
async def test_every_request_on_nats_is_answered(body: bytes, house: House) -> None:
    before = await house.head()
    async with house.running.connect(WRITER) as client:
        subject = f"rollbook.command.edge.{WRITER}.RegisterModel"
        answer = await client.request(subject, body, timeout=20)
    assert json.loads(answer.data)["code"] == "invalid-request"
    assert await house.head() == before


async def test_a_body_over_every_limit_is_refused(house: House) -> None:
    before = await house.head()
    huge = version(description="x" * 300_000)
    assert (await house.by_http(huge))["code"] == "payload-too-large"
    assert await house.head() == before


async def test_reading_what_is_not_there_says_so(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.token}"}
    for path in (
        "/v1/models/no/such",
        "/v1/models/bad/input/versions/9",
        "/v1/models/bad/input/promotions/9",
        "/v1/models/bad/input/lanes/nowhere",
        "/v1/nothing",
    ):
        answer = await house.http.get(path, headers=headers)
        assert answer.status_code == 404, (path, answer.text)
        assert answer.json()["code"] == "not-found"
    late = await house.http.get("/v1/models", params={"as_of": "9999"}, headers=headers)
    assert late.json()["code"] == "as-of-out-of-range", late.text
