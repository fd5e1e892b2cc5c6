"""Does a change go on, go back, or go together with others, by itself?

Everything is real, as in `test_release_orchestration.py`.
"""

from typing import Any, Final

from rollbook_services import main
from tests.journeys.company import PRODUCTION, STAGING, Asked, Company
from tests.support import agents

ERRORS: Final[dict[str, Any]] = {
    "metric": "error_rate",
    "expr": "value < 0.01",
    "on_missing": "pause",
}
QUALITY: Final[dict[str, Any]] = {
    "id": "quality",
    "kind": "evidence",
    "evidence": "eval",
    "expr": "metrics.auc >= 0.9",
    "on_missing": "wait",
}
MODELS: Final = ("front", "middle", "back")


async def three(firm: Company, prefix: str) -> list[str]:
    """Let three models run in staging, with a second version of each."""
    models = [await firm.model(f"{prefix}-{name}", versions=2) for name in MODELS]
    await firm.rules(*models, name=prefix, stages=[STAGING])
    for model in models:
        await firm.live(model, 1, "staging")
    return models


async def bundle(firm: Company, models: list[str], version: int) -> str:
    """Ask for a version of each of them, as one."""
    members = [{"model": model, "version": version} for model in models]
    done = await firm.pipeline.post(
        "/bundles", stage="staging", members=members, reason="one release"
    )
    return str(done["resource"]).removeprefix("/v1")


async def until_over(firm: Company, path: str) -> dict[str, Any]:
    """Wait until all members of a bundle have ended, and with them the bundle."""
    shown: dict[str, Any] = await firm.pipeline.get(path)
    for member in shown["members"]:
        await firm.until(member["model"], member["promotion"], *ENDED)
    number = shown["bundle"]
    await firm.recorded("bundle.succeeded", "bundle.failed", bundle=number)
    over: dict[str, Any] = await firm.pipeline.get(path)
    return over


ENDED: Final = ("SUCCEEDED", "FAILED", "ERRORED", "ABORTED")


async def test_three_models_go_live_together(firm: Company) -> None:
    models = await three(firm, "trio")
    path = await bundle(firm, models, 2)
    over = await until_over(firm, path)
    assert over["state"] == "SUCCEEDED"
    assert [firm.served(each, "staging") for each in models] == [
        f"{each} 2" for each in models
    ]
    dispatched = [
        (await firm.events("promotion.dispatched", model=each))[-1] for each in models
    ]
    assert len({each["at"] for each in dispatched}) == 1  # one append


async def test_when_one_of_them_fails_all_go_back(firm: Company) -> None:
    models = await three(firm, "broken")
    firm.file(models[1], 2).write_bytes(b"not what was registered")
    over = await until_over(firm, await bundle(firm, models, 2))
    assert over["state"] == "FAILED"
    [failed] = await firm.events("bundle.failed")
    assert failed["data"]["because_of"] == models[1]
    taken_back = failed["data"]["taken_back"]
    assert [each["model"] for each in taken_back] == models
    for member in taken_back:
        await firm.until(member["model"], member["promotion"], "SUCCEEDED")
    assert [firm.served(each, "staging") for each in models] == [
        f"{each} 1" for each in models
    ]


async def test_a_bundle_waits_for_its_last_member(firm: Company) -> None:
    models = [await firm.model(f"late-{name}") for name in MODELS[:2]]
    await firm.rules(*models, name="late", stages=[{**STAGING, "gates": [QUALITY]}])
    await firm.evaluate(models[0], 1, auc=0.95)
    path = await bundle(firm, models, 1)
    ready = await firm.until(models[0], 1, "READY")
    assert ready["dispatched_at"] is None
    await firm.evaluate(models[1], 1, auc=0.95)
    assert (await until_over(firm, path))["state"] == "SUCCEEDED"


