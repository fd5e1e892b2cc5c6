"""Is `agent.toml` read strictly, and do flags beat it?"""

from pathlib import Path
from typing import Any

import pytest

from rollbook.agent.config import Address, read
from rollbook.agent.line import MISCONFIGURED, main, settings_from
from rollbook.errors import Misconfigured

WHOLE = """
stage = "production"
target = "eu-1"
root = "/srv/models"
credentials = "/etc/rollbook/credentials.json"
resync = "2m"
apply_deadline = 90
listen = "[::1]:9421"

[driver]
name = "command"
program = "/usr/local/bin/serve"

[retry]
tries = 3
within = "30s"
first_pause = 0.5
longest_pause = "10s"

[cache]
folder = "/var/cache/rollbook"
limit_bytes = 10_000_000_000
most_bytes_each = 5_000_000_000
only_from = ["s3://models/"]

[artifacts.s3]
endpoint_url = "http://127.0.0.1:9000"
"""
LEAST = {"stage": "production", "root": Path("served")}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent.toml"


def wrong(file: Path, text: str, **flags: Any) -> str:
    file.write_text(text)
    with pytest.raises(Misconfigured) as error:
        read(file, {**LEAST, **flags})
    return str(error.value)


def test_everything_can_be_said_in_the_file(file: Path) -> None:
    file.write_text(WHOLE)
    found = read(file, {})
    assert (found.stage, found.target) == ("production", "eu-1")
    assert (found.resync, found.apply_deadline) == (120.0, 90.0)
    assert found.listen == Address("::1", 9421)
    assert found.driver_name == "command"
    assert found.driver_options == {"program": "/usr/local/bin/serve"}
    assert found.retry.model_dump() == {
        "tries": 3,
        "within": 30.0,
        "first_pause": 0.5,
        "longest_pause": 10.0,
    }
    assert found.cache_folder == Path("/var/cache/rollbook")
    assert found.cache.only_from == ("s3://models/",)
    assert found.artifacts == {"s3": {"endpoint_url": "http://127.0.0.1:9000"}}


def test_little_has_to_be_said() -> None:
    found = read(None, LEAST)
    assert (found.target, found.driver_name) == ("default", "symlink")
    assert found.driver_options == {}
    assert found.listen is None
    assert found.cache_folder == Path("served/.rollbook/artifacts")
    assert found.state_file == Path("served/.rollbook/production.default.json")


def test_flags_beat_the_file(file: Path) -> None:
    file.write_text(WHOLE)
    flags = {"stage": "staging", "target": None, "resync": "9s", "driver": "symlink"}
    found = read(file, {**flags, "on_switch": "reload"})
    assert (found.stage, found.target, found.resync) == ("staging", "eu-1", 9.0)
    assert found.driver_name == "symlink"
    assert found.driver_options["on_switch"] == "reload"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour = 1", "colour: no such setting"),
        ("[retry]\ntrys = 1", "retry.trys: no such setting"),
        ("[cache]\nlimit = 1", "cache.limit: no such setting"),
        ("[retry]\ntries = 0", "retry.tries: "),
        ("resync = 0", "resync: "),
        ("resync = inf", "resync: "),
        ('resync = "soon"', "resync: it is no length of time"),
        ('listen = "here"', "listen: it is no address"),
        ('listen = "127.0.0.1:65536"', "listen: it is no address"),
        ('driver = "symlink"', "driver: "),
        ('target = "a/b"', "target: "),
        ("resync =", "it is no TOML"),
    ],
)
def test_what_is_wrong_is_named(file: Path, text: str, says: str) -> None:
    assert says in wrong(file, text)
    assert str(file) in wrong(file, text)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Misconfigured, match="stage: it is not given: pass --stage"):
        read(None, {"root": Path()})


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(Misconfigured, match=r"agent.toml: it cannot be read"):
        read(file, LEAST)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9421", Address("127.0.0.1", 9421)),
        (":9421", Address("127.0.0.1", 9421)),
        ("0.0.0.0:9421", Address("0.0.0.0", 9421)),
    ],
)
def test_an_address_without_a_host_is_on_loopback(text: str, expected: Address) -> None:
    assert read(None, {**LEAST, "listen": text}).listen == expected


def test_a_length_of_time_may_be_a_number_or_have_a_unit() -> None:
    for given in (90, 90.0, "90", "90s", "1.5m"):
        assert read(None, {**LEAST, "resync": given}).resync == 90.0


def test_the_command_line_needs_credentials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ["--stage", "production", "--root", str(tmp_path)]
    assert main(said) == MISCONFIGURED
    assert "pass --credentials or --data" in capsys.readouterr().err
    with pytest.raises(Misconfigured, match=r"data/credentials.json: it is not there"):
        settings_from([*said, "--data", str(tmp_path / "data")])


def test_the_file_may_name_the_credentials(file: Path) -> None:
    file.write_text(f'credentials = "{file.parent}/secret.json"')
    said = ["--stage", "production", "--root", "served", "--config", str(file)]
    with pytest.raises(Misconfigured, match=r"secret.json: it is not there"):
        settings_from(said)
