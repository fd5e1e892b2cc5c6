"""The client: talks to a server over HTTP; installs no database and no web server."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rollbook.client import errors
    from rollbook.client.async_client import AsyncClient
    from rollbook.client.client import Client

__all__ = ["AsyncClient", "Client", "errors"]

# Loaded when they are asked for: the command line needs neither, nor pydantic.
_HOMES: Final = {"AsyncClient": "async_client", "Client": "client"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
