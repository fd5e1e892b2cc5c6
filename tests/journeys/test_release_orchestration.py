"""Does a policy of one's own hold a promotion back, and let it go, by itself?

Everything is real: server, registrar, conductor, views, agents, HTTP. At the end all
decisions follow again from the ledger alone, and so do all views (`conftest.py`).
"""

from datetime import datetime, timedelta
from typing import Any, Final

from rollbook.envelope import written
from rollbook_services import main
from tests.journeys.company import (
    PRODUCTION,
    STAGING,
    Asked,
    Company,
    policy,
    until_past,
)

SIGN_OFF: Final[dict[str, Any]] = {
    "id": "sign-off",
    "kind": "approvals",
    "slots": [{"role": "model-owner"}, {"role": "risk-officer"}],
}
QUALITY: Final[dict[str, Any]] = {
    "id": "quality",
    "kind": "evidence",
    "evidence": "eval",
    "expr": "metrics.auc >= 0.9",
    "on_missing": "wait",
}
SOAK: Final[dict[str, Any]] = {"id": "soak", "kind": "soak", "in": "staging"}
AFTER: Final[dict[str, Any]] = {"after": {"stages": ["staging"]}}
SEV1: Final[dict[str, Any]] = {
    "name": "sev1",
    "waives": ["soak"],
    "roles": ["incident-commander"],
    "valid_for": "4h",
    "review_within": "24h",
}


async def test_the_next_rules_need_somebody_else_to_agree(firm: Company) -> None:
    model = await firm.model("agreed")
    await firm.rules(model, stages=[STAGING])
    olga, omar, name = firm.people["olga"], firm.people["omar"], "acme-agreed"
    document = policy(name, (model,), stages=[STAGING, PRODUCTION])
    proposed = await olga.post("/policies", document=document, reason="wider")
    digest = proposed["events"][0]["data"]["digest"]
    activations = f"/policies/{name}/activations"
    assert (await olga.refused(activations, digest=digest))["code"]
    own = await olga.refused(f"/policies/{name}/endorsements", digest=digest)
    assert own["code"] == "separation-of-duties"
    [card] = await omar.get("/inbox")
    assert (card["kind"], card["digest"]) == ("policy", digest)
    await omar.post(f"/policies/{name}/endorsements", digest=digest)
    assert await omar.get("/inbox") == []
    await olga.post(activations, digest=digest)
    assert (await olga.get(f"/policies/{name}"))["digest"] == digest
    assert (await firm.ask(model, 1, "production")).number == 1


async def test_two_people_with_their_roles_open_the_gate(firm: Company) -> None:
    model = await firm.model("signed")
    await firm.rules(model, stages=[{**PRODUCTION, "gates": [SIGN_OFF]}])
    asked = await firm.ask(model, 1, "production")
    said = await asked.why("sign-off")
    assert (said["status"], said["blocks"]) == ("wait", True)
    [awaited] = said["changes_when"]
    assert firm.people["rosa"].principal in awaited["who"]
    await asked.approve("milo")
    waiting = await firm.promotion(model, 1)
    assert waiting is not None
    assert waiting["state"] == "GATING"
    barred = await vote(asked, "ruth", "milo")
    assert [each["code"] for each in barred] == [None, "already-exists"]
    await asked.until("SUCCEEDED")
    assert firm.served(model, "production") == f"{model} 1"


async def vote(asked: Asked, *names: str) -> list[dict[str, Any]]:
    """Vote for what is shown to the first; say what came of each."""
    people = [asked.company.people[name] for name in names]
    binding = (await people[0].get(asked.path))["binding"]
    answers = []
    for person in people:
        answer = await person.http.post(
            f"{asked.path}/approvals", json={"binding": binding}
        )
        answers.append({"code": None, **answer.json()})
    return answers


async def test_new_evidence_voids_what_was_approved(firm: Company) -> None:
    model = await firm.model("judged")
    await firm.rules(model, stages=[{**PRODUCTION, "gates": [QUALITY, SIGN_OFF]}])
    asked = await firm.ask(model, 1, "production")
    early = await vote(asked, "milo")
    assert early[0]["code"] == "gate-failed"
    await firm.evaluate(model, 1, auc=0.93)
    await asked.approve("milo")
    stale = (await firm.people["rosa"].get(asked.path))["binding"]
    await firm.evaluate(model, 1, auc=0.95)
    refused = await firm.people["rosa"].refused(
        f"{asked.path}/approvals", binding=stale
    )
    assert refused["code"] == "approval-void"
    await asked.approve("rosa")
    assert (await asked.why("sign-off"))["why"].startswith("1 of 2 slots filled")
    await asked.approve("milo")
    await asked.until("SUCCEEDED")


