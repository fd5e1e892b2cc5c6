"""Is everything that README and its neighbours say true?"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import click
import pytest

from rollbook.agent.config import read as read_config
from rollbook.agent.drivers import known
from rollbook.agent.drivers.kserve.rollout import KserveOptions
from rollbook.agent.runtime import driver_of
from rollbook.problems import CODES
from rollbook_services.cli.main import rollbook
from tests.support import command_page, problem_page

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
ARCHITECTURE: Final = ROOT / "ARCHITECTURE.md"
DOCUMENTS: Final = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "deploy" / "README.md",
    ROOT / "deploy" / "nats" / "README.md",
    ROOT / "events" / "README.md",
]
# What stays up, and the word that says that it is ready.
READY: Final = {"./rollbook up": "Ready in", "./rollbook agent run": "agent staging"}
# Tests of their own run these: test_demo.py, test_wrapper.py.
ELSEWHERE: Final = ("./rollbook demo", "./rollbook test")
LIMIT_SECONDS: Final = 90


def blocks(document: Path) -> list[list[str]]:
    """Return the command lines of each `sh` block."""
    found = re.findall(r"^```sh\n(.*?)^```", document.read_text(), re.S | re.M)
    return [block.strip().splitlines() for block in found]


def steps(document: Path) -> list[str]:
    """Return all that is to be run, in its order: lines of `sh`, blocks of `python`."""
    found = re.findall(r"^```(sh|python)\n(.*?)^```", document.read_text(), re.S | re.M)
    python = shlex.quote(sys.executable)
    return [
        step
        for kind, block in found
        for step in (
            block.strip().splitlines()
            if kind == "sh"
            else [f"{python} -W error -c {shlex.quote(block)}"]
        )
    ]


@pytest.fixture
def desk(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Make an empty directory whose `./rollbook` is the one that is installed."""
    program = Path(sys.executable).parent / "rollbook"
    script = tmp_path / "rollbook"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(program))} "$@"\n')
    script.chmod(0o755)
    return tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}


def test_readme_does_what_it_says_from_top_to_bottom(
    desk: tuple[Path, dict[str, str]],
) -> None:
    lines = steps(README)
    assert any("import Client" in line for line in lines)
    assert [line for line in lines if line in ELSEWHERE] == list(ELSEWHERE)
    others = [line for line in lines if line not in ELSEWHERE]
    assert len(others) > 10
    folder, environment = desk
    with ExitStack() as running:
        for line in others:
            words = shlex.split(line)
            ready = next((READY[each] for each in READY if line.startswith(each)), None)
            if ready is not None:
                up = staying_up(words, folder, environment, ready=ready)
                running.enter_context(up)
                continue
            ended = subprocess.run(
                line, shell=True, cwd=folder, env=environment,
                capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False,
            )  # fmt: skip
            assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"


@contextmanager
def staying_up(
    words: list[str], folder: Path, environment: dict[str, str], *, ready: str
) -> Iterator[None]:
    """Start what stays up, wait until it is ready, stop it at the end."""
    process = subprocess.Popen(
        words, cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        told = []
        for line in process.stdout:
            told.append(line)
            if ready in line:
                break
        else:
            raise AssertionError(f"{words} ended: {''.join(told)}")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 0, rest


def test_the_two_commands_of_the_start_are_those_of_the_wrapper() -> None:
    assert blocks(README)[:2] == [[line] for line in ELSEWHERE]
    assert os.access(ROOT / "rollbook", os.X_OK)
    assert "./rollbook test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_link_leads_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+://", target):
            continue
        path, _, anchor = target.partition("#")
        assert (document.parent / path).exists() or not path, target
        if anchor and not path:
            assert anchor in anchors(text), target


def anchors(text: str) -> set[str]:
    """Name the headings as a reader's browser does."""
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in titles}


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_command_that_is_named_exists(document: Path) -> None:
    for words in re.findall(r"`(?:\./)?rollbook ([^`]+)`", document.read_text()):
        names = re.findall(r"^[a-z][a-z -]*", words)
        if not names or names[0].split()[0] in ("test", "bench"):  # the wrapper's own
            continue
        command: Any = rollbook
        for name in names[0].split():
            if not isinstance(command, click.Group):
                break
            command = command.get_command(click.Context(command), name)
            assert command is not None, f"{document.name}: rollbook {words}"


@pytest.mark.parametrize("document", [README, ROOT / "docs" / "agents.md"])
def test_the_driver_that_is_shown_is_the_one_that_is_tested(document: Path) -> None:
    example = (ROOT / "docs" / "examples" / "custom_driver.py").read_text()
    assert f"```python\n{example}```" in document.read_text()
    lines = [line for line in example.split("@driver\n")[1].splitlines() if line]
    assert len(lines) <= 20


def test_every_agent_configuration_that_is_shown_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "agents.md").read_text()
    shown = re.findall(r"^```toml\n(.*?)^```", text, re.S | re.M)
    own = [each for each in shown if "[driver]" in each]
    assert len(own) > 5
    monkeypatch.setenv("ROLLBOOK_WEBHOOK_SECRET", f"whsec_{'A' * 32}")
    file = tmp_path / "agent.toml"
    for block in own:
        file.write_text(block)
        flags = {"stage": "production", "target": "eu-1", "root": tmp_path}
        config = read_config(file, flags)
        assert config.driver_name in known()
        if config.driver_name == "kserve":  # to make one takes a cluster
            options = KserveOptions.model_validate(dict(config.driver_options))
            assert options.namespace == "models"
        else:
            assert driver_of(config).name == config.driver_name


def test_every_command_is_described() -> None:
    assert command_page.PAGE.read_text() == command_page.page(), "run `just page`"
    described = set(command_page.commands())
    context = click.Context(rollbook)
    for name in rollbook.list_commands(context):
        assert any(each.split()[1] == name for each in described), name


def test_every_problem_is_described() -> None:
    text = problem_page.PAGE.read_text()
    assert text == problem_page.page(), "run `just page`"
    for code in CODES:
        assert f"| `{code}` |" in text


def test_every_invariant_names_tests_that_exist() -> None:
    table = ARCHITECTURE.read_text().partition("| invariant | test |")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) == 10
    for row in rows:
        named = re.findall(r"`([^`]+)`", row)
        assert named, row
        for path in named:
            assert (ROOT / path).is_file(), path


def test_every_file_that_architecture_names_exists() -> None:
    named = set(re.findall(r"`([\w/.]+\.py)`", ARCHITECTURE.read_text()))
    assert len(named) > 10
    for name in named:
        assert (
            list(ROOT.glob(f"[ept]*/**/{name}"))
            or list(ROOT.glob(f"services/**/{name}"))
            or (ROOT / name).is_file()
        ), name
