"""When does a bundle go, and when is it settled?"""

from dataclasses import replace

import pytest

from rollbook.commands.bundle import DispatchBundle, SettleBundle
from rollbook.names import BundleId, ModelName
from rollbook_services.conductor.react.bundling import bundles
from rollbook_services.conductor.react.memory import Bundle, Member
from tests.services.conductor.remembering import event, trigger

ONE, TWO = ModelName("acme/one"), ModelName("acme/two")
BUNDLE = BundleId(4)


def ready(model: ModelName, readied: int, *, freed: int | None = None) -> Member:
    return Member(model, trigger(readied), freed=trigger(freed) if freed else None)


def gone(model: ModelName, ended: int, *, has_succeeded: bool) -> Member:
    return Member(model, ended=trigger(ended), has_succeeded=has_succeeded)


def waiting(*members: Member) -> Bundle:
    return Bundle(BUNDLE, False, members)


def under_way(*members: Member) -> Bundle:
    return Bundle(BUNDLE, True, members)


def test_it_goes_when_all_are_ready_and_all_lanes_free() -> None:
    [due] = bundles([waiting(ready(ONE, 10), ready(TWO, 12, freed=11))])
    assert due.command == DispatchBundle(bundle=BUNDLE)
    assert due.id == f"{event(12)}/dispatch-bundle/4"
    assert (due.cause, due.at) == (event(12), None)


def test_what_made_the_last_of_them_able_to_go_is_its_cause() -> None:
    [due] = bundles([waiting(ready(ONE, 10, freed=20), ready(TWO, 12))])
    assert due.cause == event(20)


@pytest.mark.parametrize(
    "other", [Member(TWO), replace(ready(TWO, 12), is_lane_free=False)]
)
def test_it_waits_for_its_last_member(other: Member) -> None:
    assert not [*bundles([waiting(ready(ONE, 10), other)])]


def test_before_dispatch_the_end_of_a_member_settles_it() -> None:
    ended = gone(TWO, 15, has_succeeded=False)
    [due] = bundles([waiting(ready(ONE, 10), ended)])
    assert due.command == SettleBundle(bundle=BUNDLE)
    assert due.id == f"{event(15)}/settle/4"


def test_under_way_it_is_not_dispatched_again() -> None:
    assert not [*bundles([under_way(ready(ONE, 10), ready(TWO, 12))])]


def test_one_success_alone_settles_nothing() -> None:
    succeeded = gone(TWO, 15, has_succeeded=True)
    assert not [*bundles([under_way(Member(ONE), succeeded)])]


def test_the_last_success_settles_it() -> None:
    members = [
        gone(ONE, 16, has_succeeded=True),
        gone(TWO, 15, has_succeeded=True),
    ]
    [due] = bundles([under_way(*members)])
    assert due.id == f"{event(16)}/settle/4"


def test_one_failure_settles_it_whatever_succeeded() -> None:
    members = [
        gone(ONE, 16, has_succeeded=True),
        gone(TWO, 15, has_succeeded=False),
    ]
    [due] = bundles([under_way(*members)])
    assert due.id == f"{event(15)}/settle/4"
