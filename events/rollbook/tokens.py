"""How does an API token look, and which part of it may be kept?

`rbk_<id>_<secret><check>` in lower-case base32: 10 bytes of id, 32 of secret, and the
CRC-32 of all characters before it, so that a typo is told from a wrong secret
(design/proof.md §5). Whoever makes a token keeps the secret; only its hash travels.
"""

import hashlib
import re
import zlib
from base64 import b32decode, b32encode
from typing import Final, NamedTuple

ID_BYTES: Final = 10
SECRET_BYTES: Final = 32
_FORM: Final = re.compile(r"rbk_([a-z2-7]{16})_([a-z2-7]{52})([a-z2-7]{7})")


class NewToken(NamedTuple):
    """A token as its maker sees it, once."""

    text: str
    id: str
    sha256: str
    """Hex SHA-256 of the secret bytes: what the ledger keeps."""

    def __repr__(self) -> str:
        """Name the token without its secret: this may reach a log."""
        return f"NewToken({self.id})"


def new_token(id_bytes: bytes, secret_bytes: bytes) -> NewToken:
    """Write a token from 10 random bytes of id and 32 of secret."""
    if len(id_bytes) != ID_BYTES or len(secret_bytes) != SECRET_BYTES:
        raise ValueError(f"a token takes {ID_BYTES} and {SECRET_BYTES} bytes")
    body = f"rbk_{_written(id_bytes)}_{_written(secret_bytes)}"
    return NewToken(body + _check(body), _written(id_bytes), hash_secret(secret_bytes))


def read_token(text: str) -> tuple[str, bytes] | None:
    """Read id and secret; None when the form or the check characters are wrong."""
    match = _FORM.fullmatch(text)
    if match is None or _check(text[:-7]) != match[3]:
        return None
    return match[1], b32decode(match[2].upper() + "====")


def hash_secret(secret: bytes) -> str:
    """Hash a secret of 256 random bits: nothing slower is needed."""
    return hashlib.sha256(secret).hexdigest()


def _check(body: str) -> str:
    return _written(zlib.crc32(body.encode()).to_bytes(4))


def _written(raw: bytes) -> str:
    return b32encode(raw).decode().rstrip("=").lower()
