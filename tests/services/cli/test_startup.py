"""How much is loaded before the command line answers?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.cli.rollouts import promotion
from tests.support.canned import Canned

HEAVY = {
    *("pydantic", "rich", "nats", "faststream", "fastapi", "sqlalchemy", "cel"),
    *("yaml", "dateutil"),
}
READ = (
    *("lanes", "inbox", "models/default/fraud/history", "freezes", "reviews"),
    *("policies", "bundles", "waivers", "agents", "targets", "drifts"),
)
WHY = {"data": {"model": "fraud", "promotion": 3, "state": "GATING"}, "seq": 1}
PROBE = (
    "import sys; sys.argv[1:] = {arguments!r}\n"
    "from rollbook_services.cli.entry import main\n"
    "try: main()\n"
    "except SystemExit as ended: print(ended.code, file=sys.stderr)\n"
    "print(*sys.modules, file=sys.stderr)"
)


def loaded_by(*arguments: str) -> tuple[set[str], str]:
    ended = subprocess.run(
        [sys.executable, "-c", PROBE.format(arguments=list(arguments))],
        capture_output=True, text=True, check=True, env=dict(os.environ),
    )  # fmt: skip
    names = ended.stderr.splitlines()[-1].split()
    return {name.partition(".")[0] for name in names}, ended.stdout


@pytest.mark.parametrize(
    "line",
    [
        ["status", "--json"],
        ["inbox"],
        ["history", "fraud"],
        ["freeze", "list"],
        ["review", "list"],
        ["policy", "list"],
        ["bundle", "list"],
        ["waivers"],
        ["why", "fraud:3"],
        ["agent", "list"],
        ["drift", "list"],
        ["status", "--targets"],
        ["watch", "fraud:3"],
    ],
)
def test_a_read_loads_nothing_heavy(server: Canned, line: list[str]) -> None:
    for path in READ:
        server.say(f"GET /v1/{path}", {"data": [], "seq": 1, "as_of": {"seq": 1}})
    server.say("GET /v1/models/default/fraud/promotions/3/why", WHY)
    ended = {"data": promotion("SUCCEEDED"), "seq": 1}
    server.say("GET /v1/models/default/fraud/promotions/3", ended)
    lane = {"data": {"stable": {"promotion": 3}}, "seq": 1}
    server.say("GET /v1/models/default/fraud/lanes/production", lane)
    loaded, _ = loaded_by(*line)
    assert server.heard, "the server was asked"
    assert not loaded & HEAVY


def test_help_is_written_without_loading_any_command() -> None:
    loaded, out = loaded_by("--help")
    assert "promote" in out
    assert not loaded & (HEAVY | {"httpx2"})


def test_the_version_is_told_before_click_is_loaded() -> None:
    loaded, out = loaded_by("--version")
    assert out.startswith("rollbook ")
    assert "click" not in loaded


def test_without_the_extra_the_script_says_which_one_is_missing(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise ModuleNotFoundError('click')")
    program = "from rollbook_services.cli.entry import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "status"], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "rollbook[cli]" in ended.stderr
