"""Does the demo tell the truth, from a new directory to one that can be served?"""

import io
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from rollbook.errors import Misconfigured
from rollbook_services.local.demo.machinery import Stopped, installation
from rollbook_services.local.demo.narrator import Narrator, UntrueClaim, wait_for
from rollbook_services.local.demo.story import free_folder

ROLLBOOK = Path(sysconfig.get_path("scripts")) / "rollbook"
TIMEOUT_SECONDS = 180


def rollbook(*arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    told = {name: value for name, value in os.environ.items() if "ROLLBOOK" not in name}
    return subprocess.run(
        [str(ROLLBOOK), *arguments], cwd=at, env={**told, "HOME": str(at)},
        capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS,
    )  # fmt: skip


def test_the_demo_ends_well_and_leaves_a_directory_that_can_be_served(
    tmp_path: Path,
) -> None:
    played = rollbook("demo", at=tmp_path)
    assert played.returncode == 0, played.stdout[-3000:] + played.stderr[-3000:]
    assert played.stdout.count("✓") >= 30
    data = tmp_path / "rollbook-demo"
    with installation(data, tmp_path / "up.log"):
        status = rollbook("status", "--data", str(data), "-o", "name", at=tmp_path)
        lanes = ["digits#edge", "digits#production", "digits#staging"]
        assert status.stdout.split() == lanes
        history = rollbook("history", "digits", "--data", str(data), at=tmp_path)
        assert history.stdout.count("digits@3") == 2, history.stderr


def test_a_claim_that_is_not_true_is_never_written() -> None:
    out = io.StringIO()
    narrator = Narrator(out)
    narrator.claim("one is one", True)
    with pytest.raises(UntrueClaim, match="one is two"):
        narrator.claim("one is two", False, found=1)
    assert "one is one" in out.getvalue()
    assert "one is two" not in out.getvalue()
    assert narrator.claims == 1


def test_what_does_not_come_is_no_success() -> None:
    with pytest.raises(UntrueClaim):
        wait_for("it comes", lambda: 1, lambda found: found == 2, limit_seconds=0.05)


def test_the_demo_never_plays_on_a_directory_that_holds_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert free_folder(None) == Path("rollbook-demo")
    Path("rollbook-demo").mkdir()
    assert free_folder(None) == Path("rollbook-demo-2")
    (tmp_path / "mine").mkdir()
    assert free_folder(tmp_path / "mine") == tmp_path / "mine"
    (tmp_path / "mine" / "file").touch()
    with pytest.raises(Misconfigured, match="not empty"):
        free_folder(tmp_path / "mine")


def test_a_server_that_cannot_start_is_told_with_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, where a directory should be")
    with (
        pytest.raises(Stopped, match="rollbook up"),
        installation(tmp_path / "data", tmp_path / "up.log"),
    ):
        pass
