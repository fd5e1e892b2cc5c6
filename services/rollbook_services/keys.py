"""Where does the key that signs events come from, and who may read it?

A PKCS#8 PEM file of mode 0600, made once. Checking signatures is `rollbook.proof`'s.
"""

import os
import stat
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rollbook.errors import Misconfigured
from rollbook.names import KeyId
from rollbook.proof.validity import key_id


class Signer(Protocol):
    """Signs with one Ed25519 key, in this process or in a key service."""

    kid: KeyId
    public: bytes
    """32 bytes."""

    async def sign(self, message: bytes) -> bytes:
        """Return 64 bytes; Unavailable when the key service is away."""


class KeyFile:
    """A signer whose key lies in a file."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Hold the key in memory."""
        self._key = key
        self.public = key.public_key().public_bytes_raw()
        self.kid = key_id(self.public)

    async def sign(self, message: bytes) -> bytes:
        """Sign in this process."""
        return self._key.sign(message)


def open_key(path: Path) -> KeyFile:
    """Read the key, or make it at the first start.

    Raises Misconfigured for a file that others can read or that is no Ed25519 key.
    """
    if not path.exists():
        _make(path)
    status = path.stat()
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Misconfigured(
            str(path),
            "others can read this key, so they may have it: "
            "restore one that is yours alone, then run chmod 600 on it",
        )
    if status.st_uid != os.geteuid():
        raise Misconfigured(
            str(path), "another user owns this key; run as its owner, or chown it"
        )
    return KeyFile(_read(path))


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise Misconfigured(
            str(path), "not an unencrypted PKCS#8 PEM key; restore it from your backup"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured(str(path), "not an Ed25519 key; restore the right one")
    return key
