"""Who may read what, and what does a name come to for those who may not list names?"""

import pytest

from rollbook.envelope import Actor, ActorKind
from rollbook.names import RoleName
from tests.services.gateway.house import (
    AGENT,
    OPERATOR,
    REVIEWER,
    House,
    problem,
    signed_in,
)
from tests.services.gateway.test_reading import READS


@pytest.mark.parametrize("path", READS)
async def test_an_agents_token_reads_nothing(path: str, home: House) -> None:
    answer = await home.http.get(f"/v1{path}", headers=signed_in(AGENT))
    said = problem(answer)
    assert said["code"] == "forbidden"
    assert "viewer" in said["detail"]


@pytest.mark.parametrize("path", ["/access/tokens", "/access/people"])
async def test_only_an_access_admin_or_auditor_lists_tokens_and_people(
    path: str, home: House
) -> None:
    for token in (REVIEWER, None):
        headers = signed_in(token) if token else None
        answer = await home.http.get(f"/v1{path}", headers=headers)
        assert problem(answer)["code"] == "forbidden"
    answer = await home.http.get(f"/v1{path}", headers=signed_in(OPERATOR))
    assert answer.status_code == 200


async def test_every_reader_sees_the_names_in_an_answer_and_asks_by_them(
    home: House,
) -> None:
    admin = signed_in(OPERATOR)
    made = await home.http.post(
        "/v1/access/people", json={"name": "Zoë"}, headers=admin
    )
    principal = made.json()["principal"]
    zoe = Actor(id=principal, kind=ActorKind.PERSON, roles=(RoleName("publisher"),))
    home.story.version(by=zoe)
    await home.catch_up()
    by_name = await home.read("/events", actor="Zoë")
    assert [row["actor"] for row in by_name["data"]] == [principal]
    assert by_name["people"] == {principal: "Zoë"}
    by_principal = await home.read("/events", actor=principal)
    assert by_principal["data"] == by_name["data"]


async def test_a_name_that_is_no_persons_is_a_programs(home: House) -> None:
    found = await home.read("/events", actor="ci-bot", limit=1)
    assert {row["actor"] for row in found["data"]} <= {"svc:ci-bot"}


async def test_a_token_id_that_is_none_says_where_they_are_listed(home: House) -> None:
    answer = await home.http.post(
        "/v1/access/tokens/nosuch/revocations",
        json={"reason": "lost"},
        headers=signed_in(OPERATOR),
    )
    assert "rollbook token list" in problem(answer)["detail"]
