"""Does the alias in a real MLflow name what is wanted, and nothing else?"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rollbook.agent.driver import Fault, Health, Observed, Setup, Unapplied
from rollbook.agent.drivers.mlflow import MlflowDriver
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.names import Digest, Version
from tests.events.agent.driver_contract import (
    ELSEWHERE,
    PLACE,
    DriverContract,
    World,
    apply,
    refused,
    wants,
)
from tests.support.mlflow_server import Registrar, registrar, running_mlflow

_tests = count()


def sha256_of(content: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with running_mlflow(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


@dataclass(slots=True)
class Site:
    """Registered models that belong to one test."""

    url: str
    root: Path
    mlflow: Registrar
    suffix: int = field(default_factory=lambda: next(_tests))
    registered: dict[tuple[str, str], Digest] = field(default_factory=dict)

    def model(self, target: Target = PLACE) -> str:
        return f"{target.model.replace('/', '.')}-{self.suffix}"

    def driver(self, **options: Any) -> MlflowDriver:
        given = {
            "tracking_uri": self.url,
            "model_name": f"{{model}}-{self.suffix}",
            **options,
        }
        return MlflowDriver(Setup(PLACE.stage, PLACE.target, self.root, given))

    async def publish(self, content: bytes, version: int) -> Variant:
        """Register content under every model, as a pipeline does."""
        digest = sha256_of(content)
        for target in (PLACE, ELSEWHERE):
            await self.register(digest, target=target, tags={"rollbook.digest": digest})
        return described(digest, version)

    async def register(
        self,
        digest: Digest,
        source: str = "s3://bucket/model",
        *,
        tags: dict[str, str] | None = None,
        run_id: str = "",
        target: Target = PLACE,
    ) -> str:
        model = self.model(target)
        number = await self.mlflow.register(model, source, tags, run_id)
        self.registered[model, number] = digest
        return number

    async def served(self, target: Target = PLACE) -> dict[Digest, int | None]:
        """Ask as a caller of `models:/…@champion` would."""
        found = await self.mlflow.aliased(self.model(target), "champion")
        if found is None:
            return {}
        return {self.registered[self.model(target), found["version"]]: 100}

    async def move_by_hand(self, target: Target = PLACE) -> None:
        number = await self.register(sha256_of(b"by hand"), target=target)
        await self.mlflow.point(self.model(target), "champion", number)


def described(
    digest: Digest, version: int = 1, uri: str = "s3://bucket/model"
) -> Variant:
    return Variant(version=Version(version), digest=digest, size_bytes=3, uri=uri)


@pytest_asyncio.fixture(loop_scope="session")
async def site(server: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with registrar(server) as mlflow:
        yield Site(server, tmp_path, mlflow)


@pytest.fixture
def world(site: Site) -> World:
    return World(
        folder=site.root,
        make=site.driver,
        serves=site.served,
        capabilities=frozenset(),
        variant=site.publish,
        disturb=site.move_by_hand,
    )


class TestMlflow(DriverContract):
    """The promises of every driver."""


async def test_the_version_is_tagged_with_what_rollbook_calls_it(
    world: World, site: Site
) -> None:
    served = await site.publish(b"one", 7)
    await apply(world, site.driver(), wants(served, revision=31))
    found = await site.mlflow.aliased(site.model(), "champion")
    assert found is not None
    assert found["tags"] == {
        "rollbook.digest": served.digest,
        "rollbook.version": "7",
        "rollbook.promotion": "acme/fraud:31",
    }


async def test_the_alias_and_the_model_are_spelled_by_templates(
    world: World, site: Site
) -> None:
    named = f"{{team}}_{{name}}-{site.suffix}"
    model = f"acme_fraud-{site.suffix}"
    digest = sha256_of(b"one")
    await site.mlflow.register(model, "s3://bucket/model", {"rollbook.digest": digest})
    driver = site.driver(model_name=named, alias="{stage}-{target}")
    await apply(world, driver, wants(described(digest)))
    assert await site.mlflow.aliased(model, "production-main") is not None


async def test_the_newest_of_several_versions_with_the_digest_is_taken(
    world: World, site: Site
) -> None:
    served = await site.publish(b"one", 1)
    await site.publish(b"two", 2)
    await site.publish(b"one", 3)
    await apply(world, site.driver(), wants(served))
    found = await site.mlflow.aliased(site.model(), "champion")
    assert found is not None
    assert found["version"] == "3"


async def test_a_version_tagged_with_the_number_alone_is_found(
    world: World, site: Site
) -> None:
    digest = sha256_of(b"one")
    await site.register(sha256_of(b"two"), tags={"rollbook.version": "6"})
    await site.register(digest, tags={"rollbook.version": "7"})
    await apply(world, site.driver(), wants(described(digest, 7)))
    assert await site.served() == {digest: 100}


async def test_a_number_is_not_believed_where_another_digest_is_written(
    world: World, site: Site
) -> None:
    tags = {"rollbook.version": "7", "rollbook.digest": sha256_of(b"two")}
    await site.register(sha256_of(b"two"), tags=tags)
    why = await refused(world, site.driver(), wants(described(sha256_of(b"one"), 7)))
    assert why.fault is Fault.ARTIFACT_UNREACHABLE
    assert "set version_from" in why.detail
    assert await site.served() == {}


async def test_the_artifact_address_can_name_the_version(
    world: World, site: Site
) -> None:
    one, two = sha256_of(b"one"), sha256_of(b"two")
    number = await site.register(one, "s3://bucket/one")
    await site.register(two, "s3://bucket/two")
    driver = site.driver(version_from="uri")
    for digest, uri in (
        (one, f"models:/{site.model()}/{number}"),
        (two, "s3://bucket/two"),
        (one, "s3://bucket/one"),
    ):
        await apply(world, driver, wants(described(digest, uri=uri)))
        assert await site.served() == {digest: 100}
        assert (await driver.observe(PLACE)).runs == {digest: 100}


async def test_a_run_can_name_the_version(world: World, site: Site) -> None:
    digest = sha256_of(b"one")
    run, artifacts = await site.mlflow.run()
    await site.register(digest, f"{artifacts}/model", run_id=run)
    driver = site.driver(version_from="uri")
    await apply(world, driver, wants(described(digest, uri=f"runs:/{run}/model")))
    assert await site.served() == {digest: 100}


@pytest.mark.parametrize(
    ("uri", "fault", "said"),
    [
        ("models:/elsewhere/1", Fault.DRIVER_ERROR, "look at model_name"),
        ("models:/{model}/9", Fault.ARTIFACT_UNREACHABLE, "0 versions"),
        ("s3://bucket/twice", Fault.ARTIFACT_UNREACHABLE, "2 versions"),
        ("s3://bucket/o'clock\"", Fault.UNSUPPORTED, "cannot search"),
        ("s3://bucket/other", Fault.DIGEST_MISMATCH, "is tagged sha256:"),
    ],
)
async def test_an_address_that_names_no_one_version_moves_nothing(
    world: World, site: Site, uri: str, fault: Fault, said: str
) -> None:
    digest, other = sha256_of(b"one"), sha256_of(b"two")
    await site.register(digest, "s3://bucket/twice")
    await site.register(digest, "s3://bucket/twice")
    await site.register(other, "s3://bucket/other", tags={"rollbook.digest": other})
    wanted = wants(described(digest, uri=uri.format(model=site.model())))
    why = await refused(world, site.driver(version_from="uri"), wanted)
    assert (why.fault, why.is_passing) == (fault, False)
    assert said in why.detail
    assert await site.served() == {}


async def test_an_alias_on_a_version_without_a_digest_serves_nothing_known(
    world: World, site: Site
) -> None:
    wanted = wants(await site.publish(b"one", 1))
    driver = site.driver()
    await apply(world, driver, wanted)
    await site.move_by_hand()
    assert await driver.observe(PLACE) == Observed()
    await site.mlflow.register(
        site.model(), "s3://bucket/model", {"rollbook.digest": "sha256:1"}
    )
    await site.mlflow.point(site.model(), "champion", "3")
    assert await driver.observe(PLACE) == Observed()


async def test_an_alias_moved_to_another_known_version_shows_which(
    world: World, site: Site
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    driver = site.driver()
    await apply(world, driver, wants(one))
    await site.mlflow.point(site.model(), "champion", "2")
    assert (await driver.observe(PLACE)).runs == {two.digest: 100}


async def test_nobody_knows_how_the_callers_of_an_alias_do(
    world: World, site: Site
) -> None:
    await apply(world, site.driver(), wants(await site.publish(b"one", 1)))
    assert await site.driver().health(PLACE) is Health.UNKNOWN


async def test_a_plan_says_what_moves_where(site: Site) -> None:
    served = described(sha256_of(b"one"))
    driver = site.driver()
    assert driver.plan(wants(served), Observed()).lines == (
        f"let {site.model()}@champion name the version that is {served.digest}",
    )
    gone = driver.plan(wants(None), Observed({served.digest: 100}))
    assert gone.lines == (f"take {site.model()}@champion away",)


async def test_an_address_that_is_not_mlflows_is_named(site: Site) -> None:
    driver = site.driver(tracking_uri=f"{site.url}/elsewhere")
    with pytest.raises(Unapplied, match="MLflow answers 404") as why:
        await driver.observe(PLACE)
    assert (why.value.fault, why.value.is_passing) == (Fault.DRIVER_ERROR, False)
