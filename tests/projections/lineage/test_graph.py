"""Does the graph say what was made from what, and where that was live?"""

import pytest

from rollbook.catalogue.parts import Code, Lineage, Parent
from rollbook_projections.lineage.declaration import LINEAGE
from rollbook_projections.lineage.queries.blast import blast_radius
from rollbook_projections.lineage.queries.graph import downstream, graph, upstream
from rollbook_projections.lineage.queries.node import find
from rollbook_projections.view import Row
from tests.projections.facts import digest
from tests.projections.folding import Empty, told
from tests.projections.story import Story, dataset

COMMIT = "c0ffee" + "0" * 34
CODE = Code(repository="https://git.test/fraud", commit=COMMIT)
TX = dataset("tx")


def _edges(found: Row) -> set[tuple[str, str, str]]:
    return {(edge["from"], edge["kind"], edge["to"]) for edge in found["edges"]}


def _ids(nodes: list[Row]) -> list[str]:
    return [node["id"] for node in nodes]


def _family() -> Story:
    """fraud@1 from tx; fraud@2 from fraud@1; churn@1 from fraud@2; fraud@3 apart."""
    story = Story().begun()
    story.version(lineage=Lineage(datasets=(TX,), code=CODE, run="runs/1"))
    story.version(lineage=Lineage(parents=(Parent(model="fraud", version=1),)))
    story.version(lineage=Lineage(base="hub/bert", datasets=(dataset("geo"),)))
    churn = Story("acme/churn", story.ledger).begun()
    churn.version(lineage=Lineage(parents=(Parent(model="fraud", version=2),)))
    return story


def test_upstream_is_what_a_version_was_made_from(empty: Empty) -> None:
    with empty() as connection:
        view = told(LINEAGE, connection, _family())
        found = upstream(view, ["version:acme/churn@1"])
        near = upstream(view, ["version:acme/churn@1"], depth=1)
    assert _edges(found) == {
        ("version:fraud@2", "derived_from", "version:acme/churn@1"),
        ("version:fraud@1", "derived_from", "version:fraud@2"),
        (f"dataset:{TX.digest}", "trained_on", "version:fraud@1"),
        (f"code:https://git.test/fraud@{COMMIT}", "built_from", "version:fraud@1"),
        ("run:runs/1", "produced_by", "version:fraud@1"),
    }
    assert found["is_complete"]
    assert len(near["edges"]) == 1
    assert not near["is_complete"]


def test_nodes_say_what_is_known_of_them(empty: Empty) -> None:
    with empty() as connection:
        found = upstream(told(LINEAGE, connection, _family()), ["version:fraud@1"])
    nodes = {node["kind"]: node for node in found["nodes"]}
    assert nodes["dataset"]["label"] == "tx"
    assert nodes["version"]["attributes"]["digest"] == digest("fraud1")
    assert nodes["run"]["label"] == "runs/1"
    assert set(nodes) == {"dataset", "code", "run", "version"}


def test_downstream_is_what_was_made_from_it_and_where_it_ran(empty: Empty) -> None:
    story = _family()
    story.live(2, "staging")
    with empty() as connection:
        view = told(LINEAGE, connection, story)
        found = downstream(view, find(view, "tx"))
    assert _edges(found) == {
        (f"dataset:{TX.digest}", "trained_on", "version:fraud@1"),
        ("version:fraud@1", "derived_from", "version:fraud@2"),
        ("version:fraud@2", "derived_from", "version:acme/churn@1"),
        ("version:fraud@2", "deployed_to", "lane:fraud#staging"),
    }


def test_a_cycle_ends_a_walk(empty: Empty) -> None:
    story = Story().begun()
    story.version(lineage=Lineage(parents=(Parent(model="fraud", version=2),)))
    story.version(lineage=Lineage(parents=(Parent(model="fraud", version=1),)))
    with empty() as connection:
        found = graph(told(LINEAGE, connection, story), ["version:fraud@1"])
    assert len(found["edges"]) == 2
    assert found["is_complete"]


