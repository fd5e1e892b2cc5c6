"""What becomes of what Kubernetes refuses, and of options that name no cluster?"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollbook.agent.artifacts.store import Store
from rollbook.agent.driver import (
    AgentContext,
    Fault,
    Health,
    Observed,
    Setup,
    Unapplied,
)
from rollbook.agent.drivers.kserve import KserveDriver
from rollbook.agent.wanted import Share
from rollbook.errors import Misconfigured
from rollbook.names import ModelName
from tests.events.agent.driver_contract import PLACE, mirrored, split, wants
from tests.support.kserve_site import Site
from tests.support.kubernetes_stand_in import Refused, kubeconfig, running_cluster

WEBHOOK = 'admission webhook "policy" denied the request: not in this namespace'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_cluster() as cluster:
        yield Site(cluster, tmp_path)


async def applied(site: Site, driver: KserveDriver, wanted: Any) -> list[str]:
    store = Store(site.folder / "cache")
    context = AgentContext(is_stopping=lambda: False, fetch=store.bring)
    plan = driver.plan(wanted, await driver.observe(PLACE))
    return [step.word async for step in driver.apply(plan, context)]


@pytest.mark.parametrize(
    ("code", "message", "fault", "is_passing"),
    [
        (403, "cannot patch resource", Fault.PERMISSION_DENIED, False),
        (403, WEBHOOK, Fault.DRIVER_ERROR, False),
        (403, "exceeded quota: pods=3", Fault.NO_CAPACITY, False),
        (401, "Unauthorized", Fault.PERMISSION_DENIED, False),
        (422, "spec is invalid", Fault.DRIVER_ERROR, False),
        (429, "too many requests", Fault.DRIVER_ERROR, True),
        (500, "etcdserver: request timed out", Fault.DRIVER_ERROR, True),
    ],
)
async def test_each_refusal_says_whose_fault_it_is(
    site: Site, code: int, message: str, fault: Fault, is_passing: bool
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await applied(site, site.driver(), wants(one))
    before = json.dumps(site.cluster.objects["acme-fraud"]["spec"])
    site.cluster.refusals.append(("PATCH", Refused(code, message)))
    with pytest.raises(Unapplied) as why:
        await applied(site, site.driver(), wants(two, revision=2))
    assert (why.value.fault, why.value.is_passing) == (fault, is_passing)
    assert message in why.value.detail
    assert json.dumps(site.cluster.objects["acme-fraud"]["spec"]) == before
    assert await site.served(PLACE) == {one.digest: 100}


@pytest.mark.parametrize("verb", ["POST", "PATCH"])
async def test_a_race_with_somebody_else_is_run_again(site: Site, verb: str) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    lost = Refused(409, "the object has been modified", name="acme-fraud")
    site.cluster.refusals += [(verb, lost), (verb, lost)]
    for revision, each in enumerate((one, two), start=1):
        await applied(site, site.driver(), wants(each, revision=revision))
    assert await site.served(PLACE) == {two.digest: 100}


async def test_a_change_names_the_version_it_was_made_for(site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await applied(site, site.driver(), wants(one))
    await applied(site, site.driver(), wants(two, revision=2))
    for each in site.cluster.calls:
        if each.verb == "PATCH":
            assert each.body["metadata"]["resourceVersion"].isdigit()


async def test_a_service_that_goes_away_meanwhile_is_made_again(site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await applied(site, site.driver(), wants(one))
    gone = Refused(404, 'inferenceservices "acme-fraud" not found', name="acme-fraud")
    site.cluster.refusals.append(("PATCH", gone))
    await applied(site, site.driver(), wants(two, revision=2))
    assert await site.served(PLACE) == {two.digest: 100}


async def test_somebody_elses_service_is_taken_over_with_its_settings(
    site: Site,
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await applied(site, site.driver(), wants(one))
    body = site.cluster.objects["acme-fraud"]
    body["metadata"]["annotations"].clear()
    body["spec"]["predictor"]["minReplicas"] = 3
    site.cluster.edit("acme-fraud", model={"storageUri": "s3://models/theirs"})
    driver = site.driver(model_format=None)
    assert await driver.observe(PLACE) == Observed()
    await applied(site, driver, wants(split(one, two)))
    assert await site.served(PLACE) == {one.digest: 95, two.digest: 5}
    predictor = site.cluster.objects["acme-fraud"]["spec"]["predictor"]
    assert predictor["minReplicas"] == 3
    assert predictor["model"]["modelFormat"] == {"name": "sklearn"}


async def test_a_service_that_is_not_there_needs_a_format_to_be_made(
    site: Site,
) -> None:
    wanted = wants(await site.publish(b"one", 1))
    with pytest.raises(Unapplied, match="or set model_format"):
        await applied(site, site.driver(model_format=None), wanted)


async def test_a_share_changed_by_hand_is_seen(site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    wanted = wants(split(one, two, 20))
    await applied(site, site.driver(), wanted)
    site.cluster.edit("acme-fraud", canaryTrafficPercent=60)
    observed = await site.driver().observe(PLACE)
    assert observed.runs == {one.digest: 40, two.digest: 60}
    await applied(site, site.driver(), wanted)
    assert await site.served(PLACE) == {one.digest: 80, two.digest: 20}


async def test_without_knative_whole_versions_are_served_and_nothing_is_shared(
    site: Site,
) -> None:
    site.cluster.is_raw = True
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    driver = site.driver()
    for revision, each in enumerate((one, two, one), start=1):
        await applied(site, driver, wants(each, revision=revision))
        assert (await driver.observe(PLACE)).runs == {each.digest: 100}
    with pytest.raises(Unapplied, match="no Knative") as why:
        await applied(site, driver, wants(split(one, two), revision=4))
    assert why.value.fault is Fault.UNSUPPORTED
    assert (await driver.observe(PLACE)).runs == {one.digest: 100}
    await site.refuse(two)
    with pytest.raises(Unapplied) as why:
        await applied(site, driver, wants(two, revision=5))
    assert why.value.fault is Fault.LOAD_FAILED
    assert site.asked == one.uri


async def test_health_is_what_the_condition_says(site: Site) -> None:
    driver = site.driver()
    assert await driver.health(PLACE) is Health.UNKNOWN
    await applied(site, driver, wants(await site.publish(b"one", 1)))
    assert await driver.health(PLACE) is Health.GOOD
    site.cluster.is_asleep = True
    status = site.cluster.objects["acme-fraud"]["status"]
    for state, health in (("False", Health.BAD), ("Unknown", Health.UNKNOWN)):
        status["conditions"][-1]["status"] = state
        assert await driver.health(PLACE) is health


async def test_names_and_addresses_follow_their_templates(site: Site) -> None:
    one = await site.publish(b"one", 1)
    hexadecimal = one.digest.partition(":")[2]
    site.published[f"pvc://models/fraud/{hexadecimal}"] = one.digest
    driver = site.driver(
        service="{stage}-{name}", storage_uri="pvc://models/{name}/{hex}"
    )
    await applied(site, driver, wants(one))
    assert site.cluster.knative.serves("production-fraud") == {
        f"pvc://models/fraud/{hexadecimal}": 100
    }
    assert await driver.observe(replace(PLACE, model=ModelName("acme/Fraud"))) == (
        Observed({one.digest: 100})
    )
    elsewhere = site.driver(namespace="other")
    assert await elsewhere.observe(PLACE) == Observed()
    with pytest.raises(Unapplied, match="could not find"):
        await applied(site, elsewhere, wants(one))


async def test_a_plan_says_what_gets_which_share(site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    driver, service = site.driver(), "InferenceService models/acme-fraud"
    for shares, line in (
        (one, f"give s3://models/one all of {service}"),
        (split(one, two, 20), f"give s3://models/two 20 % of {service}"),
        (None, f"delete {service}"),
    ):
        observed = Observed({two.digest: 100})
        assert driver.plan(wants(shares), observed).lines == (line,)


async def test_what_kserve_cannot_share_is_refused(site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    three = await site.publish(b"three", 3)
    for shares in (
        mirrored(one, two),
        {"stable": Share(one, 90), "a": Share(two, 5), "b": Share(three, 5)},
        {"champion": Share(one, 90), "challenger": Share(two, 10)},
    ):
        with pytest.raises(Unapplied) as why:
            site.driver().plan(wants(shares), Observed())
        assert why.value.fault is Fault.UNSUPPORTED


async def test_a_name_that_kubernetes_refuses_is_refused_at_once(site: Site) -> None:
    wanted = wants(await site.publish(b"one", 1))
    with pytest.raises(Unapplied, match="set service"):
        site.driver(service="9{model}").plan(wanted, Observed())


async def test_a_cluster_that_is_away_may_come_back(site: Site) -> None:
    away = kubeconfig(site.folder, "http://127.0.0.1:1")
    driver = KserveDriver(
        Setup("production", "main", site.folder, {"kubeconfig": str(away)})
    )
    with pytest.raises(Unapplied) as why:
        await driver.observe(PLACE)
    assert (why.value.fault, why.value.is_passing) == (Fault.DRIVER_ERROR, True)


async def test_another_token_is_refused(site: Site) -> None:
    driver = site.driver()
    kubeconfig(site.folder, site.cluster.url, token="somebody-elses")
    stranger = KserveDriver(
        Setup(
            "production",
            "main",
            site.folder,
            {"kubeconfig": str(site.folder / "kubeconfig")},
        )
    )
    await driver.observe(PLACE)
    with pytest.raises(Unapplied) as why:
        await stranger.observe(PLACE)
    assert why.value.fault is Fault.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (None, {}),
        ("{", {}),
        ("{}", {}),
        ("[]", {}),
        ('{"clusters": [], "contexts": []}', {}),
        ("given", {"context": "nowhere"}),
        ("without a user", {}),
    ],
)
def test_a_kubeconfig_that_names_no_cluster_is_named(
    tmp_path: Path, text: str | None, options: dict[str, str]
) -> None:
    file = tmp_path / "kubeconfig"
    if text is not None:
        kubeconfig(tmp_path, "http://here")
        body = json.loads(file.read_text())
        if text == "without a user":
            del body["contexts"][0]["context"]["user"]
        is_whole = text in ("given", "without a user")
        file.write_text(json.dumps(body) if is_whole else text)
    given = {"kubeconfig": str(file), **options}
    with pytest.raises(Misconfigured) as why:
        KserveDriver(Setup("production", "main", tmp_path, given))
    assert why.value.setting == f"driver.kubeconfig {file}"
