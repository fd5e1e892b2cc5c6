"""Which digest do a file and a folder have, for whoever registers or loads them?"""

import hashlib
from pathlib import Path

import pytest

from rollbook.artifact import measure


def test_a_file_has_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"x" * 3_000_000)
    found = measure(file)
    assert found.digest == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert found.size_bytes == 3_000_000


def test_a_folder_has_the_digest_of_its_files_digests_in_name_order(
    tmp_path: Path,
) -> None:
    contents = {"b.txt": b"2", "a/z": b"1", "a.txt": b"3"}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    whole = hashlib.sha256()
    for name in sorted(contents):
        whole.update(hashlib.sha256(contents[name]).digest())
    found = measure(tmp_path)
    assert (found.digest, found.size_bytes) == (f"oms-sha256:{whole.hexdigest()}", 3)


def test_what_could_be_exchanged_or_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no file or folder"):
        measure(tmp_path / "nothing")
    with pytest.raises(OSError, match="holds no file"):
        measure(tmp_path)
    (tmp_path / "real").write_bytes(b"1")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match="neither a file nor a folder"):
        measure(tmp_path)
