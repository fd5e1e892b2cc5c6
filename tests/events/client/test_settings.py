"""Where do CLI and client find their server, and whom do they give a token?"""

import json
from pathlib import Path

import pytest

from rollbook.client.settings import Wanted, find_server, state_directory
from rollbook.errors import Misconfigured

LOCAL = "http://127.0.0.1:4711"


def store(data: Path, url: str = LOCAL, mode: int = 0o600) -> Path:
    data.mkdir(parents=True)
    file = data / "credentials.json"
    file.write_text(json.dumps({"url": url, "token": "stored", "event_key": "k"}))
    file.chmod(mode)
    return data


def test_a_server_that_nobody_named_is_asked_for_with_the_remedy(alone: Path) -> None:
    with pytest.raises(Misconfigured, match="rollbook up"):
        find_server(Wanted(), {"XDG_STATE_HOME": str(alone)})


def test_the_data_directory_beside_us_is_found(alone: Path) -> None:
    store(alone / "rollbook-data")
    found = find_server(Wanted(), {"XDG_STATE_HOME": str(alone)})
    assert (found.url, found.token, found.ledger) == (LOCAL, "stored", "k")


def test_the_directory_that_up_left_word_of_is_found_from_anywhere(alone: Path) -> None:
    environ = {"XDG_STATE_HOME": str(alone / "state")}
    data = store(alone / "elsewhere")
    state = state_directory(environ)
    state.mkdir(parents=True)
    (state / "local.json").write_text(json.dumps({"data": str(data)}))
    assert find_server(Wanted(), environ).token == "stored"


def test_a_flag_wins_over_the_environment_and_that_over_what_is_stored(
    alone: Path,
) -> None:
    store(alone / "rollbook-data")
    environ = {"ROLLBOOK_URL": "http://env.example", "XDG_STATE_HOME": str(alone)}
    assert find_server(Wanted(), environ).url == "http://env.example"
    wanted = Wanted(url="http://flag.example")
    assert find_server(wanted, environ).url == "http://flag.example"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:4712", "https://127.0.0.1:4711", "http://evil.example:4711"],
)
def test_a_stored_token_goes_only_to_the_origin_it_was_stored_for(
    alone: Path, url: str
) -> None:
    store(alone / "rollbook-data")
    found = find_server(Wanted(url=url), {"XDG_STATE_HOME": str(alone)})
    assert found.token is None


def test_a_directory_that_came_with_a_clone_collects_no_token(alone: Path) -> None:
    store(alone / "rollbook-data", url="https://evil.example")
    environ = {"ROLLBOOK_TOKEN": "mine", "XDG_STATE_HOME": str(alone)}
    with pytest.raises(Misconfigured, match=r"evil\.example"):
        find_server(Wanted(), environ)
    named = {**environ, "ROLLBOOK_URL": "https://mine.example"}
    assert find_server(Wanted(), named).token == "mine"


def test_a_token_file_wins_over_what_is_stored(alone: Path) -> None:
    store(alone / "rollbook-data")
    (alone / "alice.token").write_text("alices\n")
    environ = {"XDG_STATE_HOME": str(alone)}
    wanted = Wanted(token_file=alone / "alice.token")
    assert find_server(wanted, environ).token == "alices"
    with pytest.raises(Misconfigured, match="cannot be read"):
        find_server(Wanted(token_file=alone / "none"), environ)


def test_credentials_that_others_can_read_are_refused_with_the_remedy(
    alone: Path,
) -> None:
    store(alone / "rollbook-data", mode=0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        find_server(Wanted(), {"XDG_STATE_HOME": str(alone)})
