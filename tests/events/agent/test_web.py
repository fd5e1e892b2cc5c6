"""Does an agent ask only whom it may, and only whom it meant?"""

import datetime
import socket
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rollbook.agent.driver import Fault, Unapplied
from rollbook.agent.web import Asking, ask, is_public
from tests.events.agent.receiver import Asked, Told, always, receiver


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_an_address_that_is_nobodys_or_ones_own_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Stand in for a name server that nobody here controls."""
    looked_up: list[str] = []

    def look_up(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        looked_up.append(host)
        return [(socket.AF_INET, 1, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return looked_up


async def test_one_private_address_among_others_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch, "93.184.216.34", "10.0.0.1")
    with pytest.raises(Unapplied, match=r"hook\.example is 10\.0\.0\.1") as why:
        await ask(Asking("GET", "http://hook.example"), seconds=5, allow_private=False)
    assert (why.value.fault, why.value.is_passing) == (Fault.DRIVER_ERROR, False)


async def test_a_name_is_looked_up_once_and_kept_as_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Asked] = []
    looked_up = resolving(monkeypatch, "127.0.0.1")
    with receiver(always(Told(), asked)) as port:
        url = f"http://hook.example:{port}/x?y=1"
        await ask(Asking("GET", url), seconds=5, allow_private=True)
    assert looked_up == ["hook.example"]
    assert asked[0].headers["host"] == f"hook.example:{port}"
    assert asked[0].path == "/x?y=1"


async def test_the_next_address_is_tried_where_one_is_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
    with receiver(lambda each: Told(body=b"here")) as port:
        asking = Asking("GET", f"http://hook.example:{port}")
        answer = await ask(asking, seconds=5, allow_private=True)
    assert answer.body == b"here"


async def test_no_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with receiver(lambda each: Told(body=b"here")) as port:
        asking = Asking("GET", f"http://127.0.0.1:{port}")
        assert (await ask(asking, seconds=5, allow_private=True)).body == b"here"


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """Make a server's certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{name}.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context, pem


async def test_a_server_has_to_prove_the_name_it_was_asked_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, "127.0.0.1")
    context, ca_file = certified(tmp_path, "hook.example")
    with receiver(lambda each: Told(body=b"here"), context) as port:
        good = Asking("GET", f"https://hook.example:{port}", ca_file=ca_file)
        assert (await ask(good, seconds=5, allow_private=True)).body == b"here"
        for url, trusted in (
            (f"https://other.example:{port}", ca_file),
            (f"https://hook.example:{port}", None),
        ):
            asking = Asking("GET", url, ca_file=trusted)
            with pytest.raises(Unapplied, match="CERTIFICATE_VERIFY_FAILED"):
                await ask(asking, seconds=5, allow_private=True)


async def test_a_large_answer_is_not_read_to_its_end() -> None:
    with receiver(lambda each: Told(body=b"x" * 10_000_000)) as port:
        asking = Asking("GET", f"http://127.0.0.1:{port}")
        with pytest.raises(Unapplied, match="over 64 KiB"):
            await ask(asking, seconds=5, allow_private=True)
