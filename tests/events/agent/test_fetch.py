"""Are the bytes that arrive the bytes that were registered?"""

import hashlib
import os
from pathlib import Path

import pytest

from rollbook.agent.driver import Fault, Interrupted, Unapplied
from rollbook.agent.fetch import fetch
from rollbook.artifact import digest_of
from rollbook.names import Digest


@pytest.fixture
def into(tmp_path: Path) -> Path:
    made = tmp_path / "into"
    made.mkdir()
    return made


def folder(at: Path) -> Path:
    """Make an artifact of several files."""
    (at / "b" / "deep").mkdir(parents=True)
    (at / "a.bin").write_bytes(b"A")
    (at / "b" / "c.bin").write_bytes(b"CC")
    (at / "b" / "deep" / "d.bin").write_bytes(b"")
    (at / "b-first.bin").write_bytes(b"order")
    return at


def fault(uri: str, into: Path, digest: Digest, size: int) -> Fault:
    with pytest.raises(Unapplied) as refused:
        fetch(uri, into, digest=digest, size_bytes=size)
    return refused.value.fault


@pytest.mark.parametrize("form", ["plain", "uri", "localhost"])
def test_a_file_is_copied_under_its_name(tmp_path: Path, into: Path, form: str) -> None:
    source = tmp_path / "a model %41.bin"
    source.write_bytes(b"model")
    uri = {
        "plain": str(source),
        "uri": source.as_uri(),
        "localhost": source.as_uri().replace("file://", "file://localhost"),
    }[form]
    digest, size = digest_of(source)
    fetch(uri, into, digest=digest, size_bytes=size)
    assert (into / source.name).read_bytes() == b"model"


def test_a_folders_digest_is_that_of_an_open_model_signature(tmp_path: Path) -> None:
    made = folder(tmp_path / "model")
    raw = b"".join(
        hashlib.sha256(content).digest()
        # In the order of the names: `b-first.bin` is before `b/…`.
        for content in (b"A", b"order", b"CC", b"")
    )
    expected = f"oms-sha256:{hashlib.sha256(raw).hexdigest()}"
    assert digest_of(made) == (expected, 8)


def test_a_folder_is_copied_with_everything_in_it(tmp_path: Path, into: Path) -> None:
    made = folder(tmp_path / "model")
    digest, size = digest_of(made)
    fetch(str(made), into, digest=digest, size_bytes=size)
    assert (into / "b" / "c.bin").read_bytes() == b"CC"
    assert digest_of(into) == (digest, size)


def test_a_folder_of_one_file_is_not_that_file(tmp_path: Path, into: Path) -> None:
    made = tmp_path / "model"
    made.mkdir()
    (made / "a.bin").write_bytes(b"A")
    digest, size = digest_of(made)
    assert digest.startswith("oms-sha256:")
    fetch(str(made), into, digest=digest, size_bytes=size)


@pytest.mark.parametrize("content", [b"other", b"longer than it was", b""])
def test_other_bytes_are_a_mismatch(tmp_path: Path, into: Path, content: bytes) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"model")
    digest, size = digest_of(source)
    source.write_bytes(content)
    assert fault(str(source), into, digest, size) is Fault.DIGEST_MISMATCH


def test_too_many_bytes_are_not_even_copied(tmp_path: Path, into: Path) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"x" * 3_000_000)
    digest, _ = digest_of(source)
    assert fault(str(source), into, digest, 10) is Fault.DIGEST_MISMATCH
    assert (into / "model.bin").stat().st_size <= 10


@pytest.mark.parametrize(
    "uri", ["/nowhere/model.bin", "s3://models/fraud", "file://host/model"]
)
def test_what_cannot_be_reached_is_said_so(into: Path, uri: str) -> None:
    digest = Digest("sha256:" + "0" * 64)
    assert fault(uri, into, digest, 1) is Fault.ARTIFACT_UNREACHABLE


def test_a_pipe_is_no_artifact(tmp_path: Path, into: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    digest = Digest("sha256:" + "0" * 64)
    found = fault(str(tmp_path / "pipe"), into, digest, 1)
    assert found is Fault.ARTIFACT_UNREACHABLE


def test_a_link_inside_a_folder_is_not_followed(tmp_path: Path, into: Path) -> None:
    made = folder(tmp_path / "model")
    (made / "secret").symlink_to("/etc/hostname")
    digest = Digest("oms-sha256:" + "0" * 64)
    assert fault(str(made), into, digest, 99) is Fault.ARTIFACT_UNREACHABLE


def test_a_digest_nobody_can_check_here_is_said_so(tmp_path: Path, into: Path) -> None:
    source = tmp_path / "image"
    source.write_bytes(b"x")
    digest = Digest("oci-sha256:" + "0" * 64)
    assert fault(str(source), into, digest, 1) is Fault.ARTIFACT_UNREACHABLE


def test_fetching_stops_when_asked(tmp_path: Path, into: Path) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"x")
    digest, size = digest_of(source)
    with pytest.raises(Interrupted):
        fetch(
            str(source), into, digest=digest, size_bytes=size, is_stopping=lambda: True
        )
