"""Features, fraud and threshold are released as one: all lanes change, or none."""

from typing import Final

import pytest

from rollbook.catalogue.bundle import (
    BundleCancelled,
    BundleDispatched,
    BundleFailed,
    BundleSucceeded,
)
from rollbook.catalogue.parts import Artifact
from rollbook.catalogue.promotion import PromotionDispatched, PromotionRequested
from rollbook.commands.bundle import (
    DispatchBundle,
    RequestBundle,
    SettleBundle,
    Wanted,
)
from rollbook.commands.model import RegisterModel
from rollbook.commands.version import RegisterVersion
from rollbook.names import BundleId, Digest, ModelName, Reason, Version
from rollbook_services.registrar.transitions import PromotionState
from tests.services.scenarios.rules import STAGING_SPEC, policy
from tests.services.scenarios.story import Story
from tests.support.scenario import CONDUCTOR, DAVE, PIPELINE, STAGING

FEATURES: Final = ModelName("acme/features")
FRAUD: Final = ModelName("acme/fraud")
THRESHOLD: Final = ModelName("acme/threshold")
ALL: Final = (FEATURES, FRAUD, THRESHOLD)
NIGHTS: Final = {
    "name": "nights",
    "kind": "deny",
    "zone": "Europe/Berlin",
    "start": "2026-01-01T22:00",
    "lasts": "8h",
    "rrule": "FREQ=DAILY",
}


def registered(story: Story, versions: int = 2) -> None:
    """Register three models with their versions."""
    for index, name in enumerate(ALL):
        story.let(RegisterModel(model=name), by=PIPELINE)
        for number in range(1, versions + 1):
            digest = Digest(f"sha256:{index * 100 + number:064x}")
            artifact = Artifact(uri=f"s3://{name}", digest=digest, size_bytes=9)
            story.let(RegisterVersion(model=name, artifact=artifact), by=PIPELINE)


def wanted(number: int) -> RequestBundle:
    members = tuple(Wanted(model=name, version=Version(number)) for name in ALL)
    reason = Reason("new features need the new threshold")
    return RequestBundle(stage=STAGING, members=members, reason=reason)


def told(story: Story, name: ModelName, code: str | None = None) -> None:
    """Let the agent of a model apply what is desired, a minute later, or fail."""
    story.later(minutes=1)
    passed = story.time - story.world.at
    story.world = story.world.applied(name, code=code, after=passed)


def settle(story: Story, bundle: int) -> None:
    story.let(SettleBundle(bundle=BundleId(bundle)), by=CONDUCTOR)


def dispatch(story: Story, bundle: int) -> None:
    story.let(DispatchBundle(bundle=BundleId(bundle)), by=CONDUCTOR)


def serving(story: Story) -> list[int | None]:
    """Say which version of each model should run."""
    desired = [story.world.model(name).lane(STAGING).desired for name in ALL]
    return [each.variants["stable"].version if each else None for each in desired]


@pytest.fixture
def second(story: Story) -> Story:
    """The first release is live; the second is asked for at 15:00."""
    story.rule(policy({**STAGING_SPEC, "windows": [NIGHTS]}))
    registered(story)
    story.let(wanted(1), by=PIPELINE)
    dispatch(story, 1)
    for name in ALL:
        told(story, name)
    settle(story, 1)
    assert story.world.bundle(1) == "SUCCEEDED"
    story.at("2026-11-24 15:00").let(wanted(2), by=PIPELINE)
    return story


def test_all_three_go_in_one_moment_and_are_live_when_the_last_is(
    second: Story,
) -> None:
    """One dispatch takes three slots; two of three live are no release."""
    # when
    dispatch(second, 2)
    # then
    assert second.world.kinds(PromotionDispatched) == 3
    assert serving(second) == [2, 2, 2]
    for name in (FEATURES, FRAUD):
        told(second, name)
    settle(second, 2)
    assert second.world.bundle(2) == "DISPATCHED"
    told(second, THRESHOLD)
    settle(second, 2)
    assert second.world.kinds(BundleSucceeded) == 1


def test_of_three_one_fails_and_all_lanes_go_back(second: Story) -> None:
    """15:01 features are live, 15:02 fraud cannot be loaded, threshold is under way.

    All three go back to 1: the one that succeeded, the one that failed, the one that
    moves. What follows is a rollback of each, with a promotion of its own.
    """
    # given
    dispatch(second, 2)
    told(second, FEATURES)
    told(second, FRAUD, code="load_failed")
    # when
    settle(second, 2)
    # then
    [failed] = second.said(BundleFailed)
    assert (failed.because_of, failed.reason_code) == (FRAUD, "failed")
    assert {each.model for each in failed.taken_back} == set(ALL)
    assert serving(second) == [1, 1, 1]
    states = [promotion(second, name, 2) for name in ALL]
    assert states == ["SUCCEEDED", "FAILED", "ABORTED"]
    # when the agents follow
    for name in ALL:
        told(second, name)
    # then
    assert [promotion(second, name, 3) for name in ALL] == ["SUCCEEDED"] * 3
    assert second.world.bundle(2) == "FAILED"
    assert all(second.world.model(name).lane(STAGING).hold for name in ALL)


def promotion(story: Story, name: ModelName, number: int) -> PromotionState:
    return list(story.world.model(name).promotions.values())[number - 1].state


def test_a_freeze_of_one_model_holds_all_three(second: Story) -> None:
    """15:01 `acme/fraud` alone is frozen: the other two wait with it."""
    # given
    freeze = second.at("2026-11-24 15:01").freeze(covers={"models": [FRAUD]})
    # when
    dispatch(second, 2)
    # then
    assert second.world.kinds(PromotionDispatched) == 0
    assert second.world.kinds(BundleDispatched) == 0
    assert serving(second) == [1, 1, 1]
    second.at("2026-11-24 16:00").thaw(freeze)
    dispatch(second, 2)
    assert serving(second) == [2, 2, 2]


def test_a_member_that_expires_takes_the_others_with_it(second: Story) -> None:
    """Nobody dispatches for a week: the first that is found over ends all three."""
    second.at("2026-12-01 15:00")
    dispatch(second, 2)
    settle(second, 2)
    assert second.world.kinds(BundleCancelled) == 1
    assert all(not second.world.model(name).open for name in ALL)


def test_where_there_is_nothing_to_go_back_to_the_release_stops(story: Story) -> None:
    """The very first release fails: what moves is stopped, and nothing comes back."""
    story.rule(policy(STAGING_SPEC))
    registered(story)
    story.let(wanted(1), by=DAVE)
    dispatch(story, 1)
    told(story, FEATURES, code="load_failed")
    settle(story, 1)
    states = [promotion(story, name, 1) for name in ALL]
    assert states == ["FAILED", "ABORTED", "ABORTED"]
    assert len(story.said(PromotionRequested)) == 3
