"""First part of the demo: models are registered, approved and served."""

from typing import Any

from rollbook_services.local.demo.digits import SLICE, Trained, training_code
from rollbook_services.local.demo.players import MODEL, Player, refusal_of
from rollbook_services.local.demo.scene import Scene


def register(scene: Scene, version: int) -> None:
    """Register a model's bytes with everything it was made from."""
    trained, tell = scene.trained[version], scene.narrator
    body = _registration(scene, version)
    key = f"demo/register/{version}"
    answer = scene.ci.do("/versions", body, key=key)
    made = answer["events"][0]["data"]
    tell.claim(
        f"ci-bot registered {trained.title}: {MODEL}@{version}, "
        f"{made['artifact']['digest']}",
        made["version"] == version
        and made["artifact"]["digest"] == body["artifact"]["digest"],
        made,
    )
    again = scene.ci.do("/versions", body, key=key)
    tell.claim(
        "the job sent its request twice, as jobs do: one version, the first answer",
        again["replayed"]
        and again["seq"] == answer["seq"]
        and len(scene.ci.read("/versions")) == version,
        again,
    )


def evaluate(scene: Scene, version: int) -> None:
    """Record what the makers measured."""
    trained = scene.trained[version]
    scene.ci.do(f"/versions/{version}/evidence", evaluation(scene, trained, version))
    recorded = scene.ci.read(f"/versions/{version}/evidence")[-1]
    scene.narrator.claim(
        f"its evaluation is recorded: accuracy {trained.accuracy} on "
        f"{trained.measured_on.name}, for exactly these bytes",
        recorded["metrics"]["accuracy"] == trained.accuracy
        and recorded["subject_digest"] == scene.artifact(version)["digest"],
        recorded,
    )


def to_staging(scene: Scene, version: int) -> None:
    """Promote to staging, where no person is asked."""
    promotion = scene.ci.ask_for(version, "staging", "nightly candidate")
    scene.ci.wait_until_live(promotion, "staging")
    scene.narrator.claim(
        f"staging asks nobody: {MODEL}:{promotion} was dispatched, and the agent there "
        f"serves {MODEL}@{version}, whose bytes it checked",
        scene.served_digest("staging") == scene.artifact(version)["digest"],
        scene.served_digest("staging"),
    )


def first_to_production(scene: Scene) -> None:
    """Promote version 1, with everything that keeps a person from doing it alone."""
    tell, alice = scene.narrator, scene.alice
    promotion = alice.ask_for(1, "production", "first release")
    waiting = alice.read(f"/promotions/{promotion}")
    gates = {gate["gate"]: gate["status"] for gate in waiting["gates"]}
    tell.claim(
        f"alice asks for {MODEL}@1 in production: {MODEL}:{promotion} waits for a "
        "reviewer, and nothing is deployed",
        waiting["state"] == "GATING"
        and gates.get("sign-off") != "pass"
        and not scene.served("production").exists(),
        waiting,
    )
    refused = refusal_of(lambda: alice.approve(promotion, "looks good to me"))
    tell.claim(
        "alice is a reviewer, but may not approve what she asked for: "
        f'"{refused.told}"',
        refused.code == "separation-of-duties",
        refused.code,
    )
    refused = refusal_of(lambda: scene.ci.approve(promotion, "tests are green"))
    tell.claim(
        f'a program may not approve either: "{refused.told}"',
        refused.code == "forbidden",
        refused.code,
    )
    _approve_and_serve(scene, scene.bob, promotion, 1)


def to_production(scene: Scene, version: int, reason: str, comment: str) -> None:
    """Promote a later version: asked by the pipeline, approved by bob."""
    promotion = scene.ci.ask_for(version, "production", reason)
    card = next(
        card
        for card in scene.bob.transport.get("/v1/inbox")["data"]
        if card["promotion"] == promotion
    )
    scene.narrator.claim(
        f'bob finds {MODEL}:{promotion} in his inbox: "{card["reason"]}", '
        f"{card['incumbent']} -> {card['version']}",
        card["barred"] is None and card["version"] == version,
        card,
    )
    _approve_and_serve(scene, scene.bob, promotion, version, comment)


def evaluation(scene: Scene, trained: Trained, version: int) -> dict[str, Any]:
    """Describe what the makers of a model measured."""
    return {
        "kind": "evaluation",
        "subject_digest": scene.artifact(version)["digest"],
        "dataset": _dataset(trained, "validation"),
        "metrics": {"accuracy": trained.accuracy},
        "verdict": "pass",
        "produced_at": scene.now(),
    }


def _approve_and_serve(
    scene: Scene,
    reviewer: Player,
    promotion: int,
    version: int,
    comment: str = "measured on data it was not trained on",
) -> None:
    tell = scene.narrator
    bound = scene.bob.read(f"/promotions/{promotion}")["bound_to"]
    reviewer.approve(promotion, comment)
    done = reviewer.wait_until_live(promotion, "production")
    digest = scene.artifact(version)["digest"]
    tell.claim(
        f'{reviewer.name} approves ("{comment}"); the vote binds to the digest, the '
        "stage, the policy and the evidence",
        bound["digest"] == digest
        and [voter["who"] for voter in done["voters"]] == [reviewer.principal],
        done,
    )
    tell.claim(
        f"the agent in production fetched {MODEL}@{version}, checked its digest before "
        "loading, and switched `current` to it",
        scene.served_digest("production") == digest,
        scene.served_digest("production"),
    )
    images, shown = scene.data.holdout.images, scene.data.holdout.shown
    right = next(
        image
        for image, digit in zip(images, shown, strict=True)
        if digit != SLICE
        and scene.trained[version].estimator.predict(image.reshape(1, -1))[0] == digit
    )
    expected = scene.trained[version].estimator.predict(right.reshape(1, -1))[0]
    answer = scene.answer(right)
    tell.claim(
        f"given a scan of a {expected}, what production serves answers {answer}",
        answer == expected,
        answer,
    )


def _registration(scene: Scene, version: int) -> dict[str, Any]:
    trained = scene.trained[version]
    return {
        "artifact": scene.artifact(version),
        "framework": trained.framework,
        "parameters": trained.parameters,
        "metrics": {"accuracy": trained.accuracy},
        "tags": {"team": "reading"},
        "label": f"candidate-{version}",
        "lineage": {
            "run": f"run://demo/{version}",
            "code": {"repository": "rollbook/demo", "commit": training_code()},
            "datasets": [
                {
                    "name": trained.trained_on.name,
                    "digest": trained.trained_on.digest,
                    "role": "training",
                }
            ],
        },
    }


def _dataset(trained: Trained, role: str) -> dict[str, str]:
    measured = trained.measured_on
    return {"name": measured.name, "digest": measured.digest, "role": role}
