"""Is what a pipeline says of a version spelled the same, whoever says it?"""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from rollbook.client.bodies import artifact, dataset, lineage
from rollbook.client.errors import InvalidRequest
from rollbook.reference import InvalidReference

DIGEST = "sha256:" + "a" * 64


def test_a_data_set_is_known_by_its_digest(tmp_path: Path) -> None:
    file = tmp_path / "tx.csv"
    file.write_bytes(b"1,2")
    assert dataset(f"tx@{DIGEST}") == {"name": "tx", "digest": DIGEST}
    computed = f"sha256:{hashlib.sha256(b'1,2').hexdigest()}"
    assert dataset(f"tx={file}") == {"name": "tx", "digest": computed}
    for text in ("tx", "tx@2026-05", "@" + DIGEST, "tx@sha256:abc"):
        with pytest.raises(InvalidReference, match="digest"):
            dataset(text)


NOTHING: dict[str, Any] = {"path": None, "digest": None, "size": None, "uri": None}


@pytest.mark.parametrize(
    "said",
    [{}, {"digest": DIGEST}, {"digest": DIGEST, "size": 1}, {"path": "m", **NOTHING}],
)
def test_bytes_are_given_by_path_or_by_digest_size_and_place(
    said: dict[str, Any],
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        artifact(**{**NOTHING, **said})
    assert refused.value.exit == 2


def test_a_commit_is_one_of_a_repository_and_a_parent_one_version() -> None:
    nothing: dict[str, Any] = {"run": None, "base": None, "datasets": (), "parents": ()}
    assert lineage(repository="r", commit=None, **nothing) == {}
    with pytest.raises(InvalidRequest, match="repository"):
        lineage(repository=None, commit="4be1f20", **nothing)
    with pytest.raises(InvalidReference, match="model@number"):
        lineage(repository=None, commit=None, **{**nothing, "parents": ["a@best"]})
