"""Does `./rollbook` say what it needs, on a machine that lacks it?"""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def machine_with(folder: Path, *programs: str) -> dict[str, str]:
    """Make an environment in which only these programs are found."""
    folder.mkdir()
    for program in ("bash", "env", "dirname", "cat", "cksum", "tr", *programs):
        found = shutil.which(program)
        assert found is not None
        (folder / program).symlink_to(found)
    return {"PATH": str(folder), "HOME": str(folder)}


def checkout(folder: Path) -> Path:
    """Copy what the wrapper reads."""
    folder.mkdir()
    for name in ("rollbook", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_without_python_it_names_the_version_it_needs(tmp_path: Path) -> None:
    root = checkout(tmp_path / "root")
    ended = subprocess.run(
        [root / "rollbook", "demo"], env=machine_with(tmp_path / "bin"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "Python 3.11 or newer is needed" in ended.stderr
    assert not (root / ".venv").exists()


def test_what_is_installed_already_is_run_at_once_with_its_arguments(
    tmp_path: Path,
) -> None:
    root = checkout(tmp_path / "root")
    scripts = root / ".venv" / "bin"
    scripts.mkdir(parents=True)
    script = scripts / "rollbook"
    script.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    script.chmod(0o755)
    total = subprocess.run(
        ["bash", "-c", 'cat "$1/pyproject.toml" - <<<"$1" | cksum', "_", str(root)],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    stamp = root / ".venv" / ".rollbook-installed"
    stamp.write_text(f"server {total.replace(' ', '-')}\n")
    ended = subprocess.run(
        [root / "rollbook", "status", "a b"], env=machine_with(tmp_path / "bin"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (0, "status|a b|"), ended.stderr
