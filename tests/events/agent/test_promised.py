"""Which documents are there to be, as lease and wakes say it?"""

import pytest

from rollbook.agent.promised import Promised
from rollbook.agent.standing import models
from rollbook.agent.state import KeyState, Outcome, Remembered

OWN, SIDE = "production.main.acme.fraud", "production.main.acme.fraud.experiments"
OTHER = "production.main.default.churn"


@pytest.fixture
def promised() -> Promised:
    return Promised("production.main.")


def test_the_lanes_of_a_model_are_kept_together(promised: Promised) -> None:
    assert promised.listed({OWN: 3, SIDE: 1, OTHER: 2}) == {OWN, OTHER}
    assert promised.of(OWN) == {OWN: 3, SIDE: 1}
    assert promised.homes == [OWN, OTHER]


def test_only_more_is_news(promised: Promised) -> None:
    promised.listed({OWN: 3, OTHER: 2})
    assert promised.listed({OWN: 3, OTHER: 2}) == set()
    assert promised.listed({OWN: 4, OTHER: 1}) == {OWN}
    assert promised.revision(OTHER) == 1


def test_the_list_takes_back_what_a_wake_promised(promised: Promised) -> None:
    promised.listed({OWN: 3})
    assert promised.heard(OWN, 99) == OWN
    assert promised.heard(OWN, 4) == OWN
    assert promised.revision(OWN) == 99
    promised.listed({OWN: 4})
    assert promised.revision(OWN) == 4


def test_what_is_no_longer_listed_stays_known(promised: Promised) -> None:
    promised.listed({OWN: 3, SIDE: 1})
    promised.listed({})
    assert promised.of(OWN) == {OWN: 0, SIDE: 0}


@pytest.mark.parametrize(
    "key",
    [
        "",
        "production.main",
        "production.main.fraud",
        "production.mainly.acme.fraud",
        "staging.main.acme.fraud",
        "production.main..fraud",
        "production.main.acme.fraud.a.b",
    ],
)
def test_what_is_not_the_targets_own_is_ignored(promised: Promised, key: str) -> None:
    assert promised.heard(key, 7) is None
    assert promised.listed({key: 7}) == set()
    assert promised.homes == []
    assert promised.revision(key) == 0


def test_what_was_known_before_is_looked_at_though_nobody_promises_it(
    promised: Promised,
) -> None:
    promised.known([OWN])
    assert promised.of(OWN) == {OWN: 0}


def test_how_far_each_document_has_come_is_told(promised: Promised) -> None:
    promised.listed({OWN: 3, SIDE: 1, OTHER: 2})
    state = KeyState(
        model="acme/fraud",
        revision=3,
        token=1,
        outcome=Outcome.APPLIED,
        seq=1,
        applied_revision=3,
        drifted="nothing",
    )
    pending = state.model_copy(update={"revision": 1, "drifted": None})
    told = [*models(promised, Remembered(keys={OWN: state, OTHER: pending}))]
    assert [(each.model, each.lane, each.state) for each in told] == [
        ("acme/fraud", "production", "drifted"),
        ("acme/fraud", "experiments", "promised"),
        ("churn", "production", "promised"),
    ]
    assert [each.desired_revision for each in told] == [3, 1, 2]
    assert [each.applied_revision for each in told] == [3, 0, 3]
