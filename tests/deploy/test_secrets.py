"""Do all roles run over TLS with what `prepare` made and `hand-out` gave them?"""

import asyncio
import json
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from rollbook.agent import settings as agent_settings
from rollbook.agent.config import Config
from rollbook.client.transport import Transport
from rollbook.commands.desired import Lease, LeaseRequest
from rollbook.errors import Misconfigured
from rollbook.ledger.connection import trusting
from rollbook.ledger.edge import edge
from rollbook.names import StageName, TargetName
from rollbook_services import main
from rollbook_services.cli.main import run
from rollbook_services.local.hand_out import hand_out
from rollbook_services.serving import serving
from rollbook_services.settings import Database, Nats, Server, Settings, check
from tests.deploy.conftest import prepare
from tests.support.nats import started
from tests.support.nats_cluster import DEPLOY

VIEWS = ("stage", "lineage", "audit")


@asynccontextmanager
async def deployed_nats(prepared: Path, folder: Path) -> AsyncIterator[str]:
    """Run one node on exactly the files of deploy/nats; yield its address."""
    keys = dict(line.split("=") for line in (prepared / "keys.env").read_text().split())
    environment = {
        "PATH": os.environ["PATH"],
        "ROLLBOOK_NATS_STORE": str(folder / "store"),
        "ROLLBOOK_NATS_CERTIFICATE": str(prepared / "n1.pem"),
        "ROLLBOOK_NATS_CERTIFICATE_KEY": str(prepared / "n1.key"),
        "ROLLBOOK_NATS_CA": str(prepared / "nats-ca.pem"),
        **keys,
    }
    arguments = ["-a", "127.0.0.1", "-p", "-1"]
    config = DEPLOY / "single.conf"
    async with started(config, folder, arguments, environment=environment) as found:
        port = found[1].rpartition(":")[2]
        yield f"tls://127.0.0.1:{port}"


async def test_every_role_enters_over_tls_with_the_secrets_of_its_container_alone(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        asyncio.timeout(60),
        deployed_nats(prepared, tmp_path) as url,
        AsyncExitStack() as running,
    ):
        ca = prepared / "nats-ca.pem"
        administrators = seeds_of("streams", prepared, tmp_path)
        for name, value in (("URL", url), ("CA", ca), ("SEEDS", administrators)):
            monkeypatch.setenv(f"ROLLBOOK_NATS__{name}", str(value))
        assert await asyncio.to_thread(run, ["admin", "streams"]) == 0

        def site(role: str, data: str) -> main.Site:
            seeds = seeds_of(role, prepared, tmp_path)
            nats = Nats(url=url, ca=ca, seeds=seeds, manage_streams=False)
            server = Server(data=tmp_path / data)
            views = {name: sqlite(tmp_path, name) for name in VIEWS}
            settings = Settings(server=server, nats=nats, database=Database(**views))
            check(settings)
            return main.Site(settings, url, seeds)

        for role in ("registrar", *VIEWS):
            await running.enter_async_context(serving(site(role, role), (role,)))
        handed = hand_out(
            tmp_path / "registrar",
            seeds_of("hand-out", prepared, tmp_path),
            tmp_path / "handed",
        )
        assert {file.stat().st_mode & 0o777 for file in handed} == {0o600}
        conductor = site("conductor", "handed/conductor")
        await running.enter_async_context(serving(conductor, ("conductor",)))
        await agent_is_leased(tmp_path / "handed")
        gateway = serving(site("gateway", "gateway"), ("gateway",))
        address = await running.enter_async_context(gateway)
        file = tmp_path / "handed" / "operator" / "credentials.json"
        token = json.loads(file.read_text())["token"]
        await asyncio.to_thread(is_welcome, address or "", token)


def seeds_of(service: str, prepared: Path, folder: Path) -> Path:
    """Copy the seeds that compose.yaml gives to a service, and no others."""
    compose = yaml.safe_load((DEPLOY.parent / "compose.yaml").read_text())
    seeds = folder / "seeds" / service
    seeds.mkdir(parents=True)
    for name in compose["services"][service]["secrets"]:
        if name.endswith(".nk"):
            shutil.copy(prepared / "keys" / name, seeds / name)
    return seeds


def sqlite(folder: Path, view: str) -> SecretStr:
    return SecretStr(f"sqlite:///{folder / view}.db")


async def agent_is_leased(handed: Path) -> None:
    """Ask for a lease with what was handed to an agent, and nothing else."""
    found = agent_settings.load(
        handed / "agent-staging-default" / "credentials.json",
        Config(stage=StageName("staging"), root=handed / "root"),
    )
    asked = LeaseRequest(stage=StageName("staging"), target=TargetName("default"))
    async with edge(
        found.nats_url,
        user=found.user,
        seed=found.seed,
        credential=found.token,
        authority=found.nats_ca,
    ) as link:
        answer = await link.lease(asked.model_dump_json().encode())
    assert Lease.model_validate_json(answer).keys == {}


def is_welcome(address: str, token: str) -> None:
    with closing(Transport(address, token=token)) as asking:
        assert asking.get("/v1/doctor")["data"]["ok"]


def test_holders_get_their_own_secrets_and_no_others(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["admin", "hand-out", "--data", str(tmp_path), "--to", str(tmp_path / "to")]
    assert run([*line, "--seeds", str(prepared / "keys")]) == 2
    assert "start one on this data directory first" in capsys.readouterr().err
    tokens = {
        "prn:aaaaaaaaaaaaa": "operator's",
        "rollbook:conductor": "conductor's",
        "svc:agent-staging-default": "staging's",
        "svc:agent-production-default": "production's",
    }
    held = {
        "tokens": {who: {"token": text, "until": ""} for who, text in tokens.items()},
        **dict.fromkeys(("nats_url", "nats_ca", "origin", "event_key"), "public"),
    }
    (tmp_path / "credentials.json").write_text(json.dumps(held))
    files = hand_out(tmp_path, prepared / "keys", tmp_path / "to")
    for file in files:
        owner = file.parent.name.removeprefix("agent-").removesuffix("-default")
        known = {text for text in tokens.values() if text in file.read_text()}
        assert known == {f"{owner}'s"}


def test_certificates_hold_under_the_strictest_check(prepared: Path) -> None:
    context = trusting((prepared / "nats-ca.pem").read_text())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    back, forth = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(prepared / "n2.pem", prepared / "n2.key")
    client = context.wrap_bio(incoming, outgoing, server_hostname="n2")
    other = server.wrap_bio(back, forth, server_side=True)
    for _ in range(3):
        for side in (client, other):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
            back.write(outgoing.read())
            incoming.write(forth.read())
    assert client.getpeercert()


def test_prepared_secrets_are_never_replaced(prepared: Path, tmp_path: Path) -> None:
    again = prepare(prepared)
    assert again.returncode == 1
    assert "never replaced" in again.stderr


def test_what_is_no_certificate_is_refused_by_name(tmp_path: Path) -> None:
    settings = Settings(nats=Nats(ca=tmp_path / "ca.pem"))
    with pytest.raises(Misconfigured, match=r"nats\.ca"):
        _ = main.Site(settings, "", tmp_path).authority
    with pytest.raises(Misconfigured, match="PEM"):
        trusting("nothing")
