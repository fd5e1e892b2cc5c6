"""Is what the table of accounts says what nats-server is told?"""

import subprocess
from pathlib import Path

import pytest

from rollbook_services.local.accounts import (
    EXPORTS,
    PLATFORM,
    Account,
    agent,
    feed_reader,
    pipeline,
    with_platform,
)
from rollbook_services.local.nats_config import (
    EXAMPLE_CLIENTS,
    deployed,
    embedded,
    key_variable,
    user_block,
)
from rollbook_services.local.nats_keys import (
    is_public_key,
    make_keys,
    new_seed,
    public_key,
)
from rollbook_services.local.nats_server import find_program
from tests.support.certificates import make_certificates
from tests.support.nats_cluster import DEPLOY, environment


@pytest.mark.parametrize("name", deployed())
def test_the_committed_files_are_the_generators(name: str) -> None:
    assert (DEPLOY / name).read_text() == deployed()[name]


@pytest.mark.parametrize("name", ["single.conf", "cluster/n1.conf"])
def test_the_server_accepts_the_deployed_files(name: str, tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    keys = make_keys(tmp_path / "keys", with_platform(EXAMPLE_CLIENTS))
    filled_in = environment(keys, certificates, tmp_path / "store")
    assert "is valid" in checked(DEPLOY / name, filled_in)


def test_a_key_that_the_site_forgot_stops_the_server(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys", with_platform(EXAMPLE_CLIENTS))
    filled_in = environment(keys, make_certificates(tmp_path), tmp_path / "store")
    del filled_in[key_variable("stage")]
    assert "ROLLBOOK_NATS_KEY_STAGE" in checked(DEPLOY / "single.conf", filled_in)


@pytest.mark.parametrize("name", ["plain", "with space", 'a "quote"', "größe", "a$b"])
def test_the_embedded_file_is_valid_wherever_the_data_lies(
    name: str, tmp_path: Path
) -> None:
    folder = tmp_path / name
    keys = make_keys(folder / "nats", PLATFORM)
    file = tmp_path / "server.conf"
    file.write_text(embedded(folder, users=PLATFORM, keys=keys, port=-1))
    assert "is valid" in checked(file, {})


def test_seeds_never_reach_the_configuration(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "nats", PLATFORM)
    text = embedded(tmp_path, users=PLATFORM, keys=keys, port=-1)
    for seed in (tmp_path / "nats").glob("*.nk"):
        assert seed.read_text().strip() not in text


def test_an_operators_block_is_a_user_as_the_generator_writes_it() -> None:
    user = agent("eu-agent", stage="production", target="eu-1")
    key = public_key(new_seed())
    text = user_block(user, key)
    assert text.startswith("# eu-agent\n")
    assert f'nkey: "{key}"' in text
    keys = {**{each.name: "U" for each in PLATFORM}, user.name: key}
    whole = embedded(Path("/data"), users=with_platform([user]), keys=keys, port=-1)
    assert "".join(text.split()) in "".join(whole.split())


def test_a_key_that_the_server_would_refuse_is_told(tmp_path: Path) -> None:
    good = public_key(new_seed())
    letter = "A" if good[20] != "A" else "B"
    account = "A" + good[1:]
    for key, is_one in (
        (good, True),
        (good[:20] + letter + good[21:], False),
        (account, False),
        (good[:-8], False),
        ("U" + "A" * 55, False),
        ("nonsense", False),
        ("", False),
    ):
        assert is_public_key(key) is is_one
        file = tmp_path / "server.conf"
        file.write_text(f'authorization {{ users: [ {{ nkey: "{key}" }} ] }}\n')
        assert ("is valid" in checked(file, {})) is is_one, key


def test_what_is_no_seed_has_no_public_key() -> None:
    with pytest.raises(ValueError, match="no NATS seed"):
        public_key("SUAnonsense")
    assert public_key(new_seed()) != public_key(new_seed())


def test_nobody_but_the_registrar_may_write_the_ledger() -> None:
    writers = {
        user.name
        for user in with_platform(EXAMPLE_CLIENTS)
        if any(subject.startswith("rollbook.ledger") for subject in user.publish)
    }
    assert writers == {"registrar"}


def test_no_export_lets_an_account_create_change_or_delete_a_stream() -> None:
    stream_rights = {
        export.subject
        for export in EXPORTS
        if ".STREAM." in export.subject or "DELETE" in export.subject
    }
    assert stream_rights == {"$JS.API.STREAM.INFO.LEDGER"}


def test_users_of_accounts_without_streams_create_no_consumer() -> None:
    for user in with_platform(EXAMPLE_CLIENTS):
        if user.account in (Account.SERVICES, Account.CLIENTS):
            assert not user.is_admin
            assert not [right for right in user.publish if "CREATE" in right]


@pytest.mark.parametrize("name", ["", "*", "a.b", ">", "a b", "prod.>", "x" * 129])
def test_a_name_grants_one_subject_token_and_no_more(name: str) -> None:
    with pytest.raises(ValueError, match="token"):
        pipeline(name)
    with pytest.raises(ValueError, match="token"):
        agent("a", stage=name, target="main")


def test_a_client_cannot_take_the_name_of_a_service() -> None:
    with pytest.raises(ValueError, match="stage"):
        with_platform([pipeline("stage")])
    with pytest.raises(ValueError, match="gateway"):
        with_platform([feed_reader("gateway")])


def test_only_who_reads_a_stream_may_read_it() -> None:
    reading = {
        user.name: {right for right in user.publish if ".API." in right}
        for user in with_platform(EXAMPLE_CLIENTS)
    }
    assert not reading["gateway"]
    assert not reading["registrar-commands"]
    assert "$JS.API.DIRECT.GET.LEDGER.>" not in reading["registrar"]
    given = {export.subject for export in EXPORTS if Account.SERVICES in export.to}
    assert not {subject for subject in given if "FEED" in subject}


def checked(file: Path, variables: dict[str, str]) -> str:
    answer = subprocess.run(
        [find_program(), "-t", "-c", str(file)],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout + answer.stderr
