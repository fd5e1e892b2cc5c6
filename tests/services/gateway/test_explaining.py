"""Is the registrar asked why, in the reader's name and as of the reader's moment?"""

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import PromotionBlocked
from rollbook.commands.explain import Explain
from rollbook.commands.wire import Problem, Request, Told
from rollbook.names import ModelName, PromotionId, StageName, Version
from tests.projections import facts
from tests.projections.facts import GATE
from tests.services.gateway.house import (
    BOUND,
    CI,
    REVIEWER,
    RISK_OFFICER,
    House,
    problem,
    signed_in,
)

FRAUD = "/models/default/fraud"
MODEL = ModelName("fraud")
WAIT = GateStatus.WAIT


def questions(home: House) -> list[Explain]:
    """List what the registrar was asked, all of it questions."""
    asked = [each.command for each in home.registrar.asked]
    assert all(isinstance(each, Explain) for each in asked)
    return [each for each in asked if isinstance(each, Explain)]


async def test_why_is_asked_in_the_readers_name(home: House) -> None:
    answer = await home.http.get(
        f"/v1{FRAUD}/promotions/3/why", headers=signed_in(REVIEWER)
    )
    assert answer.json()["data"] == {"answer": "Nothing is in the way.", **BOUND}
    assert (answer.json()["seq"], answer.headers["rollbook-seq"]) == (7, "7")
    assert questions(home) == [Explain(model=MODEL, promotion=PromotionId(3))]
    assert home.registrar.credentials == [REVIEWER.text]


async def test_a_promotion_nobody_asked_for_can_be_judged(home: House) -> None:
    await home.read(f"{FRAUD}/versions/2/checks", to="production")
    await home.read(f"{FRAUD}/versions/2/checks", to="production", kind="rollback")
    of_version = Explain(model=MODEL, version=Version(2), stage=StageName("production"))
    back = of_version.model_copy(update={"kind": PromotionKind.ROLLBACK})
    assert questions(home) == [of_version, back]


async def test_the_past_is_explained_as_it_was(home: House) -> None:
    await home.read(f"{FRAUD}/promotions/3/why", as_of=5)
    await home.read(f"{FRAUD}/versions/2/checks", to="staging", as_of="2026-05-01")
    head = len(home.ledger.messages)
    assert [each.as_of for each in questions(home)] == [5, head]


async def test_a_no_of_the_registrar_to_a_question_is_handed_on(home: House) -> None:
    home.registrar.answer = lambda _: Problem(
        code="not-found", reason="unknown_promotion", message="No promotion 3."
    )
    said = await home.refused(f"{FRAUD}/promotions/3/why")
    assert (said["code"], said["reason"]) == ("not-found", "unknown_promotion")


async def test_who_holds_only_a_role_of_a_policy_may_read_and_ask_why(
    home: House,
) -> None:
    headers = signed_in(RISK_OFFICER)
    for path in (FRAUD, "/inbox", "/freezes", f"{FRAUD}/promotions/3/why"):
        answer = await home.http.get(f"/v1{path}", headers=headers)
        assert answer.status_code == 200, answer.text
    for path in ("/access/tokens", "/access/people"):
        answer = await home.http.get(f"/v1{path}", headers=headers)
        assert problem(answer)["code"] == "forbidden"


async def test_a_waiting_promotion_says_what_a_vote_binds_to(home: House) -> None:
    version = home.story.version()
    waiting = home.story.request(version, "production")
    ended = home.story.request(version, "production")
    home.story.cancel(ended)
    await home.catch_up()
    shown = (await home.read(f"{FRAUD}/promotions/{waiting}"))["data"]
    assert BOUND.items() <= shown.items()
    assert home.registrar.credentials == [CI.text]
    over = (await home.read(f"{FRAUD}/promotions/{ended}"))["data"]
    assert "binding" not in over
    assert [each.promotion for each in questions(home)] == [waiting]


async def test_without_a_registrar_nobody_is_shown_a_stale_binding(
    home: House,
) -> None:
    waiting = home.story.request(home.story.version(), "production")
    await home.catch_up()
    home.registrar.answer = lambda _: Problem(
        code="unavailable", reason="catching_up", message="Ask again."
    )
    said = await home.refused(f"{FRAUD}/promotions/{waiting}")
    assert said["code"] == "unavailable"
    listed = await home.read(f"{FRAUD}/promotions")
    assert [each["promotion"] for each in listed["data"]] == [waiting]


async def test_the_inbox_is_the_readers_own(home: House) -> None:
    def bound(request: Request) -> Told:
        assert isinstance(request.command, Explain)
        binding = {**BOUND, "bound_to": {"promotion": request.command.promotion}}
        return Told(sequence=7, answer=binding)

    home.registrar.answer = bound
    promotion = home.story.request(home.story.version(), "production")
    await home.catch_up()
    [mine] = (await home.read("/inbox"))["data"]
    assert (mine["kind"], mine["barred"]) == ("approval", "requester")
    answer = await home.http.get("/v1/inbox", headers=signed_in(REVIEWER))
    [theirs] = answer.json()["data"]
    assert theirs["barred"] is None
    assert theirs["bound_to"] == {"promotion": promotion}


async def test_who_voted_on_what_has_changed_since_is_asked_again(
    home: House,
) -> None:
    promotion = home.story.request(home.story.version(), "production")
    home.story.approve(promotion)  # of two that are awaited
    waits = facts.judged(home.story.promotions[promotion], GATE, "approvals", WAIT)
    home.story.say(waits, PromotionBlocked(promotion=promotion, gates=(GATE,)))
    await home.catch_up()
    assert await barred(home) == "voted"
    other = {**BOUND, "binding": facts.digest("evidence was added")}
    home.registrar.answer = lambda _: Told(sequence=7, answer=other)
    assert await barred(home) is None


async def barred(home: House) -> str | None:
    answer = await home.http.get("/v1/inbox", headers=signed_in(REVIEWER))
    [card] = answer.json()["data"]
    why: str | None = card["barred"]
    return why