async def test_a_requester_who_approves_is_refused_and_remembered(
    firm: Company,
) -> None:
    model = await firm.model("selfish")
    await firm.rules(model, stages=[{**PRODUCTION, "gates": [SIGN_OFF]}])
    maria = firm.people["maria"]
    done = await maria.post(
        f"/models/{model}/promotions", stage="production", version=1
    )
    asked = Asked(firm, model, done["events"][0]["data"]["promotion"])
    [own] = await vote(asked, "maria")
    assert (own["code"], own["reason"]) == ("separation-of-duties", "self_approval")
    [refused] = await firm.events("approval.refused", model=model)
    assert refused["actor"] == maria.principal
    assert refused["data"]["reason_code"] == "self_approval"
    await maria.post(f"{asked.path}/cancellations", reason="a try")


async def test_a_freeze_holds_a_promotion_back_until_it_is_lifted(
    firm: Company,
) -> None:
    model = await firm.model("frozen")
    await firm.rules(model, stages=[PRODUCTION])
    declared = await firm.people["ines"].post(
        "/freezes", covers={"models": [model]}, reason="year end"
    )
    freeze = declared["events"][0]["id"]
    asked = await firm.ask(model, 1, "production")
    assert (await asked.why("freeze"))["inputs"] == [freeze]
    opened = await firm.people["ines"].refused(
        f"/freezes/{freeze}/lifts", reason="enough"
    )
    assert opened["code"] == "forbidden"
    await firm.people["rene"].post(f"/freezes/{freeze}/lifts", reason="enough")
    await asked.until("SUCCEEDED")
    [lifted] = await firm.events("freeze.lifted")
    [dispatched] = await firm.events("promotion.dispatched", model=model)
    assert dispatched["seq"] > lifted["seq"] > declared["seq"]


async def test_a_freeze_that_ends_by_itself_lets_it_go_by_itself(
    firm: Company,
) -> None:
    model = await firm.model("thawed")
    await firm.rules(model, stages=[PRODUCTION])
    until = written(main.EDGE.now() + timedelta(seconds=3))
    await firm.people["ines"].post(
        "/freezes", covers={"models": [model]}, until=until, reason="a short one"
    )
    asked = await firm.ask(model, 1, "production")
    await asked.until("SUCCEEDED")
    [dispatched] = await firm.events("promotion.dispatched", model=model)
    assert dispatched["at"] >= until


async def test_a_window_that_opens_lets_it_go_by_itself(firm: Company) -> None:
    model = await firm.model("windowed")
    opens = (main.EDGE.now() + timedelta(seconds=5)).replace(microsecond=0)
    window = {
        "name": "soon",
        "kind": "allow",
        "zone": "UTC",
        "start": opens.strftime("%Y-%m-%dT%H:%M:%S"),
        "lasts": "1h",
        "rrule": "FREQ=DAILY",
    }
    await firm.rules(model, stages=[{**PRODUCTION, "windows": [window]}])
    asked = await firm.ask(model, 1, "production")
    await asked.until("SUCCEEDED")
    [dispatched] = await firm.events("promotion.dispatched", model=model)
    assert dispatched["at"] >= written(opens)
    first, *_ = words(await firm.events("gate.evaluated", model=model), "windows")
    assert first["status"] == "wait"
    assert datetime.fromisoformat(first["recheck_at"]) == opens


def words(events: list[dict[str, Any]], gate: str) -> list[dict[str, Any]]:
    """Return what a gate said, the oldest first."""
    said = [each["data"]["result"] for each in events]
    return [each for each in said if each["gate"] == gate]


async def test_a_soak_that_is_over_lets_it_go_by_itself(firm: Company) -> None:
    model = await firm.model("soaked")
    soaks = {**PRODUCTION, **AFTER, "gates": [{**SOAK, "for": "1s"}]}
    await firm.rules(model, stages=[STAGING, soaks])
    early = await firm.ask(model, 1, "production")
    staged = await firm.live(model, 1, "staging")
    await early.until("SUCCEEDED")
    succeeded, *_ = await firm.events("promotion.succeeded", model=model)
    assert succeeded["promotion"] == staged.number
    dispatched = (await firm.events("promotion.dispatched", model=model))[-1]
    begun, gone = (each["at"] for each in (succeeded, dispatched))
    assert gone >= written(datetime.fromisoformat(begun) + timedelta(seconds=1))


