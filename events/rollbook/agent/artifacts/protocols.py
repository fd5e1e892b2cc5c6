"""Which way of reading belongs to a URI?"""

from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from rollbook.agent.artifacts import remote
from rollbook.agent.artifacts.check import KINDS, is_folder, kind_of
from rollbook.agent.artifacts.local import LocalSource
from rollbook.agent.artifacts.names import climbs, shown
from rollbook.agent.artifacts.remote import ObjectSource, WebSource
from rollbook.agent.artifacts.source import Source, Sources
from rollbook.agent.driver import Fault, Unapplied
from rollbook.names import Digest

WEB: Final = frozenset({"http", "https"})


def source_of(uri: str, digest: Digest, sources: Sources) -> Source:
    """Choose how to read an artifact; Unapplied where this agent may or can not."""
    if kind_of(digest) not in KINDS:
        raise _unreachable(f"{kind_of(digest)} cannot be checked here")
    if climbs(uri) or not sources.allows(uri):
        raise _unreachable(f"{shown(uri)}: this agent does not fetch from there")
    parts, folder = urlsplit(uri), is_folder(digest)
    if not parts.scheme:
        return LocalSource(Path(uri), folder)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise _unreachable(f"{uri}: it is on another machine; mount it here")
        return LocalSource(Path(unquote(parts.path)), folder)
    if parts.scheme not in remote.EXTRAS:
        known = ", ".join(sorted(remote.EXTRAS))
        raise _unreachable(f"{shown(uri)}: this agent reads paths, file, {known}")
    options = sources.options_of(uri)
    if parts.scheme in WEB:
        return _web(uri, folder, dict(options))
    defaults = _S3 if parts.scheme == "s3" else {}
    made = remote.filesystem(parts.scheme, {**defaults, **options})
    return ObjectSource(made, uri, folder)


_S3: Final = {
    "config_kwargs": {
        "connect_timeout": remote.CONNECT_SECONDS,
        "read_timeout": remote.READ_SECONDS,
        "retries": {"max_attempts": 3},
    }
}


def _web(uri: str, folder: bool, options: dict[str, Any]) -> WebSource:
    """Redirects are followed by aiohttp, and only to where the web is spoken."""
    try:
        aiohttp = import_module("aiohttp")
    except ImportError as missing:
        raise remote.missing_extra("http") from missing
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=remote.CONNECT_SECONDS, sock_read=remote.READ_SECONDS
    )
    client = {"timeout": timeout, "auto_decompress": False}
    client |= options.pop("client_kwargs", {})
    made = remote.filesystem(
        "http", {"client_kwargs": client, "simple_links": False, **options}
    )
    return WebSource(made, uri, folder, options.get("headers", {}))


def _unreachable(detail: str) -> Unapplied:
    return Unapplied(Fault.ARTIFACT_UNREACHABLE, detail)
