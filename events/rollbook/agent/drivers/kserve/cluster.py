"""How are InferenceServices read and written over the Kubernetes API?"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx2
from lightkube import ApiError, AsyncClient
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.types import PatchType
from yaml import YAMLError

from rollbook.agent.driver import Fault, Unapplied
from rollbook.agent.drivers.kserve.service import Service
from rollbook.errors import Misconfigured

_MANAGER: Final = "rollbook"
_REFUSED: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_BUSY: Final = HTTPStatus.TOO_MANY_REQUESTS
# What lightkube lets through of a file that is no kubeconfig.
_UNREADABLE: Final = (
    *(ConfigError, OSError, YAMLError),
    *(ValueError, LookupError, TypeError, AttributeError),
)
_InferenceService: Final = create_namespaced_resource(
    "serving.kserve.io", "v1beta1", "InferenceService", "inferenceservices"
)


def read_config(kubeconfig: Path | None, context: str | None) -> SingleConfig:
    """Read where the cluster is and who asks; Misconfigured says what is wrong.

    Without a file: the pod's own account, or else what `kubectl` would take.
    """
    setting = f"driver.kubeconfig {kubeconfig or ''}".strip()
    try:
        found = (
            KubeConfig.from_file(kubeconfig) if kubeconfig else KubeConfig.from_env()
        )
        config = found.get(context)
    except _UNREADABLE as error:
        raise Misconfigured(setting, f"it names no cluster: {error}") from error
    if config is None or config.user is None:
        raise Misconfigured(setting, "its context has to name a user")
    return config


class Conflict(Exception):
    """Somebody else wrote in between: read again and choose again."""


class Cluster:
    """One conversation with the API; each call raises Unapplied where it fails."""

    def __init__(self, client: AsyncClient, namespace: str) -> None:
        """Take an open client."""
        self._client, self._namespace = client, namespace

    async def read(self, name: str) -> Service | None:
        """Read a service; None: there is none."""
        try:
            with_name = {"name": name, "namespace": self._namespace}
            found = await self._client.get(_InferenceService, **with_name)
        except httpx2.HTTPError as error:
            if _status(error) == HTTPStatus.NOT_FOUND:
                return None
            raise _unapplied(error, f"reading {name}") from error
        return Service.read(found)

    async def create(self, name: str, body: Mapping[str, Any]) -> None:
        """Make a service, after the API has tried it; Conflict: there is one."""
        notes = _without_nulls(body["metadata"])
        made = _InferenceService(
            metadata=ObjectMeta(name=name, namespace=self._namespace, **notes),
            spec=_without_nulls(body["spec"]),
        )
        for is_dry in (True, False):
            try:
                await self._client.create(made, dry_run=is_dry)
            except httpx2.HTTPError as error:
                raise _why_not(error, f"making {name}") from error

    async def patch(self, name: str, body: Mapping[str, Any], seen: Service) -> None:
        """Change a service, after the API has tried it; Conflict: it has changed."""
        for is_dry in (True, False):
            try:
                await self._client.patch(
                    _InferenceService,
                    name,
                    _at(body, seen.resource_version),
                    namespace=self._namespace,
                    patch_type=PatchType.MERGE,
                    dry_run=is_dry,
                )
            except httpx2.HTTPError as error:
                raise _why_not(error, f"changing {name}") from error

    async def delete(self, name: str) -> None:
        """Ask for a service to go, if it is there."""
        try:
            await self._client.delete(
                _InferenceService, name, namespace=self._namespace
            )
        except httpx2.HTTPError as error:
            if _status(error) != HTTPStatus.NOT_FOUND:
                raise _unapplied(error, f"deleting {name}") from error


@asynccontextmanager
async def connected(
    config: SingleConfig, namespace: str, timeout_seconds: float
) -> AsyncIterator[Cluster]:
    """Open a client for one conversation, and close it."""
    async with AsyncClient(
        config=config,
        timeout=httpx2.Timeout(timeout_seconds),
        field_manager=_MANAGER,
    ) as client:
        yield Cluster(client, namespace)


def _at(body: Mapping[str, Any], resource_version: str) -> dict[str, Any]:
    metadata = {**body["metadata"], "resourceVersion": resource_version}
    return {**body, "metadata": metadata}


def _without_nulls(body: Mapping[str, Any]) -> dict[str, Any]:
    """Spell a patch as a new object: null takes away, and there is nothing yet."""
    return {
        key: _without_nulls(value) if isinstance(value, Mapping) else value
        for key, value in body.items()
        if value is not None
    }


def _status(error: httpx2.HTTPError) -> int | None:
    if isinstance(error, httpx2.HTTPStatusError):
        return error.response.status_code
    return None


def _why_not(error: httpx2.HTTPError, doing: str) -> Exception:
    """Tell a lost race from a refusal."""
    is_gone = isinstance(error, ApiError) and _names_a_service(error)
    if _status(error) == HTTPStatus.CONFLICT or is_gone:
        return Conflict()
    return _unapplied(error, doing)


def _names_a_service(error: ApiError) -> bool:
    """Tell a service that is gone from a namespace or a resource that never was."""
    is_unknown = _status(error) == HTTPStatus.NOT_FOUND
    details = error.status.details
    return is_unknown and details is not None and details.kind == "inferenceservices"


def _unapplied(error: httpx2.HTTPError, doing: str) -> Unapplied:
    status = _status(error)
    said = f"{doing}: {str(error) or type(error).__name__}"
    if isinstance(error, httpx2.TimeoutException):
        return Unapplied(Fault.DRIVER_TIMEOUT, f"{doing}: no answer", is_passing=True)
    if status is None or status == _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unapplied(Fault.DRIVER_ERROR, said, is_passing=True)
    if "admission webhook" in said:
        return Unapplied(Fault.DRIVER_ERROR, said)
    if "exceeded quota" in said:
        return Unapplied(Fault.NO_CAPACITY, said)
    return Unapplied(
        Fault.PERMISSION_DENIED if status in _REFUSED else Fault.DRIVER_ERROR, said
    )
