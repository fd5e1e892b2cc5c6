"""Fourth part of the demo: a freeze, broken glass, and who looks at that afterwards."""

from typing import Any

from rollbook_services.local.demo.narrator import wait_for
from rollbook_services.local.demo.players import MODEL, refusal_of
from rollbook_services.local.demo.scene import Scene

REASON = "the old tree misreads customers' scans"
INCIDENT = "INC-2"


def freeze(scene: Scene) -> None:
    """Close production for the year-end."""
    body = {
        "covers": {"models": [MODEL], "stages": ["production"]},
        "waivable": True,
        "reason": "year-end accounts",
    }
    scene.alice.send("/freezes", body)
    [found] = scene.carol.transport.get("/v1/freezes", open=True)["data"]
    scene.narrator.claim(
        "alice freezes production for the year-end; rollbacks would still go",
        found["exempt"] == ["rollback"] and found["waivable"],
        found,
    )


def everything_but_the_freeze(scene: Scene, promotion: int) -> None:
    """Let time pass and people approve."""
    wait_for(
        "three seconds in staging are over",
        lambda: _gates(scene, promotion),
        lambda gates: gates["soak"]["status"] == "pass",
    )
    refused = refusal_of(lambda: scene.bob.approve(promotion, "fine"))
    scene.narrator.claim(
        f'bob is a reviewer, which these rules do not ask for: "{refused.told}"',
        refused.reason == "no_slot",
        refused,
    )
    scene.mona.approve(promotion, "it reads every digit")
    scene.rolf.approve(promotion, "the data is whole this time")
    gates = _gates(scene, promotion)
    closed = [name for name, gate in gates.items() if gate["blocks"]]
    scene.narrator.claim(
        "mona and rolf approve, each in a role of their own; now only the freeze is "
        "in the way",
        closed == ["freeze"],
        closed,
    )


def break_the_glass(scene: Scene, promotion: int) -> str:
    """Waive the freeze: by two people, with a reason, an incident and a review."""
    tell = scene.narrator
    body = {
        "break_glass": "sev1",
        "gates": ["freeze"],
        "reason": REASON,
        "incident": INCIDENT,
    }
    path = f"/promotions/{promotion}/waivers"
    refused = refusal_of(lambda: scene.alice.do(path, body))
    tell.claim(
        f'alice closed it, but may not break the glass: "{refused.told}"',
        refused.code == "forbidden",
        refused,
    )
    asked = scene.erin.do(path, body)
    waiver = str(asked["events"][0]["id"])
    confirmation = f"{path}/{waiver}/confirmations"
    refused = refusal_of(lambda: scene.erin.do(confirmation, {}))
    tell.claim(
        f'erin asks for it in {INCIDENT}, and needs a second person: "{refused.told}"',
        refused.code == "separation-of-duties",
        refused,
    )
    scene.frank.do(confirmation, {})
    return waiver


def goes_live(scene: Scene, promotion: int, waiver: str) -> None:
    """See it dispatched, with the gate shown as what it is."""
    done = scene.frank.wait_until_live(promotion, "production")
    freeze_gate = next(gate for gate in done["gates"] if gate["gate"] == "freeze")
    scene.narrator.claim(
        f"frank confirms, and {MODEL}@4 goes live; the freeze reads "
        f'"{freeze_gate["status"]}" for ever, never "pass"',
        freeze_gate["status"] == "waived"
        and scene.served_digest("production") == scene.artifact(4)["digest"],
        freeze_gate,
    )
    aliases = {each["alias"]: each["version"] for each in scene.carol.read("/aliases")}
    scene.narrator.claim(
        "the alias champion follows production by itself: it names version 4",
        aliases.get("champion") == 4,
        aliases,
    )


def look_back(scene: Scene, waiver: str) -> None:
    """Close the review that the waiver opened, and lift the freeze."""
    tell = scene.narrator
    [review] = _reviews(scene, open=True)
    path = f"/reviews/{review['review']}/closures"
    body = {"finding": "justified", "notes": "customers were answered wrongly"}
    refused = refusal_of(lambda: scene.erin.do(path, body))
    tell.claim(
        f'somebody else has to look at that within a day: "{refused.told}"',
        review["waiver"] == waiver and refused.code == "separation-of-duties",
        review,
    )
    scene.carol.do(path, body)
    [found] = scene.carol.transport.get("/v1/freezes", open=True)["data"]
    lift = {"reason": "the accounts are closed"}
    scene.alice.send(f"/freezes/{found['freeze']}/lifts", lift)
    tell.claim(
        "carol finds it justified, alice lifts the freeze, and no review is owed",
        _reviews(scene, open=True) == []
        and scene.carol.transport.get("/v1/freezes", open=True)["data"] == [],
    )


def _gates(scene: Scene, promotion: int) -> dict[str, Any]:
    return {gate["id"]: gate for gate in scene.carol.why(promotion)["gates"]}


def _reviews(scene: Scene, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scene.carol.transport.get("/v1/reviews", **asked)[
        "data"
    ]
    return found
