"""How are tables and graphs drawn?"""

from typing import Any

import pytest

from rollbook_services.cli.lineage import dot, mermaid, tree
from rollbook_services.cli.output import Column, Output, table

GRAPH: dict[str, Any] = {
    "start": ["version:fraud@2"],
    "nodes": [
        {"id": "dataset:d", "kind": "dataset", "label": 'tx "may"'},
        {"id": "version:fraud@1", "kind": "version", "label": "fraud@1"},
        {"id": "version:fraud@2", "kind": "version", "label": "fraud@2"},
        {"id": "lane:fraud#prod", "kind": "lane", "label": "fraud#prod"},
    ],
    "edges": [
        {"from": "dataset:d", "to": "version:fraud@1", "kind": "trained_on"},
        {"from": "version:fraud@1", "to": "version:fraud@2", "kind": "derived_from"},
        {"from": "version:fraud@2", "to": "lane:fraud#prod", "kind": "deployed_to"},
        {"from": "version:fraud@2", "to": "version:fraud@1", "kind": "derived_from"},
    ],
}


def test_a_tree_shows_both_directions_and_a_circle_ends() -> None:
    drawn = "\n".join(tree(GRAPH))
    assert drawn.startswith("version fraud@2\n  made from\n")
    assert '├ dataset tx "may"   (trained_on)' in drawn
    assert "lane fraud#prod   (deployed_to)" in drawn


def test_dot_and_mermaid_quote_what_people_named() -> None:
    assert '[label="dataset tx \\"may\\""]' in "\n".join(dot(GRAPH))
    drawn = mermaid(GRAPH)
    assert drawn[0] == "graph LR"
    assert '  n0["dataset tx #quot;may#quot;"]' in drawn
    assert "  n0 -->|trained_on| n1" in drawn


def test_a_table_never_cuts() -> None:
    long = "x" * 300
    assert table(["A", "B"], [["1", long]]) == ["A  B", f"1  {long}"]


def test_people_are_shown_by_name_and_times_in_the_zone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = Output(people={"prn:abc": "alice"})
    answer = {"data": [{"by": "prn:abc", "at": "2026-05-03T09:31:09.5Z"}]}
    columns = [
        Column("BY", lambda row: row["by"]),
        Column("AT", lambda row: output.time(row["at"])),
        Column("ID", lambda row: "never", wide=True),
    ]
    output.rows(answer, columns, name=lambda row: str(row["by"]), empty="")
    assert capsys.readouterr().out == ("BY     AT\nalice  2026-05-03 09:31:09\n")


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("table", "MODEL\nfraud\n"),
        ("wide", "MODEL  TIER\nfraud  1\n"),
        ("json", '{"data": [{"model": "fraud", "tier": 1}]}\n'),
        ("jsonl", '{"model": "fraud", "tier": 1}\n'),
        ("name", "fraud\n"),
    ],
)
def test_a_list_has_each_form(
    capsys: pytest.CaptureFixture[str], form: str, written: str
) -> None:
    columns = [
        Column("MODEL", lambda row: row["model"]),
        Column("TIER", lambda row: row["tier"], wide=True),
    ]
    answer = {"data": [{"model": "fraud", "tier": 1}]}
    Output(form).rows(answer, columns, name=lambda row: str(row["model"]), empty="")
    assert capsys.readouterr().out == written


def test_an_empty_list_says_what_to_do_next_beside_the_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output().rows({"data": []}, [], name=lambda row: "", empty="try this")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "try this\n")
