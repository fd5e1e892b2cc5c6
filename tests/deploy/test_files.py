"""Does every file of deploy/ parse, and does every name in it stand for something?"""

import configparser
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from rollbook.agent.__main__ import settings_from
from rollbook_services import settings
from rollbook_services.cli.main import rollbook
from rollbook_services.local.accounts import with_platform
from rollbook_services.local.nats_config import EXAMPLE_CLIENTS
from rollbook_services.serving import ALL
from rollbook_services.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
USERS = {user.name for user in with_platform(EXAMPLE_CLIENTS)}


def described() -> Iterator[tuple[str, str, str]]:
    """Walk over all settings: section, key, description."""
    for section, field in Settings.model_fields.items():
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, BaseModel)
        for key, inner in field.annotation.model_fields.items():
            yield section, key, inner.description or ""


VARIABLES = {f"ROLLBOOK_{section}__{key}".upper() for section, key, _ in described()}


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def unit(path: Path) -> dict[str, list[str]]:
    """Read a unit's settings; one may be given several times."""
    text = path.read_text().replace("\\\n", " ")
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.read_string(text)
    assert set(parser.sections()) == {"Unit", "Service", "Install"}
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def assert_command_exists(arguments: list[str]) -> None:
    """Walk down the real command line, to the last option."""
    command: Any = rollbook
    words = list(arguments)
    while hasattr(command, "get_command"):
        command = command.get_command(None, words.pop(0))
        assert command is not None, arguments
    command.make_context("rollbook", words, resilient_parsing=False).close()


def test_the_example_has_every_setting_and_says_what_each_means(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(DEPLOY)
    settings.load()
    text = (DEPLOY / "rollbook.toml").read_text()
    found = {
        (section, key) for section, keys in tomllib.loads(text).items() for key in keys
    }
    assert found == {(section, key) for section, key, _ in described()}
    for section, key, description in described():
        assert description, f"{section}.{key} says nothing"
        assert re.search(
            rf"^# {re.escape(description)}\n{key} = ", text, re.MULTILINE
        ), f"{section}.{key}: its comment is not its description"


def test_every_variable_that_is_named_is_a_setting() -> None:
    files = [
        DEPLOY / "README.md", DEPLOY / "compose.yaml", DEPLOY / "Dockerfile", *UNITS,
    ]  # fmt: skip
    for file in files:
        named = set(re.findall(r"ROLLBOOK_[A-Z]+__[A-Z_]*[A-Z]", file.read_text()))
        assert named <= VARIABLES, file
    table = (DEPLOY / "README.md").read_text()
    embedded_alone = {"ROLLBOOK_NATS__PORT"}
    assert {name for name in VARIABLES if f"`{name}`" not in table} == embedded_alone


def test_every_file_that_compose_names_is_here_or_made_by_prepare(
    compose: Any, prepared: Path
) -> None:
    names = [each["file"] for each in compose["secrets"].values()]
    for service in compose["services"].values():
        names += [each for each in [service.get("env_file")] if each]
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume
            source = source.partition(":")[0]
            if not source.startswith("."):
                assert source in compose["volumes"]
            elif source != "./artifacts":  # the site's own
                names.append(source)
    for name in names:
        inside = name.removeprefix("./secrets/")
        path = prepared / inside if inside != name else DEPLOY / name
        assert path.is_file(), name


def test_every_container_runs_a_command_that_exists_with_the_secrets_of_its_role(
    compose: Any,
) -> None:
    roles = set()
    for name, service in compose["services"].items():
        held = [each for each in service.get("secrets", []) if isinstance(each, str)]
        assert set(held) <= set(compose["secrets"]), name
        seeds = {each.removesuffix(".nk") for each in held if each.endswith(".nk")}
        assert seeds <= USERS, name
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        if service["image"] != "rollbook":
            continue
        assert_command_exists(service["command"])
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        if service["command"][:2] == ["serve", "--role"]:
            roles.add(service["command"][2])
            assert name == service["command"][2]
    assert roles == set(ALL)


def test_only_one_container_holds_what_could_delete_the_ledger(compose: Any) -> None:
    for name, service in compose["services"].items():
        held = [str(each) for each in service.get("secrets", [])]
        has_admins = any("-admin.nk" in each for each in held)
        assert has_admins == (name == "streams"), name


def test_compose_starts_with_settings_that_are_safe(
    compose: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for service in compose["services"].values():
        given = service.get("environment", {})
        if service["image"] != "rollbook" or not given:
            continue
        with monkeypatch.context() as inside:
            for name, value in given.items():
                assert isinstance(value, str), name
                origin = value.replace("${ROLLBOOK_ORIGIN:-rollbook.local}", "a.b")
                inside.setenv(name, origin)
            settings.load()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_every_unit_is_hardened_and_runs_what_exists(path: Path) -> None:
    found = unit(path)
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "RestrictNamespaces"):
        assert found[name] == ["yes"], name
    assert found["ProtectSystem"] == ["strict"]
    assert found["CapabilityBoundingSet"] == [""]
    [line] = found["ExecStart"]
    program, *arguments = shlex.split(line)
    match program.rpartition("/")[2]:
        case "rollbook":
            assert_command_exists(arguments)
        case "nats-server":
            inside = Path(arguments[1]).relative_to("/etc/rollbook")
            assert (DEPLOY / inside).is_file()
        case "python":
            assert arguments[:2] == ["-m", "rollbook.agent"]
            instance = [each.replace("%i", "staging") for each in arguments[2:]]
            with pytest.raises(Exception, match="it is not there"):
                settings_from(instance)
        case other:
            raise AssertionError(f"{other} is none of ours")


def test_every_unit_has_its_user_and_every_role_its_unit() -> None:
    made = set(
        re.findall(
            r"^u (\S+)", (DEPLOY / "systemd/rollbook.sysusers").read_text(), re.M
        )
    )
    wanted = {f"rollbook-{role}" for role in ALL}
    for path in UNITS:
        [user] = unit(path)["User"]
        if "%i" not in user:
            wanted.add(user)
    assert made == wanted
    readme = (DEPLOY / "README.md").read_text()
    for role in ALL:
        assert f"`{role}`" in readme
        assert f"rollbook@{role}" in readme


def test_the_image_copies_what_is_in_the_repository_and_is_not_root() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ")]
    sources = [name for names in copied for name in names if "--from" not in names[0]]
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users[-1].startswith("10001")


def test_docker_reads_the_compose_file_as_we_do(prepared: Path, tmp_path: Path) -> None:
    docker = shutil.which("docker")
    has_compose = (
        docker is not None
        and not subprocess.run(
            [docker, "compose", "version"], capture_output=True, check=False
        ).returncode
    )
    if docker is None or not has_compose:
        pytest.skip("there is no `docker compose` on this machine")
    shutil.copytree(
        DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets")
    )
    shutil.copytree(prepared, tmp_path / "deploy" / "secrets")
    read = subprocess.run(
        [docker, "compose", "-f", "deploy/compose.yaml", "config", "-q"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert read.returncode == 0, read.stderr
