"""How does a receiver know that a message is from this agent, and new?

Standard Webhooks 1.0.0, symmetric: HMAC-SHA256 over id, timestamp and body
(https://github.com/standard-webhooks/standard-webhooks).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

PREFIX: Final = "whsec_"
FEWEST_BYTES, MOST_BYTES = 24, 64


def secret(text: str) -> bytes:
    """Read a secret; ValueError says how it is written."""
    try:
        read = base64.b64decode(text.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error:
        read = b""
    if not FEWEST_BYTES <= len(read) <= MOST_BYTES:
        raise ValueError(
            f"write it as {PREFIX} and base64 of {FEWEST_BYTES} to {MOST_BYTES} bytes"
        )
    return read


def signed(id_: str, body: bytes, *, secret: bytes, at: int) -> Mapping[str, str]:
    """Return a message's headers; `at` is in seconds since 1970.

    Each try of one message has the same id, so that a receiver takes it once.
    """
    content = f"{id_}.{at}.".encode() + body
    code = hmac.new(secret, content, hashlib.sha256).digest()
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(code).decode()}",
    }
