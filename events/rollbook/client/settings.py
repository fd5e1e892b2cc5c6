"""Where is the server, and with which token may it be asked?

A flag or an argument wins over the environment, that over what `rollbook up` left in
its data directory. A stored token goes only to the origin it was stored for. The
command line starts with this file, so it imports nothing but the standard library.
"""

import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from rollbook.errors import Misconfigured

CREDENTIALS: Final = "credentials.json"
DATA: Final = Path("rollbook-data")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Server:
    """An address, what opens it, and which ledger is expected behind it."""

    url: str
    token: str | None = field(repr=False)
    ledger: str
    """Tells ledgers apart that were served at one address one after another."""
    data: Path | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for by flags or arguments."""

    url: str | None = None
    token_file: Path | None = None
    data: Path | None = None
    token: str | None = field(default=None, repr=False)


def find_server(wanted: Wanted, environ: Mapping[str, str]) -> Server:
    """Return the server to talk to; raises Misconfigured where there is none."""
    data = find_data(wanted, environ)
    stored = read_credentials(data) if data is not None else {}
    stored_url = str(stored.get("url", ""))
    url = wanted.url or environ.get("ROLLBOOK_URL") or stored_url
    if not url:
        raise Misconfigured(
            "ROLLBOOK_URL",
            "no server is known; start one with 'rollbook up', or name one with "
            "--url, url= or ROLLBOOK_URL",
        )
    same_origin = bool(stored_url) and origin_of(url) == origin_of(stored_url)
    token = _given_token(wanted, environ)
    if token is not None and url == stored_url and not _is_loopback(url):
        # A directory that came with a clone must not collect anybody's token.
        raise Misconfigured(
            f"{data}/{CREDENTIALS}",
            f"it names {url}, which is not this machine; to send your token there, "
            "say so with --url, url= or ROLLBOOK_URL",
        )
    if token is None and same_origin:
        token = stored.get("token")
    ledger = str(stored.get("event_key", "")) if same_origin else ""
    return Server(url.rstrip("/"), token, ledger, data)


def find_data(wanted: Wanted, environ: Mapping[str, str]) -> Path | None:
    """Return the data directory of a local server, if one is known."""
    if wanted.data is not None:
        return wanted.data
    if environ.get("ROLLBOOK_DATA"):
        return Path(environ["ROLLBOOK_DATA"])
    if (DATA / CREDENTIALS).exists():
        return DATA
    try:
        named = json.loads((state_directory(environ) / "local.json").read_text())
        data = Path(named["data"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return data if (data / CREDENTIALS).exists() else None


def read_credentials(data: Path) -> dict[str, Any]:
    """Read what `rollbook up` wrote; refuses a file that others can read."""
    path = data / CREDENTIALS
    try:
        mode = path.stat().st_mode
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Misconfigured(
            str(path), f"it cannot be read ({error}); 'rollbook up' writes it anew"
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Misconfigured(
            str(path),
            "others can read it, so its token is no secret any more: run "
            f"'chmod 600 {path}' and revoke the token",
        )
    return found if isinstance(found, dict) else {}


def state_directory(environ: Mapping[str, str]) -> Path:
    """Return where programs of this user remember things."""
    given = environ.get("XDG_STATE_HOME")
    base = Path(given) if given else Path.home() / ".local" / "state"
    return base / "rollbook"


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port: what a token is stored for."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def _is_loopback(url: str) -> bool:
    return origin_of(url)[1] in _LOOPBACK


def _given_token(wanted: Wanted, environ: Mapping[str, str]) -> str | None:
    if wanted.token is not None:
        return wanted.token
    file = wanted.token_file
    if file is None and environ.get("ROLLBOOK_TOKEN"):
        return environ["ROLLBOOK_TOKEN"].strip()
    if file is None and environ.get("ROLLBOOK_TOKEN_FILE"):
        file = Path(environ["ROLLBOOK_TOKEN_FILE"])
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Misconfigured(
            str(file), f"the token file cannot be read ({error.strerror})"
        ) from error