async def test_what_waits_too_long_expires(firm: Company) -> None:
    model = await firm.model("expired")
    stage = {**PRODUCTION, "gates": [SIGN_OFF], "expires_after": "1s"}
    await firm.rules(model, stages=[stage])
    asked = await firm.ask(model, 1, "production")
    await asked.until("EXPIRED")
    [expired] = await firm.events("promotion.expired", model=model)
    assert expired["at"] >= expired["data"]["expires_at"]


async def test_what_was_due_while_no_conductor_ran_is_done_once(
    firm: Company,
) -> None:
    model = await firm.model("overdue")
    late = {**PRODUCTION, "gates": [SIGN_OFF], "expires_after": "1s"}
    soaks = {"name": "canary", **AFTER, "gates": [{**SOAK, "for": "1s"}]}
    await firm.rules(model, stages=[STAGING, soaks, late])
    await firm.live(model, 1, "staging")
    await firm.conducting.stop()
    try:
        waits = await firm.ask(model, 1, "production")
        ripens = await firm.ask(model, 1, "canary")
        [_, asked, _] = await firm.events("promotion.requested", model=model)
        await until_past(asked["data"]["expires_at"])
        for each in (waits, ripens):
            row = await firm.promotion(model, each.number)
            assert row is not None
            assert row["ended_at"] is None
    finally:
        await firm.conducting.start()
    await waits.until("EXPIRED")
    await ripens.until("SUCCEEDED")
    assert len(await firm.events("promotion.expired", model=model)) == 1
    assert len(await firm.events("promotion.dispatched", model=model)) == 2


async def test_two_people_break_the_glass_and_a_third_looks_at_it(
    firm: Company,
) -> None:
    model = await firm.model("waived")
    soaks = {**PRODUCTION, **AFTER, "gates": [{**SOAK, "for": "24h"}]}
    await firm.rules(model, stages=[STAGING, {**soaks, "break_glass": [SEV1]}])
    await firm.live(model, 1, "staging")
    asked = await firm.ask(model, 1, "production")
    ines, ivan = firm.people["ines"], firm.people["ivan"]
    wish = {"break_glass": "sev1", "gates": ["soak"], "reason": "payments fail"}
    without = await ines.refused(f"{asked.path}/waivers", **wish)
    assert without["code"] == "invalid-request"
    done = await ines.post(f"{asked.path}/waivers", **wish, incident="INC-7")
    confirmations = f"{asked.path}/waivers/{done['events'][0]['id']}/confirmations"
    assert (await ines.refused(confirmations))["code"] == "separation-of-duties"
    assert [each["kind"] for each in await ivan.get("/inbox")] == ["waiver"]
    await ivan.post(confirmations)
    await asked.until("SUCCEEDED")
    [_, dispatched] = await firm.events("promotion.dispatched", model=model)
    [soak] = (each for each in dispatched["data"]["gates"] if each["gate"] == "soak")
    assert soak["status"] == "waived"
    [review] = await firm.people["rene"].get("/reviews", model=model, open="true")
    closures = f"/models/{model}/reviews/{review['review']}/closures"
    finding = {"finding": "justified", "notes": "they did fail"}
    assert (await ivan.refused(closures, **finding))["code"]
    await firm.people["rene"].post(closures, **finding)
    assert await firm.people["rene"].get("/reviews", model=model, open="true") == []


async def test_a_trial_run_records_nothing(firm: Company) -> None:
    model = await firm.model("tried")
    await firm.rules(model, stages=[PRODUCTION])
    head = await firm.running.ledger.head()
    tried = await firm.pipeline.tries(
        f"/models/{model}/promotions", stage="production", version=1
    )
    assert tried["events"][0]["type"].startswith("io.rollbook.promotion.requested")
    refused = await firm.pipeline.http.post(
        f"/models/{model}/promotions",
        json={"stage": "production", "version": 9},
        params={"dry_run": "true"},
    )
    assert refused.json()["code"] == "not-found"
    assert await firm.running.ledger.head() == head
    assert (await firm.ask(model, 1, "production")).number == 1


async def test_the_past_is_explained_as_it_was(firm: Company) -> None:
    model = await firm.model("past")
    await firm.rules(model, stages=[{**PRODUCTION, "gates": [QUALITY]}])
    asked = await firm.ask(model, 1, "production")
    before = await firm.running.ledger.head()
    await firm.evaluate(model, 1, auc=0.97)
    await asked.until("SUCCEEDED")
    then = await asked.why("quality", as_of=before, min_seq=0)
    assert (then["status"], then["inputs"]) == ("unknown", [])
    told = await firm.pipeline.get(f"{asked.path}/why")
    assert told["state"] == "SUCCEEDED"
    check = f"/models/{model}/versions/1/checks"
    told = await firm.pipeline.get(check, to="production")
    assert told["promotion"] is None
