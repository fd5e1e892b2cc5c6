"""Does a process refuse to start where a setting would give something away?"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rollbook.errors import Misconfigured
from rollbook_services import settings
from rollbook_services.cli.main import run
from rollbook_services.local.up import running
from rollbook_services.registrar.snapshots import open_snapshots
from rollbook_services.settings import Nats, Settings, is_loopback

TLS = "tls://n1:4222,tls://n2:4222,tls://n3:4222"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where no file of settings lies."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "named", "fix"),
    [
        ({"server": {"host": "0.0.0.0"}}, "server.host", "server.behind_tls"),
        ({"server": {"host": "::"}}, "server.host", "127.0.0.1"),
        ({"nats": {"url": "nats://10.0.0.7:4222"}}, "nats.url", "tls://"),
        ({"nats": {"url": "nats://localhost,nats://n2"}}, "nats.url", "nats.ca"),
        ({"nats": {"url": "http://localhost"}}, "nats.url", "tls://host:4222"),
        ({"nats": {"url": "localhost:4222"}}, "nats.url", "tls://host:4222"),
        ({"nats": {"url": TLS}}, "nats.replicas", "set it to 3"),
        ({"nats": {"replicas": 2}}, "nats.replicas", "1, 3 or 5"),
        ({"nats": {"ca": "ca.pem"}}, "nats.ca", "tls://"),
        ({"nats": {"password": "x"}}, "nats.password", "there is no such setting"),
        ({"nat": {}}, "nat", "there is no such setting"),
        ({"server": {"port": 70_000}}, "server.port", "65535"),
    ],
)
def test_what_is_unsafe_or_unknown_is_refused_by_name_with_the_fix(
    given: dict[str, Any], named: str, fix: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        settings.load(**given)
    assert refused.value.setting == named
    assert fix in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"server": {"host": "::1"}},
        {"server": {"host": "0.0.0.0", "behind_tls": True}},
        {"nats": {"url": "nats://127.0.0.1:4222"}},
        {"nats": {"url": TLS, "replicas": 3, "ca": "ca.pem"}},
    ],
)
def test_what_is_safe_starts(given: dict[str, Any]) -> None:
    settings.load(**given)


def test_loopback_is_this_machine_alone() -> None:
    for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        assert is_loopback(host)
    for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.example.com", ""):
        assert not is_loopback(host)


def test_arguments_win_over_the_environment_and_that_over_the_file(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "rollbook.toml").write_text(
        '[server]\nport = 1\nhost = "127.0.0.2"\norigin = "file"\n'
    )
    monkeypatch.setenv("ROLLBOOK_SERVER__PORT", "2")
    monkeypatch.setenv("ROLLBOOK_SERVER__HOST", "127.0.0.3")
    monkeypatch.setenv("ROLLBOOK_NATS__REPLICAS", "3")
    found = settings.load(server={"port": 3})
    assert (found.server.port, found.server.host) == (3, "127.0.0.3")
    assert (found.server.origin, found.nats.replicas) == ("file", 3)


def test_a_wrong_file_ends_the_command_with_a_sentence(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text, told in {
        "[server": "error: rollbook.toml: it cannot be read as TOML",
        "[server]\nprot = 1": "error: server.prot: there is no such setting",
    }.items():
        (elsewhere / "rollbook.toml").write_text(text)
        assert run(["up", "--data", "data"]) == 2
        assert told in capsys.readouterr().err
    assert not (elsewhere / "data").exists()


def test_a_password_is_never_shown() -> None:
    secret = "postgresql://a:hunter2@h/d"
    assert "hunter2" not in repr(settings.load(database={"stage": secret}))


async def test_up_does_not_ignore_a_server_that_was_named(elsewhere: Path) -> None:
    with pytest.raises(Misconfigured, match="rollbook serve"):
        async with running(Settings(nats=Nats(url="nats://127.0.0.1:4222"))):
            pass
    assert not await asyncio.to_thread((elsewhere / "rollbook-data").exists)


def test_the_snapshots_are_for_the_registrar_alone(tmp_path: Path) -> None:
    open_snapshots(tmp_path / "registrar.db").close()
    assert (tmp_path / "registrar.db").stat().st_mode & 0o777 == 0o600
