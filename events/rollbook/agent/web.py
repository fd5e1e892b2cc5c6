"""How does an agent ask a web server, and which ones may it ask?

A name is looked up once: the addresses are checked, and only they are connected to.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from rollbook.agent.driver import Fault, Unapplied

if TYPE_CHECKING:
    from httpx2 import AsyncClient

MOST_BYTES: Final = 64 * 1024
_NAT64: Final = IPv6Network("64:ff9b::/96")
_PORTS: Final = {"http": 80, "https": 443}
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Asking:
    """One request."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    ca_file: Path | None = None
    """Who vouches for the server; None: whom the machine trusts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; redirects are answers, too."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        """Tell whether the server did what it was asked."""
        return 200 <= self.status < 300


async def ask(asking: Asking, *, seconds: float, allow_private: bool) -> Answer:
    """Ask once, and wait at most so long for the whole answer.

    Raises Unapplied when nobody answers, or where this agent may not ask.
    """
    host = urlsplit(asking.url).netloc.rpartition("@")[2]
    try:
        async with asyncio.timeout(seconds):
            addresses = await _addresses(asking.url)
            if not allow_private:
                _refuse_private(host, addresses)
            return await _ask_one_of(addresses, asking)
    except TimeoutError as error:
        raise _silent(f"{host} did not answer within {seconds:g} s") from error


async def _addresses(url: str) -> list[Address]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise _silent(f"{host}: {error}") from error
    return list(dict.fromkeys(ip_address(each[4][0]) for each in found))


def _refuse_private(host: str, addresses: list[Address]) -> None:
    for address in addresses:
        if not is_public(address):
            raise Unapplied(
                Fault.DRIVER_ERROR,
                f"{host} is {address}, which is no public address: "
                "set allow_private = true if it is yours",
            )


def is_public(address: Address) -> bool:
    """Tell whether an address is somebody's on the Internet, however it is written."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


async def _ask_one_of(addresses: list[Address], asking: Asking) -> Answer:
    """Connect to the first that lets us; what was sent once is not sent again."""
    httpx2 = import_module("httpx2")
    client: AsyncClient
    # No proxy of the environment: it would connect to whatever it likes.
    async with httpx2.AsyncClient(
        trust_env=False, verify=_trusted(asking), timeout=None
    ) as client:
        reason = ""
        for address in addresses:
            try:
                return await _exchange(client, address, asking)
            except httpx2.ConnectError as error:
                reason = str(error)
            except httpx2.HTTPError as error:
                reason = str(error)
                break
    host = urlsplit(asking.url).netloc.rpartition("@")[2]
    raise _silent(f"{host}: {reason or 'the connection broke'}")


def _trusted(asking: Asking) -> ssl.SSLContext | bool:
    if asking.ca_file is not None:
        return ssl.create_default_context(cafile=str(asking.ca_file))
    return urlsplit(asking.url).scheme == "https"


async def _exchange(client: "AsyncClient", address: Address, asking: Asking) -> Answer:
    parts = urlsplit(asking.url)
    httpx2 = import_module("httpx2")
    async with client.stream(
        asking.method,
        httpx2.URL(asking.url).copy_with(host=str(address)),
        headers={
            **asking.headers,
            "Host": parts.netloc.rpartition("@")[2],
            "Accept-Encoding": "identity",
        },
        content=asking.body,
        extensions={"sni_hostname": parts.hostname},
    ) as response:
        body = b""
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > MOST_BYTES:
                raise Unapplied(
                    Fault.DRIVER_ERROR, f"{parts.hostname} answers over 64 KiB"
                )
        return Answer(response.status_code, response.headers, body)


def _silent(detail: str) -> Unapplied:
    return Unapplied(Fault.DRIVER_ERROR, detail, is_passing=True)
