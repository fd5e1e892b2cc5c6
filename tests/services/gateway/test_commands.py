"""Does every command reach the registrar as it was meant, and nothing else?"""

import re
from functools import partial
from typing import Any

import pytest

from rollbook.commands.wire import Done, Problem, Request
from rollbook.problems import CODES
from rollbook_services.gateway.bodies import LARGEST_BODY
from rollbook_services.gateway.routes.commands import ROWS
from tests.projections.facts import digest
from tests.services.gateway.bodies import BODIES, HOLD
from tests.services.gateway.house import CI, House, problem

ARTIFACT = {"uri": "s3://models/fraud/8", "digest": digest(8), "size_bytes": 5}
VERSIONS = "/v1/models/default/fraud/versions"


def filled(path: str) -> str:
    values = {"team": "risk", "name": "fraud", "version": "7", "promotion": "3"}
    values |= {"stage": "production", "token": "a" * 16, "bundle": "4"}
    values |= dict.fromkeys(("evidence", "waiver", "review", "freeze"), HOLD)
    values |= {"policy": "strict", "agent": "scorer"}
    return "/v1" + re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.command.__name__)
async def test_each_path_sends_its_command_with_the_callers_credential(
    row: Any, home: House
) -> None:
    answer = await home.http.post(filled(row.path), json=BODIES[row.command.__name__])
    assert answer.status_code == 201, answer.text
    [asked] = home.registrar.asked
    assert type(asked.command) is row.command
    if "{team}" in row.path:
        assert getattr(asked.command, "model", None) == "risk/fraud"
    assert home.registrar.credentials == [CI.text]
    assert answer.json()["seq"] == 7
    assert answer.headers["location"] == answer.json()["resource"] + "?min_seq=7"


async def test_every_path_can_be_tried_without_recording(home: House) -> None:
    for row in ROWS:
        path, body = filled(row.path), BODIES[row.command.__name__]
        answer = await home.http.post(path, json=body, params={"dry_run": "true"})
        assert answer.status_code == 200, answer.text
        assert not {"location", "rollbook-seq"} & answer.headers.keys()
        assert answer.json()["events"]
    assert [each.dry_run for each in home.registrar.asked] == [True] * len(ROWS)


async def test_a_command_is_meant_unless_it_says_otherwise(home: House) -> None:
    for asked in ({}, {"dry_run": "false"}):
        await home.http.post(VERSIONS, json={"artifact": ARTIFACT}, params=asked)
    assert [each.dry_run for each in home.registrar.asked] == [False, False]


async def test_what_nobody_can_say_of_a_trial_is_no_unknown_outcome(
    home: House,
) -> None:
    home.registrar.answer = partial(_says, b"{}")
    answer = await home.http.post(
        VERSIONS, json={"artifact": ARTIFACT}, params={"dry_run": "true"}
    )
    assert problem(answer)["code"] == "unavailable"


async def test_the_team_default_is_no_part_of_a_models_name(home: House) -> None:
    await home.http.post(VERSIONS, json={"artifact": ARTIFACT})
    assert home.registrar.asked[0].command.model == "fraud"  # type: ignore[union-attr]


async def test_the_idempotency_key_is_the_command_id(home: House) -> None:
    key = {"Idempotency-Key": "run-812"}
    home.registrar.answer = lambda request: Done(
        sequence=7, rev=3, replayed=True, events=({"commandid": request.id},)
    )
    answer = await home.http.post(
        f"{VERSIONS}/1/retirements", json={"reason": "old"}, headers=key
    )
    assert home.registrar.asked[0].id == "run-812"
    assert answer.headers["rollbook-replayed"] == "true"
    assert answer.json()["replayed"] is True


async def test_a_malformed_idempotency_key_is_refused(home: House) -> None:
    answer = await home.http.post(
        VERSIONS, json={"artifact": ARTIFACT}, headers={"Idempotency-Key": "a b"}
    )
    assert problem(answer)["errors"][0]["pointer"] == "Idempotency-Key"
    assert home.registrar.asked == []


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"/artifact"}),
        ({"artifact": {**ARTIFACT, "digest": "md5:1"}}, {"/artifact/digest"}),
        ({"artifact": {"uri": "x"}}, {"/artifact/digest", "/artifact/size_bytes"}),
        ({"artifact": ARTIFACT, "actor": "prn:x", "time": "now"}, {"/actor", "/time"}),
        ({"artifact": ARTIFACT, "model": "other"}, {"/model"}),
        ({"artifact": ARTIFACT, "command": "RetireVersion"}, {"/command"}),
        ({"artifact": ARTIFACT, "parameters": {"a": {}}}, {"/parameters/a"}),
        ({"artifact": ARTIFACT, "tags": {"a/b~c": 1}}, {"/tags/a~1b~0c"}),
        (
            {"artifact": {**ARTIFACT, "size_bytes": -1}, "colour": 1, "metrics": []},
            {"/artifact/size_bytes", "/colour", "/metrics"},
        ),
    ],
)
async def test_every_fault_of_a_body_is_named_at_its_place(
    body: dict[str, Any], faults: set[str], home: House
) -> None:
    said = problem(await home.http.post(VERSIONS, json=body))
    assert said["code"] == "invalid-request"
    assert {fault["pointer"] for fault in said["errors"]} == faults
    assert home.registrar.asked == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
