"""What does MLflow's model registry answer over its REST API?

No MLflow is imported: its client wants half of a data scientist's laptop.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx2

from rollbook.agent.driver import Fault, Unapplied

_API: Final = "/api/2.0/mlflow/"
_PAGE: Final = 1000
_UNKNOWN: Final = "RESOURCE_DOES_NOT_EXIST"
_REFUSED: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Access:
    """Where the registry is, and who asks."""

    url: str
    token: str | None
    """A bearer token, or the password of `username`."""
    username: str | None
    timeout_seconds: float


def read_token(file: Path | None, given: str | None) -> str | None:
    """Read the token anew, since it may be rotated; Unapplied where nobody can."""
    if file is None:
        return given
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Unapplied(
            Fault.PERMISSION_DENIED, f"the token cannot be read: {error}"
        ) from error


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version as MLflow counts it."""

    number: str
    source: str
    tags: Mapping[str, str]


class Registry:
    """One conversation with a registry; each call raises Unapplied where it fails."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        """Take an open client."""
        self._client = client

    async def aliased(self, model: str, alias: str) -> str | None:
        """Return the number an alias names; None: no model, or no such alias.

        The alias's own address answers a missing one like a misspelt one.
        """
        found = await self._ask("GET", "registered-models/get", {"name": model})
        aliases = (found or {}).get("registered_model", {}).get("aliases", [])
        numbers = {each["alias"]: str(each["version"]) for each in aliases}
        return numbers.get(alias)

    async def version(self, model: str, number: str) -> ModelVersion | None:
        """Return one version; None: there is none."""
        found = await self._ask(
            "GET", "model-versions/get", {"name": model, "version": number}
        )
        return _version(found["model_version"]) if found else None

    async def search(self, model: str, key: str, value: str) -> list[ModelVersion]:
        """List the versions whose attribute or tag has a value, the newest first."""
        found: list[ModelVersion] = []
        page = ""
        while True:
            asked = {
                "filter": f"name = {_quoted(model)} and {key} = {_quoted(value)}",
                "max_results": str(_PAGE),
                "page_token": page,
            }
            answer = await self._ask("GET", "model-versions/search", asked) or {}
            found += map(_version, answer.get("model_versions", []))
            page = answer.get("next_page_token", "")
            if not page:
                return sorted(found, key=lambda each: int(each.number), reverse=True)

    async def tag(self, model: str, number: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        asked = {"name": model, "version": number, "key": key, "value": value}
        await self._ask("POST", "model-versions/set-tag", asked)

    async def point(self, model: str, alias: str, number: str) -> None:
        """Let an alias name a version."""
        asked = {"name": model, "alias": alias, "version": number}
        await self._ask("POST", "registered-models/alias", asked)

    async def unpoint(self, model: str, alias: str) -> None:
        """Take an alias away, if it is there."""
        asked = {"name": model, "alias": alias}
        await self._ask("DELETE", "registered-models/alias", asked)

    async def _ask(
        self, method: str, path: str, asked: Mapping[str, str]
    ) -> dict[str, Any] | None:
        """Return the answer; None: what was asked about does not exist."""
        sent: dict[str, Any] = {"params": asked} if method == "GET" else {"json": asked}
        try:
            response = await self._client.request(method, _API + path, **sent)
        except httpx2.TimeoutException as error:
            raise Unapplied(
                Fault.DRIVER_TIMEOUT,
                f"MLflow gave no answer to {method} {path} in time",
                is_passing=True,
            ) from error
        except httpx2.HTTPError as error:
            raise Unapplied(
                Fault.DRIVER_ERROR, f"MLflow is away: {error}", is_passing=True
            ) from error
        return _read(response, f"{method} {path}")


@asynccontextmanager
async def connected(access: Access) -> AsyncIterator[Registry]:
    """Open a client for one conversation, and close it."""
    headers, auth = {}, None
    if access.username is not None:
        auth = httpx2.BasicAuth(access.username, access.token or "")
    elif access.token:
        headers["Authorization"] = f"Bearer {access.token}"
    async with httpx2.AsyncClient(
        base_url=access.url,
        headers=headers,
        auth=auth,
        timeout=access.timeout_seconds,
    ) as client:
        yield Registry(client)


def _read(response: httpx2.Response, asked: str) -> dict[str, Any] | None:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if response.is_success and isinstance(answer, dict):
        return answer
    known = answer if isinstance(answer, dict) else {}
    if known.get("error_code") == _UNKNOWN and asked.startswith("GET"):
        return None
    said = known.get("message") or response.reason_phrase
    if response.is_success or response.is_redirect:
        said = "an answer that is not MLflow's; look at tracking_uri"
    is_refused = response.status_code in _REFUSED
    raise Unapplied(
        Fault.PERMISSION_DENIED if is_refused else Fault.DRIVER_ERROR,
        f"MLflow answers {response.status_code} to {asked}: {said}",
        is_passing=response.is_server_error,
    )


def _version(answer: Mapping[str, Any]) -> ModelVersion:
    return ModelVersion(
        number=str(answer["version"]),
        source=answer.get("source", ""),
        tags={each["key"]: each["value"] for each in answer.get("tags", [])},
    )


def _quoted(value: str) -> str:
    """Spell a value in a filter, which knows no escapes."""
    for quote in ("'", '"'):
        if quote not in value:
            return f"{quote}{value}{quote}"
    raise Unapplied(Fault.UNSUPPORTED, f"MLflow cannot search for {value}")
