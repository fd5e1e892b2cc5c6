"""Does the view know each version as it stands, and find it by any of its names?"""

import pytest

from rollbook.catalogue.parts import Code, Lineage
from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.compare import compare
from rollbook_projections.stage.queries.model import (
    aliases,
    model,
    models,
)
from rollbook_projections.stage.queries.version import (
    evidence,
    resolve,
    version,
    versions,
)
from tests.projections.facts import digest
from tests.projections.folding import Empty, told
from tests.projections.story import ALICE, Story, dataset


def test_models_are_listed_by_name_with_their_latest_version(empty: Empty) -> None:
    story = Story().begun()
    other = Story("acme/churn", story.ledger).begun()
    for _ in range(3):
        story.version()
    with empty() as connection:
        view = told(STAGE, connection, other)
        everything = models(view)
        found = models(view, q="FRA")
        rest = models(view, after="acme/churn", limit=5)
        one, none = model(view, "fraud"), model(view, "nobody")
    assert [each["model"] for each in everything] == ["acme/churn", "fraud"]
    assert [each["latest"] for each in everything] == [None, 3]
    assert found == rest == [everything[1]]
    assert one == everything[1]
    assert none is None


def test_versions_are_listed_newest_first_in_pages(empty: Empty) -> None:
    story = Story().begun()
    for _ in range(5):
        story.version()
    with empty() as connection:
        view = told(STAGE, connection, story)
        first = versions(view, "fraud", limit=2)
        rest = versions(view, "fraud", before=first[-1]["version"])
    assert [each["version"] for each in first + rest] == [5, 4, 3, 2, 1]
    assert first[0]["metrics"] == {"auc": 0.55}


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("1", (1,)),
        ("v2", (2,)),
        ("latest", (3,)),
        ("champion", (2,)),
        ("spring", (1,)),
        ("gone", ()),
        ("0", ()),
        ("99", ()),
        ("nothing", ()),
        (digest("fraud3"), (3,)),
        (digest("fraud3")[:19], (3,)),
        (digest("fraud")[:17], (1, 2, 3)),
        ("sha256:" + "f" * 64, ()),
    ],
)
def test_a_word_names_a_version(
    empty: Empty, word: str, found: tuple[int, ...]
) -> None:
    story = Story().begun()
    story.version(label="spring")
    story.version()
    story.version()
    story.point("champion", 2)
    story.point("gone", 1)
    story.point("gone", None, was=1)
    with empty() as connection:
        assert resolve(told(STAGE, connection, story), "fraud", word) == found


def test_an_alias_that_moved_and_came_back_points_where_it_did_then(
    empty: Empty,
) -> None:
    story = Story().begun()
    story.version()
    story.version()
    story.point("champion", 1)
    first = story.now
    story.point("champion", 2, was=1)
    second = story.now
    story.point("champion", 1, was=2)
    story.point("champion", None, was=1)
    with empty() as connection:
        view = told(STAGE, connection, story)
        then = [resolve(view.at(seq), "fraud", "champion") for seq in (first, second)]
        now = aliases(view, "fraud")
    assert then == [(1,), (2,)]
    assert now == []


def test_a_version_shows_the_aliases_that_point_at_it(empty: Empty) -> None:
    story = Story().begun()
    story.version()
    story.point("champion", 1)
    story.point("best", 1)
    with empty() as connection:
        shown = version(told(STAGE, connection, story), "fraud", 1)
    assert shown is not None
    assert shown["aliases"] == ["best", "champion"]


def test_quarantine_names_stages_reason_and_person_until_it_is_lifted(
    empty: Empty,
) -> None:
    story = Story().begun()
    story.version()
    story.quarantine(1, "staging", "production")
    barred = story.now
    story.release(1, "staging")
    partly = story.now
    story.quarantine(1)
    story.release(1)
    with empty() as connection:
        view = told(STAGE, connection, story)
        shown = [version(view.at(seq), "fraud", 1) for seq in (barred, partly, None)]
    stages = [[bar["stage"] for bar in each["quarantine"]] for each in shown if each]
    assert stages == [["staging", "production"], ["production"], []]
    assert shown[0] is not None
    assert shown[0]["quarantine"][0]["by"] == ALICE.id
    assert shown[0]["quarantine"][0]["reason"] == "leak"


def test_an_amendment_corrects_and_says_who_corrected_what(empty: Empty) -> None:
    story = Story().begun()
    story.version(description="old")
    said = story.now
    story.amend(1, metrics={"auc": 0.7}, description="new", reason="typing error")
    with empty() as connection:
        view = told(STAGE, connection, story)
        before, now = version(view.at(said), "fraud", 1), version(view, "fraud", 1)
    assert before is not None
    assert now is not None
    assert (before["metrics"], before["amendments"]) == ({"auc": 0.51}, [])
    assert (now["metrics"], now["description"]) == ({"auc": 0.7}, "new")
    assert now["parameters"] == before["parameters"]
    [amendment] = now["amendments"]
    assert amendment["fields"] == ["description", "metrics"]
    assert amendment["reason"] == "typing error"


def test_status_says_who_advised_against_a_version(empty: Empty) -> None:
    story = Story().begun()
    story.version()
    story.deprecate(1)
    deprecated = story.now
    story.retire(1)
    with empty() as connection:
        view = told(STAGE, connection, story)
        shown = [version(view.at(seq), "fraud", 1) for seq in (deprecated, None)]
    assert [each and each["status"] for each in shown] == ["deprecated", "retired"]
    assert [each and each["status_by"] for each in shown] == [ALICE.id, ALICE.id]


def test_revoked_evidence_stays_and_counts_no_more(empty: Empty) -> None:
    story = Story().begun()
    story.version()
    first = story.evaluate(1, on=dataset("holdout"))
    second = story.evaluate(1)
    story.revoke(first)
    with empty() as connection:
        found = evidence(told(STAGE, connection, story), "fraud", 1)
    assert [each["evidence"] for each in found] == [first, second]
    assert [each["live"] for each in found] == [False, True]
    assert found[0]["dataset"]["name"] == "holdout"
    assert found[0]["revoked_reason"] == "bad"
    assert found[1]["dataset"] is None


def test_two_versions_are_compared_in_what_differs(empty: Empty) -> None:
    story = Story().begun()
    old, new = (
        Code(repository="r", commit="a" * 40),
        Code(repository="r", commit="b" * 40),
    )
    story.version(
        metrics={"auc": 0.5, "loss": 1.0},
        tags={"team": "risk"},
        lineage=Lineage(code=old, datasets=(dataset("tx"), dataset("geo"))),
    )
    story.version(
        metrics={"auc": 0.75},
        parameters={"depth": 4},
        lineage=Lineage(code=new, datasets=(dataset("tx", 2), dataset("geo"))),
    )
    with empty() as connection:
        view = told(STAGE, connection, story)
        found, none = compare(view, "fraud", 1, 2), compare(view, "fraud", 1, 9)
    assert found is not None
    auc, loss = found["metrics"]
    assert auc == {
        "name": "auc",
        "a": 0.5,
        "b": 0.75,
        "change": 0.25,
        "better": "unknown",
    }
    assert (loss["b"], loss["change"]) == (None, None)
    assert found["parameters"] == [{"name": "depth", "a": 3, "b": 4}]
    assert [each["name"] for each in found["tags"]] == ["team"]
    assert [each["name"] for each in found["datasets"]] == ["tx (train)"]
    assert [each["name"] for each in found["code"]] == ["commit"]
    assert none is None