async def test_a_metric_that_is_no_number_is_named(number: str, home: House) -> None:
    text = f'{{"artifact": {{}}, "metrics": {{"auc": {number}}}}}'
    said = problem(await home.http.post(VERSIONS, content=text))
    assert "/metrics/auc" in {fault["pointer"] for fault in said["errors"]}


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b"7",
        b"\xff\xfe",
        b'{"reason": "a", "reason": "b"}',
        b"[" * 60_000,
        b'{"reason": "\\ud800"}',
        b'{"reason": ' + b"9" * 5_000 + b"}",
    ],
    ids=["cut", "list", "number", "bytes", "double", "deep", "surrogate", "long"],
)
async def test_what_is_no_json_object_is_refused(text: bytes, home: House) -> None:
    answer = await home.http.post(f"{VERSIONS}/1/retirements", content=text)
    assert problem(answer)["code"] == "invalid-request"
    assert home.registrar.asked == []


async def test_a_body_over_the_limit_is_refused(home: House) -> None:
    body = {"reason": "x" * LARGEST_BODY}
    said = problem(await home.http.post(f"{VERSIONS}/1/retirements", json=body))
    assert (said["status"], said["limit"]) == (413, LARGEST_BODY)
    assert home.registrar.asked == []


@pytest.mark.parametrize(
    "name", ["a.b", "a b", "..", "ä", "x" * 300, "7", "a%2Fb", "-a"]
)
async def test_a_malformed_model_name_is_refused(name: str, home: House) -> None:
    answer = await home.http.post(
        f"/v1/models/default/{name}/versions", json={"artifact": ARTIFACT}
    )
    assert problem(answer)["code"] in ("invalid-request", "not-found")
    assert home.registrar.asked == []


@pytest.mark.parametrize("version", ["0", "-1", "latest", "1.5", str(2**53)])
async def test_a_version_in_a_path_is_a_number(version: str, home: House) -> None:
    answer = await home.http.post(
        f"{VERSIONS}/{version}/retirements", json={"reason": "old"}
    )
    assert problem(answer)["errors"][0]["pointer"] == "/version"
    assert home.registrar.asked == []


async def test_without_a_token_nothing_is_sent(home: House) -> None:
    for said in ({"Authorization": ""}, {"Authorization": "Basic YTpi"}):
        answer = await home.http.post(VERSIONS, json={}, headers=said)
        assert problem(answer)["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert home.registrar.asked == []


@pytest.mark.parametrize("code", CODES)
async def test_each_problem_keeps_code_status_and_members(
    code: str, home: House
) -> None:
    home.registrar.answer = lambda request: Problem(
        code=code,
        reason="because",
        message="No. Do something else.",
        detail={"actual": 8, "status": 200, "title": "mine"},
    )
    said = problem(await home.http.post(VERSIONS, json={"artifact": ARTIFACT}))
    assert (said["code"], said["status"]) == (code, CODES[code].http)
    assert (said["detail"], said["reason"]) == ("No. Do something else.", "because")
    assert (said["actual"], said["title"]) == (8, CODES[code].title)


async def test_an_answer_to_another_command_is_not_believed(home: House) -> None:
    def foreign(request: Request) -> Done:
        return Done(sequence=9, rev=9, events=({"commandid": "another"},))

    home.registrar.answer = foreign
    said = problem(await home.http.post(VERSIONS, json={"artifact": ARTIFACT}))
    assert (said["code"], said["reason"]) == ("outcome-unknown", "foreign_answer")
    assert said["idempotency_key"] == home.registrar.asked[0].id


def _says(nonsense: bytes, request: Request) -> bytes:
    return nonsense


async def test_an_answer_that_is_not_readable_is_not_believed(home: House) -> None:
    for nonsense in (b"", b"{}", b'{"status": "done"}'):
        home.registrar.answer = partial(_says, nonsense)
        said = problem(await home.http.post(VERSIONS, json={"artifact": ARTIFACT}))
        assert (said["code"], said["reason"]) == (
            "outcome-unknown",
            "unreadable_answer",
        )
