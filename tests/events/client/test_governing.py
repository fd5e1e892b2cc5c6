"""Can rules be made, waited for, suspended and broken from Python?"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rollbook.client.client import Client, Promotion, Version
from rollbook.client.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    Refused,
    StillPending,
    Unavailable,
)
from tests.events.client.house import House

SECONDS = 30
DAY_OF_SOAK = {"id": "soak", "kind": "soak", "in": "staging", "for": "24h"}
SIGN_OFF = {"id": "sign-off", "kind": "approvals", "slots": [{"role": "reviewer"}]}
SEV1 = {
    "name": "sev1",
    "waives": ["soak", "freeze"],
    "roles": ["incident-commander"],
    "valid_for": "4h",
    "review_within": "24h",
}
STAGING: dict[str, Any] = {"name": "staging", "targets": ["default"]}
PRODUCTION: dict[str, Any] = {
    "name": "production",
    "targets": ["default"],
    "protected": True,
    "after": {"stages": ["staging"]},
    "gates": [DAY_OF_SOAK, SIGN_OFF],
    "break_glass": [SEV1],
}
BAKES = {
    "bake": "1h",
    "analysis": [
        {"metric": "error_rate", "expr": "value < 0.01", "on_missing": "pause"}
    ],
}


def rules(name: str, *stages: dict[str, Any], models: list[str]) -> dict[str, Any]:
    return {
        "apiVersion": "rollbook/v1",
        "kind": "ReleasePolicy",
        "metadata": {"name": name},
        "spec": {"applies_to": {"models": models}, "stages": list(stages)},
    }


def register(client: Client, model: str, content: str = "1") -> Version:
    file = Path(f"{model}-{content}.bin")
    file.write_text(f"{model} {content}")
    return client.register(model, path=file)


def put_in_force(home: House, document: dict[str, Any]) -> str:
    """Let carol propose, dave agree and put in force."""
    name = document["metadata"]["name"]
    with home.client(home.carol) as carol, home.client(home.dave) as dave:
        digest = carol.propose_policy(document, "as agreed")
        dave.policy(name).endorse(digest, "fine")
        dave.policy(name).activate(digest[:20])  # dave has seen it by now
    return digest


def asked_for(client: Client, home: House, model: str) -> Promotion:
    """Ask for version 1 in production under rules with a soak of a day."""
    put_in_force(home, rules(f"{model}-rules", STAGING, PRODUCTION, models=[model]))
    version = register(client, model)
    version.promote("staging").wait(SECONDS)
    return version.promote("production", reason="weekly")


def test_rules_hold_once_somebody_else_agrees(client: Client, home: House) -> None:
    document = rules("agreed", STAGING, models=["agreed"])
    digest = put_in_force(home, document)
    stricter = rules("agreed", {**STAGING, "gates": [SIGN_OFF]}, models=["agreed"])
    with home.client(home.carol) as carol:
        proposed = carol.propose_policy(stricter, "stricter")
        found = carol.policy("agreed").status()
        assert (found.digest, found.document) == (digest, document)
        assert [each.state for each in found.revisions] == ["proposed", "active"]
        with pytest.raises(Forbidden):
            carol.policy("agreed").endorse(proposed)
        with pytest.raises(Conflict):
            carol.policy("agreed").activate(proposed)
        [listed] = [each for each in carol.policies() if each.policy == "agreed"]
        assert [each.digest for each in listed.proposals] == [proposed]
        assert carol.policy("agreed").revision(proposed[7:20]).document == stricter
    with home.client(home.dave) as dave:
        assert [card.row["digest"] for card in dave.inbox() if card.kind == "policy"]
        assert not dave.policy("agreed").retire("not needed any more")
    with home.client(home.carol) as carol:
        assert carol.policy("agreed").retire("indeed")
        assert carol.policy("agreed").status().digest is None
        with pytest.raises(NotFound):
            carol.policy("agreed").revision()


def test_rules_that_cannot_hold_are_refused_with_every_fault(home: House) -> None:
    wrong = {**STAGING, "gates": [{**SIGN_OFF, "reject": "all"}, {"kind": "what"}]}
    with home.client(home.carol) as carol, pytest.raises(InvalidRequest) as refused:
        carol.propose_policy(rules("wrong", wrong, models=["wrong"]), "x")
    assert (refused.value.code, refused.value.exit) == ("policy-invalid", 2)
    assert {each["path"] for each in refused.value.faults or ()} >= {
        "spec.stages[0].gates[1].kind"
    }


def test_a_check_says_what_would_change_it_and_records_nothing(
    client: Client, home: House
) -> None:
    put_in_force(home, rules("checked", STAGING, PRODUCTION, models=["checked"]))
    version = register(client, "checked")
    told = version.check("production")
    assert (told.promotion, told.protected, told.is_open) == (None, True, False)
    closed = {gate.id for gate in told.gates if gate.blocks}
    assert closed == {"predecessor", "soak", "sign-off"}
    [sign_off] = [gate for gate in told.gates if gate.id == "sign-off"]
    assert sign_off.changes_when[0].by == "person"
    assert client.model("checked").promotions() == []
    assert version.check("staging").is_open


def test_a_waiver_takes_two_people_and_a_look_at_it_afterwards(
    client: Client, home: House
) -> None:
    asked = asked_for(client, home, "broken")
    assert asked.why().not_before is not None
    with home.client(home.carol) as carol, home.client(home.dave) as dave:
        waiver = carol.promotion(str(asked)).waive(
            ["soak"], "sev1", "outage", incident="INC-88"
        )
        with pytest.raises(Forbidden):
            carol.promotion(str(asked)).confirm_waiver(waiver)
        assert carol.promotion(str(asked)).status().state == "GATING"
        assert "waiver" in {card.kind for card in dave.inbox()}
        dave.promotion(str(asked)).confirm_waiver(waiver)
    [soak] = [gate for gate in asked.why().gates if gate.id == "soak"]
    assert (soak.status, soak.blocks, soak.waiver) == ("waived", False, waiver)
    with home.client(home.bob) as bob:
        bob.promotion(str(asked)).request_changes("a model card, please")
        bob.promotion(str(asked)).approve("thank you")
    assert asked.wait(SECONDS).state == "SUCCEEDED"
    [waived] = client.waivers("broken")
    assert (waived.incident, waived.state) == ("INC-88", "granted")
    [owed] = client.reviews("broken")
    assert (owed.waiver, owed.overdue) == (waiver, False)
    with home.client(home.carol) as carol, pytest.raises(Forbidden):
        carol.model("broken").close_review(owed.review, "justified", "it was mine")
    with home.client() as operator:
        model = operator.model("broken")
        model.close_review(owed.review, "justified", "the outage was real")
        assert operator.reviews("broken") == []


def test_a_freeze_closes_lanes_until_it_is_lifted(client: Client, home: House) -> None:
    version = register(client, "frozen")
    with home.client(home.dave) as dave:
        calendar = dave.calendar()
        freeze = calendar.freeze("year end", models=["frozen"], waivable=True)
        asked = version.promote("development")
        with pytest.raises(StillPending):
            asked.wait(timeout=0.1)
        [gate] = [gate for gate in asked.why().gates if gate.blocks]
        assert (gate.id, "year end" in gate.why) == ("freeze", True)
        assert [each.freeze for each in calendar.freezes(model="frozen")] == [freeze]
        calendar.lift(freeze, "over")
        assert asked.wait(SECONDS).state == "SUCCEEDED"
        assert calendar.freezes(model="frozen", open_only=True) == []
        [lifted] = calendar.freezes(model="frozen")
    assert lifted.state == "lifted"
    with home.client(home.bob) as bob, pytest.raises(Forbidden):
        bob.calendar().freeze("mine", models=["frozen"])


def test_what_is_under_way_is_measured_paused_and_stopped(
    client: Client, home: House
) -> None:
    bakes = {**STAGING, "strategy": {"all_at_once": BAKES}}
    put_in_force(home, rules("baked", bakes, models=["baked"]))
    asked = register(client, "baked").promote("staging")
    asked.wait(SECONDS, until="dispatched")
    with pytest.raises(StillPending):
        asked.wait(timeout=1)
    begun = client.follow(model="baked", types=["promotion.verifying"], since=0)
    since = next(begun).at
    until = since + timedelta(milliseconds=1)

    def measure(error_rate: float) -> None:
        metrics = {"error_rate": error_rate}
        asked.record_analysis(metrics, samples=500, from_at=since, until_at=until)

    measure(0.002)
    with pytest.raises(Unavailable) as soon:
        measure(0.003)
    assert soon.value.code == "rate-limited"
    with home.client(home.dave) as dave:
        promotion = dave.promotion(str(asked))
        promotion.pause("let me look")
        assert promotion.status().state == "PAUSED"
        promotion.resume("fine", accept=["error_rate"])
        freeze = dave.calendar().stop_the_line("bad data", models=["baked"])
        with home.client(home.carol) as carol:
            carol.calendar().lift(freeze, "it was not")
        promotion.abort("after all")
        assert promotion.status().state == "ABORTED"


def test_several_models_go_together_and_back_together(
    client: Client, home: House
) -> None:
    names = ["left", "right"]
    for name in names:
        register(client, name).promote("staging").wait(SECONDS)
        register(client, name, "2")
    both = [f"{name}@2" for name in names]
    with pytest.raises(Conflict):
        client.request_bundle(both, "staging", "together", expect={"left": None})
    bundle = client.request_bundle(both, "staging", "together", expect={"left": 1})
    for member in bundle.status().members:
        client.promotion(f"{member.model}:{member.promotion}").wait(SECONDS)
    with home.client(home.dave) as dave:
        with pytest.raises(Conflict):
            dave.bundle(bundle.number).cancel("too late")
        for each in dave.bundle(bundle.number).roll_back("latency"):
            each.wait(SECONDS)
        assert dave.bundle(bundle.number).status().state == "ROLLED_BACK"
        assert [dave.version(f"{name}#staging").number for name in names] == [1, 1]


def test_a_lane_goes_back_at_once(client: Client, home: House) -> None:
    for content in "12":
        register(client, "back", content).promote("staging").wait(SECONDS)
    with home.client(home.dave) as dave:
        lane = dave.model("back").lane("staging")
        assert lane.roll_back("latency", incident="INC-1").wait(SECONDS).version == 1
        with pytest.raises(Refused):
            lane.roll_back("further")


def test_accounts_of_one_person_are_linked(home: House) -> None:
    accounts = [f"prn:{letter * 13}" for letter in "yz"]
    with home.client() as operator:
        operator.link(accounts, "both are hers")
        with pytest.raises(Conflict):
            operator.link(accounts, "again")
