"""How does a program without an event loop speak with Rollbook?

A facade: each method blocks while the one of the same name and signature runs in a
background loop. What it does is written in the `async_*.py` beside it.
"""

from collections.abc import (
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
)
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from rollbook.client.async_client import AsyncClient
from rollbook.client.async_model import AsyncLane, AsyncModel
from rollbook.client.async_promotion import AsyncPromotion
from rollbook.client.async_version import AsyncVersion
from rollbook.client.background import BackgroundLoop
from rollbook.client.exchange import TIMEOUT_SECONDS
from rollbook.client.models import FeedEvent, VersionRecord

A = TypeVar("A")
B = TypeVar("B")
P = ParamSpec("P")
T = TypeVar("T")


class Blocking(Generic[A]):
    """The blocking side of something that runs in a background loop."""

    def __init__(self, loop: BackgroundLoop, inner: A) -> None:
        """Take what runs, and where."""
        self._loop, self._inner = loop, inner

    def __repr__(self) -> str:
        """Write it as what it stands for."""
        return repr(self._inner)

    def __str__(self) -> str:
        """Write it as what it stands for."""
        return str(self._inner)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for work in the background loop."""
        return self._loop.run(work)

    def show(self, kind: Callable[[BackgroundLoop, B], T], inner: B) -> T:
        """Give something that runs in the same loop its blocking side."""
        return kind(self._loop, inner)


def blocking(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Blocking[A], P], T]:
    """Make a blocking method with the signature of an asynchronous one."""

    @wraps(method)
    def call(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(method(self._inner, *args, **kwargs))

    return call


def handing(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, B]],
    kind: Callable[[BackgroundLoop, B], T],
) -> Callable[Concatenate[Blocking[A], P], T]:
    """Make a blocking method whose answer has methods of its own."""

    @wraps(method)
    def call(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.show(kind, self.run(method(self._inner, *args, **kwargs)))

    return call


class Promotion(Blocking[AsyncPromotion]):
    """One attempt to change one lane, as `fraud:14`."""

    @property
    def model(self) -> str:
        """Return the model's name."""
        return self._inner.model

    @property
    def number(self) -> int:
        """Return its number among the model's promotions."""
        return self._inner.number

    status = blocking(AsyncPromotion.status)
    wait = blocking(AsyncPromotion.wait)
    approve = blocking(AsyncPromotion.approve)
    reject = blocking(AsyncPromotion.reject)
    withdraw = blocking(AsyncPromotion.withdraw)
    cancel = blocking(AsyncPromotion.cancel)
    abort = blocking(AsyncPromotion.abort)


class Version(Blocking[AsyncVersion]):
    """One version of a model; `record` holds what was known of it when it was read."""

    @property
    def model(self) -> str:
        """Return the model's name."""
        return self._inner.model

    @property
    def number(self) -> int:
        """Return its number; the server counts from 1."""
        return self._inner.number

    @property
    def digest(self) -> str:
        """Return the digest of its bytes."""
        return self._inner.digest

    @property
    def uri(self) -> str:
        """Return where its bytes lie."""
        return self._inner.uri

    @property
    def metrics(self) -> Mapping[str, float]:
        """Return the metrics it was registered with."""
        return self._inner.metrics

    @property
    def record(self) -> VersionRecord:
        """Return all that was known of it when it was read."""
        return self._inner.record

    evidence = blocking(AsyncVersion.evidence)
    list_evidence = blocking(AsyncVersion.list_evidence)
    promote = handing(AsyncVersion.promote, Promotion)


class Lane(Blocking[AsyncLane]):
    """One model in one stage, as `fraud#production`."""

    status = blocking(AsyncLane.status)
    history = blocking(AsyncLane.history)


def _versions(loop: BackgroundLoop, found: list[AsyncVersion]) -> list[Version]:
    return [Version(loop, each) for each in found]


class Model(Blocking[AsyncModel]):
    """One model by its name."""

    @property
    def name(self) -> str:
        """Return its name, with its team where it has one."""
        return self._inner.name

    def lane(self, stage: str) -> Lane:
        """Name one of its stages; asks nothing yet."""
        return self.show(Lane, self._inner.lane(stage))

    status = blocking(AsyncModel.status)
    version = handing(AsyncModel.version, Version)
    versions = handing(AsyncModel.versions, _versions)
    promotions = blocking(AsyncModel.promotions)
    aliases = blocking(AsyncModel.aliases)
    alias = blocking(AsyncModel.alias)


class Client(Blocking[AsyncClient]):
    """Rollbook for programs; finds its server as the command line does."""

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        token_file: Path | None = None,
        data: Path | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """Find the server by argument, environment, or the data of `rollbook up`."""
        inner = AsyncClient(
            url, token=token, token_file=token_file, data=data, timeout=timeout
        )
        super().__init__(BackgroundLoop(inner.aclose), inner)

    def __repr__(self) -> str:
        """Write where it asks; never with which token."""
        return f"{type(self).__name__}({self.url!r})"

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections and the thread."""
        self.close()

    @property
    def url(self) -> str:
        """Return where the server is."""
        return self._inner.url

    def close(self) -> None:
        """Close the connections and the thread."""
        self._loop.close()

    def model(self, name: str) -> Model:
        """Name a model; asks nothing yet."""
        return self.show(Model, self._inner.model(name))

    def promotion(self, reference: str) -> Promotion:
        """Name a promotion, as in `fraud:14`; asks nothing yet."""
        return self.show(Promotion, self._inner.promotion(reference))

    register = handing(AsyncClient.register, Version)
    version = handing(AsyncClient.version, Version)
    status = blocking(AsyncClient.status)

    def follow(
        self,
        *,
        model: str | None = None,
        types: Iterable[str] | None = None,
        since: int | None = None,
    ) -> Iterator[FeedEvent]:
        """Follow the ledger, each event once, also over a restart of the server.

        `types` are globs as in `promotion.*`. Begins after the sequence `since`, at
        what happens from now on where it is None.
        """
        feed = self._inner.follow(model=model, types=types, since=since)
        return self._loop.iterate(feed)