async def test_a_version_that_measures_badly_is_taken_back_by_itself(
    firm: Company,
) -> None:
    model = await firm.model("measured", versions=2)
    stage = {
        **PRODUCTION,
        "strategy": {"all_at_once": {"bake": "2s", "analysis": [ERRORS]}},
        "rollback": {"when": ["failed"]},
    }
    await firm.rules(model, stages=[stage])
    good = await firm.ask(model, 1, "production")
    await good.until("VERIFYING")
    await measure(good, 0.001)
    await good.until("SUCCEEDED")
    bad = await firm.ask(model, 2, "production")
    await bad.until("VERIFYING")
    assert firm.served(model, "production") == f"{model} 2"
    await measure(bad, 0.2)
    assert (await bad.until("FAILED"))["reason_code"] == "analysis_breached"
    [triggered] = await firm.events("rollback.triggered", model=model)
    assert triggered["data"]["failed_promotion"] == bad.number
    back = Asked(firm, model, triggered["data"]["promotion"])
    await back.until("SUCCEEDED")  # going back has nothing to prove
    assert firm.served(model, "production") == f"{model} 1"
    assert (await lane(firm, model))["hold"] is not None


async def measure(asked: Asked, error_rate: float) -> None:
    """Push what was measured since the step began."""
    row = await asked.company.promotion(asked.model, asked.number)
    assert row is not None
    await asked.company.pipeline.post(
        f"{asked.path}/analyses",
        metrics={"candidate": {"error_rate": error_rate}},
        samples=1_000,
        from_at=row["dispatched_at"],
        until_at=main.EDGE.now().isoformat(),
    )


async def lane(firm: Company, model: str) -> dict[str, Any]:
    return dict(await firm.pipeline.get(f"/models/{model}/lanes/production"))


async def test_automation_brings_the_newest_good_version_all_the_way(
    firm: Company,
) -> None:
    model = await firm.model("automatic")
    stages = [
        {**STAGING, "auto_promote": "newest_eligible", "gates": [QUALITY]},
        {
            **PRODUCTION,
            "auto_promote": "match_upstream",
            "after": {"stages": ["staging"]},
        },
    ]
    await firm.rules(model, stages=stages, aliases={"follow": {"live": "production"}})
    await firm.evaluate(model, 1, auc=0.95)
    await firm.recorded("alias.moved", model=model, to_version=1)
    await firm.publish(model)
    await firm.publish(model)
    await firm.evaluate(model, 3, auc=0.5)
    await firm.evaluate(model, 2, auc=0.96)
    await firm.recorded("alias.moved", model=model, to_version=2)
    assert firm.served(model, "production") == f"{model} 2"
    resolved = await firm.pipeline.get(f"/models/{model}/resolve", ref="live")
    assert resolved["version"] == 2
    requested = await firm.events("promotion.requested", model=model)
    assert [(each["stage"], each["version"]) for each in requested] == [
        ("staging", 1),
        ("production", 1),
        ("staging", 2),
        ("production", 2),
    ]
    assert all(each["data"]["automatic"] for each in requested)


async def test_a_frozen_change_stands_still_and_goes_on_by_itself(
    firm: Company,
) -> None:
    model = await firm.model("paused")
    stage = {**PRODUCTION, "strategy": {"all_at_once": {"bake": "3s"}}}
    await firm.rules(model, stages=[stage])
    asked = await firm.ask(model, 1, "production")
    await asked.until("VERIFYING")
    declared = await firm.people["ines"].post(
        "/freezes", covers={"models": [model]}, reason="look", stops_the_line=True
    )
    await asked.until("PAUSED")
    freeze = declared["events"][0]["id"]
    await firm.people["rene"].post(f"/freezes/{freeze}/lifts", reason="fine")
    await asked.until("SUCCEEDED")
    for name in ("promotion.paused", "promotion.resumed"):
        [told] = await firm.events(name, model=model)
        assert told["data"]["cause"] == "freeze"


async def test_a_stage_of_ones_own_is_served_by_an_agent_of_its_own(
    firm: Company,
) -> None:
    model = await firm.model("own")
    canary = {"name": "canary", "targets": ["eu-1"]}
    await firm.rules(model, stages=[canary])
    asked = await firm.ask(model, 1, "canary")
    await asked.until("DISPATCHED")
    async with agents.running(await firm.running.another_agent("canary", "eu-1")):
        await asked.until("SUCCEEDED")
    assert firm.served(model, "canary") == f"{model} 1"
