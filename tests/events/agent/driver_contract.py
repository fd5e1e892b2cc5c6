"""What does every driver promise? A driver's tests subclass this."""

from pathlib import Path

import pytest

from rollbook.agent.desired import Desired
from rollbook.agent.driver import AgentContext, Driver, Fault, Observed, Unapplied
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.names import StageName, TargetName
from tests.support.agents import MODEL, artifact, desired_set, variant

PLACE = Target(StageName("production"), TargetName("main"), MODEL)
CONTEXT = AgentContext(is_stopping=lambda: False)


def desired(served: Variant | None, revision: int = 1) -> Desired:
    return Desired(
        "production.main.acme.fraud", PLACE, desired_set(served, revision=revision), 1
    )


async def apply(driver: Driver, wanted: Desired) -> list[str]:
    """Plan and apply; return the words of each step."""
    plan = driver.plan(wanted, await driver.observe(PLACE))
    return [step.word async for step in driver.apply(plan, CONTEXT)]


class DriverContract:
    """Observes what it applied, repeats harmlessly, keeps serving when it cannot."""

    async def test_at_first_nothing_is_observed(self, driver: Driver) -> None:
        assert await driver.observe(PLACE) == Observed()

    async def test_what_was_applied_is_observed(
        self, driver: Driver, tmp_path: Path
    ) -> None:
        served = variant(artifact(tmp_path, b"one"))
        await apply(driver, desired(served))
        assert await driver.observe(PLACE) == Observed(served.digest)

    async def test_applying_twice_is_applying_once(
        self, driver: Driver, tmp_path: Path
    ) -> None:
        served = variant(artifact(tmp_path, b"one"))
        assert await apply(driver, desired(served)) == await apply(
            driver, desired(served)
        )
        assert await driver.observe(PLACE) == Observed(served.digest)

    async def test_it_goes_forth_and_back(self, driver: Driver, tmp_path: Path) -> None:
        for content in (b"one", b"two", b"one"):
            served = variant(artifact(tmp_path, content))
            await apply(driver, desired(served))
            assert await driver.observe(PLACE) == Observed(served.digest)

    async def test_other_bytes_leave_what_is_served(
        self, driver: Driver, tmp_path: Path
    ) -> None:
        served = variant(artifact(tmp_path, b"one"))
        await apply(driver, desired(served))
        file = artifact(tmp_path, b"two")
        other = variant(file, 2)
        file.write_bytes(b"2wo")
        with pytest.raises(Unapplied) as refused:
            await apply(driver, desired(other, 2))
        assert refused.value.fault is Fault.DIGEST_MISMATCH
        assert await driver.observe(PLACE) == Observed(served.digest)

    async def test_nothing_desired_serves_nothing(
        self, driver: Driver, tmp_path: Path
    ) -> None:
        await apply(driver, desired(variant(artifact(tmp_path, b"one"))))
        await apply(driver, desired(None, 2))
        assert await driver.observe(PLACE) == Observed()
