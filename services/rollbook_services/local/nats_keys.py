"""Where do the NATS users' keys come from, and which half may the server see?

One seed per user, in `<folder>/<user>.nk`, made once and never printed. The server
learns public keys alone. `python -m rollbook_services.local.nats_keys FOLDER` makes
the seeds of `deploy/nats` and prints their public keys as environment variables.
"""

import base64
import binascii
import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import nkeys

from rollbook.errors import Misconfigured
from rollbook.ledger.connection import READABLE_BY_OTHERS, read_seed
from rollbook_services.local.accounts import User, with_platform
from rollbook_services.local.nats_config import EXAMPLE_CLIENTS, key_variable

SEED_BYTES: Final = 32
PUBLIC_BYTES: Final = 1 + 32 + 2  # what it is, the key, a checksum


def make_keys(folder: Path, users: Iterable[User]) -> dict[str, str]:
    """Make the seeds that are missing; answer every user's public key."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_mode & READABLE_BY_OTHERS or status.st_uid != os.geteuid():
        raise Misconfigured(
            str(folder),
            "it holds secrets and others may enter: chown it to the user that runs "
            "Rollbook and chmod it to 0700",
        )
    return {user.name: _public_key(seed_file(folder, user.name)) for user in users}


def seed_file(folder: Path, user: str) -> Path:
    """Name the file that holds a user's seed."""
    return folder / f"{user}.nk"


def new_seed() -> str:
    """Make a user's secret, which nobody else has."""
    made = nkeys.encode_seed(secrets.token_bytes(SEED_BYTES), nkeys.PREFIX_BYTE_USER)
    return str(made.decode())


def public_key(seed: str) -> str:
    """Return the half of a seed that the server may see; ValueError: it is none."""
    try:
        return str(nkeys.from_seed(bytearray(seed.encode())).public_key.decode())
    except nkeys.NkeysError as damaged:
        raise ValueError("this is no NATS seed") from damaged


def is_public_key(text: str) -> bool:
    """Tell whether a server would take this for a user's key: prefix and checksum.

    It refuses its whole configuration for one key that is none.
    """
    try:
        raw = base64.b32decode(text)
    except binascii.Error:
        return False
    return (
        len(raw) == PUBLIC_BYTES
        and raw[0] == nkeys.PREFIX_BYTE_USER
        and bytes(nkeys.crc16_checksum(raw[:-2])) == raw[-2:]
    )


def _public_key(path: Path) -> str:
    if not path.exists():
        _make_seed(path)
    try:
        return public_key(read_seed(path))
    except ValueError as damaged:
        raise Misconfigured(
            str(path), "it is no NATS seed: remove it, a new one is made at start"
        ) from damaged


def _make_seed(path: Path) -> None:
    """Write a whole seed or none: what a crash leaves is a file nobody reads."""
    draft = path.with_suffix(f".{secrets.token_hex(4)}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(new_seed() + "\n")
        file.flush()
        os.fsync(descriptor)
    try:
        # A link refuses to replace, so of two that start at once one seed stays.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def main(folder: Path) -> None:
    """Make the seeds of a deployment and print what its servers need to know."""
    keys = make_keys(folder, with_platform(EXAMPLE_CLIENTS))
    for user, key in keys.items():
        sys.stdout.write(f"{key_variable(user)}={key}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
