"""How are metrics, parameters and lengths of time given on the command line?"""

from pathlib import Path

import click
import pytest

from rollbook_services.cli.given import metrics, pairs, scalars
from rollbook_services.cli.waiting import seconds


def test_metrics_come_from_files_and_options_and_options_win(tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    file.write_text('{"auc": 0.9, "n": 3}')
    assert metrics([file], ["auc=0.95"]) == {"auc": 0.95, "n": 3.0}


@pytest.mark.parametrize("content", ["[]", "{", '{"a": "b"}', '{"a": true}'])
def test_a_file_without_numbers_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "metrics.json"
    file.write_text(content)
    with pytest.raises(click.UsageError, match="--metrics"):
        metrics([file], [])


def test_parameters_are_numbers_truth_values_or_text() -> None:
    found = scalars("--param", ["a=1", "b=0.5", "c=true", "d=x=y", 'e={"f": 1}'])
    assert found == {"a": 1, "b": 0.5, "c": True, "d": "x=y", "e": '{"f": 1}'}


@pytest.mark.parametrize("given", [["a"], ["=1"], ["a=1", "a=2"]])
def test_a_pair_without_name_or_given_twice_is_refused(given: list[str]) -> None:
    with pytest.raises(click.UsageError, match="--tag"):
        pairs("--tag", given)


def test_lengths_of_time_have_a_unit() -> None:
    assert [seconds(text) for text in ("90", "90s", "1.5m", "2h", "1d")] == [
        90, 90, 90, 7200, 86400,
    ]  # fmt: skip
    with pytest.raises(click.UsageError, match="length of time"):
        seconds("soon")
