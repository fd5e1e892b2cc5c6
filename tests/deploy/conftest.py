"""How does a test get the secrets that `deploy/prepare` makes?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PREPARE = Path(__file__).parents[2] / "deploy" / "prepare"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run `deploy/prepare` once."""
    if shutil.which("openssl") is None:
        pytest.skip("deploy/prepare needs openssl, which is not on this machine")
    folder = tmp_path_factory.mktemp("prepared") / "secrets"
    made = prepare(folder)
    assert made.returncode == 0, made.stderr
    return folder


def prepare(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `deploy/prepare` for a folder."""
    return subprocess.run(
        [str(PREPARE), str(folder)],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
