"""Is each driver found by its name, and nothing loaded that is not asked for?"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rollbook.agent import drivers
from rollbook.agent.driver import Setup, make
from rollbook.agent.drivers.symlink import SymlinkDriver
from rollbook.errors import Misconfigured
from tests.support.agents import EdgeSite, desired_set, running

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "custom_driver.py"
BUILT_IN = {"command", "docker", "kserve", "mlflow", "symlink", "webhook"}
HEAVY = ("httpx2", "lightkube", "yaml", "fsspec")
A_DRIVER = """
class Theirs:
    name, capabilities = "{name}", frozenset()
    def __init__(self, setup): self.setup = setup
    def plan(self, wanted, observed): ...
    async def apply(self, plan, context): yield
    async def observe(self, target): ...
    async def health(self, target): ...
"""


def install(
    folder: Path, name: str, code: str, *, distribution: str = "acme-drivers"
) -> None:
    """Put a distribution with one driver where Python looks for them."""
    module = distribution.replace("-", "_")
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
    )
    (info / "entry_points.txt").write_text(
        f"[rollbook.drivers]\n{name} = {module}:Theirs\n"
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder in which distributions are found; forget their modules."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    for module in ("acme_drivers", "other_drivers", "custom_driver"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return folder


def loaded_by(code: str) -> set[str]:
    """Run a few lines in a new Python; return the modules that they imported."""
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{code}\nimport json, sys\nprint(json.dumps([*sys.modules]))",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return set(json.loads(said.splitlines()[-1]))


def test_every_built_in_driver_is_known_and_none_imported() -> None:
    assert set(drivers.known()) >= BUILT_IN
    assert not [name for name in drivers.known() if name.startswith("_")]
    modules = loaded_by("from rollbook.agent import drivers\ndrivers.known()")
    assert not {each for each in modules if each.startswith(f"{drivers.__name__}.")}
    assert modules.isdisjoint(HEAVY)


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_no_driver_but_the_one_asked_for_is_imported(name: str) -> None:
    code = f"from rollbook.agent import drivers; drivers.load({name!r})"
    prefix = f"{drivers.__name__}."
    modules = loaded_by(code)
    found = {
        each.removeprefix(prefix).partition(".")[0]
        for each in modules
        if each.startswith(prefix)
    }
    assert {each for each in found if not each.startswith("_")} == {name}
    if name != "kserve":
        assert modules.isdisjoint(("lightkube", "yaml"))


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_file_declares_the_driver_of_its_name(name: str, tmp_path: Path) -> None:
    drivers.load(name)
    options = {"a-setting-that-nobody-knows": 1}
    with pytest.raises(Misconfigured) as why:
        make(name, Setup("production", "main", tmp_path, options))
    assert why.value.setting != f"driver {name}"


def test_what_a_driver_needs_is_named_with_how_to_install_it() -> None:
    loaded_by(
        "import sys; sys.modules['lightkube'] = None\n"
        "from rollbook.agent import drivers\n"
        "from rollbook.errors import Misconfigured\n"
        "try: drivers.load('kserve')\n"
        "except Misconfigured as why: said = str(why)\n"
        "assert said == 'driver kserve: it needs lightkube: '"
        " \"python -m pip install 'rollbook[kserve]'\", said"
    )


def test_an_unknown_name_lists_the_known_ones(place: Path) -> None:
    install(place, "theirs", A_DRIVER.format(name="theirs"))
    with pytest.raises(Misconfigured, match=r"take one of .*symlink, theirs"):
        drivers.load("nobodys")


def test_a_driver_of_another_distribution_is_made_by_its_name(
    place: Path, tmp_path: Path
) -> None:
    install(place, "undecorated", A_DRIVER.format(name="undecorated"))
    for _ in range(2):
        drivers.load("undecorated")
    setup = Setup("production", "main", tmp_path)
    assert make("undecorated", setup).setup is setup  # type: ignore[attr-defined]


def test_a_built_in_driver_cannot_be_replaced(place: Path, tmp_path: Path) -> None:
    install(place, "symlink", "raise SystemExit('it was imported')")
    drivers.load("symlink")
    made = make("symlink", Setup("production", "main", tmp_path))
    assert isinstance(made, SymlinkDriver)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named"),
        ("class Theirs:", "IndentationError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("Ours = 1", "has no attribute 'Theirs'"),
        ("Theirs = print", "it lacks name, plan, apply, observe, health"),
        (A_DRIVER.format(name="other"), "the class calls itself other"),
    ],
)
def test_what_is_broken_is_said_of_its_distribution(
    place: Path, code: str, said: str
) -> None:
    install(place, "broken", code)
    with pytest.raises(Misconfigured) as why:
        drivers.load("broken")
    assert why.value.setting == "driver broken of acme-drivers 1.2"
    assert said in why.value.remedy


def test_two_distributions_with_one_name_are_both_named(place: Path) -> None:
    for distribution in ("other-drivers", "acme-drivers"):
        install(
            place, "twice", A_DRIVER.format(name="twice"), distribution=distribution
        )
    with pytest.raises(Misconfigured) as why:
        drivers.load("twice")
    assert why.value.remedy == (
        "acme-drivers 1.2 and other-drivers 1.2 have it: uninstall one"
    )


def test_the_example_is_as_short_as_it_says() -> None:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line.strip()]
    assert len(lines) <= 20


async def test_an_agent_runs_the_driver_of_the_documents(
    site: EdgeSite, place: Path
) -> None:
    install(place, "textfile", f"{EXAMPLE.read_text()}\nTheirs = TextFileDriver\n")
    one, two = site.artifact(b"one"), site.artifact(b"two", 2)
    file = site.root / "acme.fraud"
    begun = [("acknowledged", 1, None), ("applied", 1, None)]
    async with running(site.settings(driver={"name": "textfile"})):
        await site.desire(desired_set(one))
        await site.until_said(*begun)
        digest, folder = file.read_text().split()
        assert digest == one.digest
        assert (Path(folder) / "model.bin").read_bytes() == b"one"
        await site.desire(desired_set(one, revision=2, canary=(two, 10)))
        refused = [("acknowledged", 2, None), ("unapplied", 2, "unsupported_strategy")]
        await site.until_said(*begun, *refused)
        assert file.read_text().split()[0] == one.digest
        await site.desire(desired_set(None, revision=3))
        gone = [("acknowledged", 3, None), ("applied", 3, None)]
        await site.until_said(*begun, *refused, *gone)
    assert file.read_text() == ""
    assert site.reports()[1].report.observed == {"stable": one.digest}
