"""Is a ledger recognised, and is another one refused with the remedy?"""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rollbook.errors import InvalidLedger, Misconfigured
from rollbook.ledger.memory import MemoryLedger
from rollbook.proof.validity import Chain
from rollbook_services.keys import KeyFile, Signer, open_key
from rollbook_services.registrar.genesis import open_ledger
from tests.services.registrar.registering import ORIGIN, SETTINGS, SIGNER, Clock


async def opened(
    ledger: MemoryLedger, *, signer: Signer = SIGNER, origin: str = ORIGIN
) -> Chain:
    clock = Clock()
    return await open_ledger(
        ledger,
        signer,
        origin=origin,
        stream_settings=SETTINGS,
        at=clock.tell(),
        entropy=clock.draw(),
    )


async def test_genesis_is_written_once_and_found_again() -> None:
    ledger = MemoryLedger()
    first, again = await opened(ledger), await opened(ledger)
    assert len(ledger.messages) == 1
    assert (first.origin, set(first.keys)) == (again.origin, set(again.keys))
    assert (first.origin, set(first.keys)) == (ORIGIN, {SIGNER.kid})


async def test_another_origin_is_refused() -> None:
    ledger = MemoryLedger()
    await opened(ledger)
    with pytest.raises(Misconfigured, match="set it back"):
        await opened(ledger, origin="elsewhere")


async def test_a_key_the_ledger_does_not_know_is_refused() -> None:
    ledger = MemoryLedger()
    await opened(ledger)
    stranger = KeyFile(Ed25519PrivateKey.generate())
    with pytest.raises(Misconfigured, match=r"restore keys/event\.pem"):
        await opened(ledger, signer=stranger)


async def test_a_stream_of_somebody_else_is_no_ledger() -> None:
    ledger = MemoryLedger()
    ledger.inject("rollbook.ledger.keys", b'{"not":"genesis"}')
    with pytest.raises(InvalidLedger, match="not a ledger of Rollbook"):
        await opened(ledger)


async def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "event.pem"
    made = open_key(path)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (
        0o600,
        0o700,
    )
    assert open_key(path).kid == made.kid
    assert await open_key(path).sign(b"x") == await made.sign(b"x")


def test_a_key_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "event.pem"
    open_key(path)
    path.chmod(0o640)
    with pytest.raises(Misconfigured, match="others can read this key"):
        open_key(path)


@pytest.mark.parametrize("content", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----"])
def test_a_damaged_key_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "event.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match="PKCS#8"):
        open_key(path)
