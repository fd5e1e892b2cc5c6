"""How does a journey type command lines, as whom, and what do they come to?"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from rollbook_services.cli.main import run
from rollbook_services.local.demo.machinery import agent, installation

DIGEST: Final = "sha256:" + "5" * 64
PEOPLE: Final = {
    "alice": ["publisher", "reviewer"],
    "bob": ["reviewer", "risk-officer"],
    "carol": ["policy-owner", "incident-commander", "model-owner"],
    "dave": ["policy-owner", "incident-commander", "release-manager"],
}


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command line came to."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Read the answer."""
        return json.loads(self.out)


Rollbook = Callable[..., Ended]


@contextmanager
def running(folder: Path) -> Iterator[Path]:
    """Run Rollbook and an agent for each stage that is served; return its data."""
    with ExitStack() as stack:
        stack.enter_context(installation(folder / "data", folder / "up.log"))
        for stage in ("staging", "production"):
            log = folder / f"{stage}.log"
            credentials = folder / "data" / "credentials.json"
            serving = agent(stage, folder / stage, log, credentials=credentials)
            stack.enter_context(serving)
        yield folder / "data"


def shell(
    data: Path,
    tmp_path: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Rollbook:
    """Run command lines in an empty directory; `as_` names whose token one carries."""
    for name in ("URL", "TOKEN", "TOKEN_FILE", "OUTPUT"):
        monkeypatch.delenv(f"ROLLBOOK_{name}", raising=False)
    monkeypatch.setenv("ROLLBOOK_DATA", str(data))
    monkeypatch.setenv("XDG_STATE_HOME", str(data.parent / "state"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, as_: str | None = None) -> Ended:
        whose = ["--token-file", str(data.parent / f"{as_}.token")] if as_ else []
        capsys.readouterr()
        code = run([*arguments, *whose])
        told = capsys.readouterr()
        return Ended(code, told.out, told.err)

    _let_in(call, data.parent)
    return call


def _let_in(rollbook: Rollbook, folder: Path) -> None:
    for name, roles in PEOPLE.items():
        file = folder / f"{name}.token"
        if not file.exists():
            asked = [part for role in roles for part in ("--role", role)]
            made = rollbook("token", "create", name, *asked, "--file", str(file))
            assert made.code == 0, made.err


def register(rollbook: Rollbook, model: str, content: str = "1") -> Ended:
    file = Path(f"{model}-{content}.bin")
    file.write_text(f"{model} {content}")
    return rollbook(
        "register", model, "--path", str(file), "--metric", "auc=0.931",
        "--param", "depth=3", "--tag", "team=risk", "--dataset", f"tx@{DIGEST}",
        "--commit", "abc1234", "--repo", "https://example.com/repo",
    )  # fmt: skip