def test_an_amended_lineage_ends_the_old_edges(empty: Empty) -> None:
    story = Story().begun()
    story.version(lineage=Lineage(datasets=(TX, dataset("geo"))))
    said = story.now
    story.amend(1, lineage=Lineage(datasets=(dataset("geo"), dataset("tx", 2))))
    story.amend(1, description="other words")
    with empty() as connection:
        view = told(LINEAGE, connection, story)
        before = upstream(view.at(said), ["version:fraud@1"])
        now = upstream(view, ["version:fraud@1"])
        radius = blast_radius(view, TX.digest)
    assert f"dataset:{TX.digest}" in _ids(before["nodes"])
    assert {edge["from"] for edge in now["edges"]} == {
        f"dataset:{dataset('geo').digest}",
        f"dataset:{dataset('tx', 2).digest}",
    }
    assert radius["of"] == []


@pytest.mark.parametrize(
    "what", ["tx", TX.digest, COMMIT, "c0ffee0", "runs/1", f"dataset:{TX.digest}"]
)
def test_the_blast_radius_reaches_every_descendant(empty: Empty, what: str) -> None:
    story = _family()
    for version in (1, 2, 3):
        story.live(version, "staging")
    with empty() as connection:
        found = blast_radius(told(LINEAGE, connection, story), what)
    assert _ids(found["versions"]) == [
        "version:acme/churn@1",
        "version:fraud@1",
        "version:fraud@2",
    ]
    assert [node["distance"] for node in found["versions"]] == [3, 1, 2]
    assert [lane["from"] for lane in found["lanes"]] == [
        "version:fraud@1",
        "version:fraud@2",
    ]
    first, second = found["lanes"]
    assert not first["live"]
    assert (first["until_seq"], first["until_at"]) == (
        second["from_seq"],
        second["from_at"],
    )


def test_the_blast_radius_tells_what_is_live_first(empty: Empty) -> None:
    story = _family()
    for version in (1, 3, 1):
        story.live(version, "staging")
    with empty() as connection:
        view = told(LINEAGE, connection, story)
        found = blast_radius(view, "fraud@1")
        before = blast_radius(view.at(found["lanes"][0]["from_seq"] - 1), "fraud@1")
    assert [lane["live"] for lane in found["lanes"]] == [True, False]
    assert found["lanes"][0]["until_at"] is None
    assert [lane["live"] for lane in before["lanes"]] == [False]


def test_what_was_live_then_had_no_end_yet(empty: Empty) -> None:
    story = _family()
    story.live(1, "staging")
    then = story.now
    story.live(3, "staging")
    with empty() as connection:
        view = told(LINEAGE, connection, story)
        [lane] = blast_radius(view.at(then), "tx")["lanes"]
        [over] = blast_radius(view, "tx")["lanes"]
    assert (lane["live"], lane["until_seq"], lane["until_at"]) == (True, None, None)
    assert not over["live"]


def test_evaluating_on_a_data_set_makes_nothing_from_it(empty: Empty) -> None:
    story = _family()
    holdout = dataset("holdout")
    evidence = story.evaluate(1, on=holdout)
    evaluated = story.now
    story.revoke(evidence)
    with empty() as connection:
        view = told(LINEAGE, connection, story)
        found = blast_radius(view.at(evaluated), "holdout")
        above = upstream(view.at(evaluated), ["version:fraud@1"])
        now = blast_radius(view, "holdout")
    assert found["versions"] == []
    assert [edge["to"] for edge in found["evaluated"]] == ["version:fraud@1"]
    assert f"dataset:{holdout.digest}" in _ids(above["nodes"])
    assert now["of"] == []


def test_upstream_of_a_lane_is_the_lineage_of_what_it_serves(empty: Empty) -> None:
    story = _family()
    story.live(3, "staging")
    story.live(2, "staging")
    with empty() as connection:
        view = told(LINEAGE, connection, story)
        found = upstream(view, find(view, "fraud#staging"))
    assert "version:fraud@2" in _ids(found["nodes"])
    assert "version:fraud@3" not in _ids(found["nodes"])


def test_the_same_bytes_are_found_in_every_model(empty: Empty) -> None:
    story = _family()
    with empty() as connection:
        view = told(LINEAGE, connection, story)
        assert find(view, digest("fraud2")) == ["version:fraud@2"]
        assert find(view, "sha256:" + "f" * 64) == []
        assert find(view, "nothing like that") == []
        assert find(view, "acme/churn@1") == ["version:acme/churn@1"]
