"""Whatever is wanted next: does a canary ever get more than it was given?"""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rollbook.agent.drivers.kserve.service import HELD, Artifact, Goal, Service
from rollbook.agent.drivers.kserve.steps import back, first, following, is_reached
from rollbook.names import Digest
from tests.support.knative_stand_in import Knative

ARTIFACTS = [Artifact(f"s3://{each}", Digest(f"sha256:{each * 64}")) for each in "abc"]
TICKS = 40
LOOKS = st.lists(st.booleans(), max_size=8)
"""Whether the controller is awake at each look."""


@st.composite
def goals(draw: st.DrawFn) -> Goal:
    """Draw one version alone, or two that share the traffic."""
    stable, canary = draw(st.permutations(ARTIFACTS))[:2]
    percent = draw(st.sampled_from([None, 1, 20, 99]))
    return Goal(stable) if percent is None else Goal(stable, canary, percent)


class Place:
    """One service, its controller, and who writes to it."""

    def __init__(self) -> None:
        self.knative, self.body = Knative(), dict[str, Any]()

    @property
    def service(self) -> Service | None:
        return Service.read(self.body) if self.body else None

    @property
    def served(self) -> dict[str, int]:
        return self.knative.serves("fraud")

    def step(self, goal: Goal, *, is_awake: bool = True) -> bool:
        """Write what is due, then let the controller move; False: all is done."""
        service = self.service
        if service is not None and is_reached(service, goal):
            assert self.served == shares(goal)
            return False
        self.write(first(goal) if service is None else following(service, goal))
        if is_awake:
            self.knative.tick("fraud", self.body, is_raw=False)
        return True

    def write(self, write: Any) -> None:
        if write is not None:
            patch = write.patch("sklearn")
            notes = patch["metadata"]["annotations"].items()
            kept = {key: value for key, value in notes if value is not None}
            metadata = {"resourceVersion": "1", "annotations": kept}
            self.body = {**self.body, "metadata": metadata, "spec": patch["spec"]}

    def reach(self, goal: Goal, *, at_most: int = TICKS) -> None:
        for _ in range(at_most):
            if not self.step(goal):
                return


def shares(goal: Goal) -> dict[str, int]:
    if goal.canary is None:
        return {goal.stable.uri: 100}
    percent = goal.percent or 0
    return {goal.stable.uri: 100 - percent, goal.canary.uri: percent}


def digests(runs: dict[str, int]) -> dict[str, int]:
    known = {each.uri: str(each.digest) for each in ARTIFACTS}
    return {known[uri]: percent for uri, percent in runs.items()}


@given(st.lists(st.tuples(goals(), st.integers(0, 8)), max_size=4), goals())
def test_every_goal_is_reached_from_wherever_a_kill_left_the_service(
    cut_off: list[tuple[Goal, int]], last: Goal
) -> None:
    place = Place()
    for goal, ticks in cut_off:
        place.reach(goal, at_most=ticks)
    place.reach(last)
    assert place.served == shares(last)
    assert place.service is not None
    assert dict(place.service.runs) == digests(shares(last))


@given(st.lists(goals(), min_size=2, max_size=5))
def test_nothing_but_what_was_served_and_what_is_wanted_gets_requests(
    wanted: list[Goal],
) -> None:
    place = Place()
    for goal in wanted:
        before = place.served
        place.knative.history.clear()
        place.reach(goal)
        for served in place.knative.history:
            assert served.keys() <= before.keys() | shares(goal).keys()


@given(st.lists(goals(), min_size=2, max_size=5))
def test_a_canary_never_gets_more_than_it_had_or_is_given(wanted: list[Goal]) -> None:
    place = Place()
    place.reach(wanted[0])
    for former, goal in pairwise(wanted):
        before = place.served
        place.knative.history.clear()
        place.reach(goal)
        for each in {former.canary, goal.canary} - {None, former.stable, goal.stable}:
            assert each is not None
            most = max(before.get(each.uri, 0), shares(goal).get(each.uri, 0))
            for served in place.knative.history:
                assert served.get(each.uri, 0) <= most, place.knative.history


@given(st.lists(st.tuples(goals(), LOOKS), min_size=1, max_size=4))
def test_what_is_said_to_run_is_what_runs(
    steps: list[tuple[Goal, list[bool]]],
) -> None:
    place = Place()
    for goal, looks in steps:
        for is_awake in looks:
            if not place.step(goal, is_awake=is_awake):
                break
            assert place.service is not None
            said, served = place.service.runs, digests(place.served)
            if place.service.percent == HELD:
                assert all((said[each] or 0) <= served[each] for each in said)
            else:
                assert said == served


@given(goals(), goals(), st.integers(1, 8))
def test_going_back_serves_what_was_served(
    before: Goal, failed: Goal, ticks: int
) -> None:
    place = Place()
    place.reach(before)
    assert place.service is not None
    served = place.service.serves
    assert served == before
    place.knative.refused = {failed.newest.uri} - set(shares(before))
    place.reach(failed, at_most=ticks)
    assert place.service is not None
    place.write(back(place.service, before))
    for _ in range(TICKS):
        place.knative.tick("fraud", place.body, is_raw=False)
    place.reach(before)
    assert place.served == shares(before)


def test_what_the_controller_has_not_seen_is_not_written_over() -> None:
    one, two, three = map(Goal, ARTIFACTS)
    place = Place()
    place.reach(one)
    place.step(two, is_awake=False)
    assert place.service is not None
    assert following(place.service, three) is None
    assert back(place.service, one) is not None


def test_a_share_is_not_given_before_it_is_routed() -> None:
    stable, canary, _ = ARTIFACTS
    place = Place()
    place.reach(Goal(stable, canary, 5))
    place.step(Goal(stable, canary, 50), is_awake=False)
    assert place.service is not None
    assert not is_reached(place.service, Goal(stable, canary, 50))
    place.reach(Goal(stable, canary, 50))
    assert is_reached(place.service, Goal(stable, canary, 50))
