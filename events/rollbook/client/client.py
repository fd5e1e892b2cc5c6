"""How does a program without an event loop speak with Rollbook?

A facade: each method blocks while the one of the same name and signature runs in a
background loop. What it does is written in the `async_*.py` beside it.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from rollbook.client.async_bundle import AsyncBundle
from rollbook.client.async_calendar import AsyncCalendar
from rollbook.client.async_client import AsyncClient
from rollbook.client.async_fleet import AsyncAgent
from rollbook.client.async_model import AsyncLane, AsyncModel
from rollbook.client.async_policy import AsyncPolicy
from rollbook.client.async_promotion import AsyncPromotion
from rollbook.client.async_version import AsyncVersion
from rollbook.client.background import BackgroundLoop
from rollbook.client.blocking import Blocking, blocking, handing
from rollbook.client.exchange import TIMEOUT_SECONDS
from rollbook.client.fleet import Progress
from rollbook.client.models import FeedEvent, VersionRecord


class Agent(Blocking[AsyncAgent]):
    """One agent by its name."""

    @property
    def name(self) -> str:
        """Return its name."""
        return self._inner.name

    status = blocking(AsyncAgent.status)
    drain = blocking(AsyncAgent.drain)
    undrain = blocking(AsyncAgent.undrain)
    revoke = blocking(AsyncAgent.revoke)


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
    why = blocking(AsyncPromotion.why)
    wait = blocking(AsyncPromotion.wait)
    approve = blocking(AsyncPromotion.approve)
    reject = blocking(AsyncPromotion.reject)
    request_changes = blocking(AsyncPromotion.request_changes)
    withdraw = blocking(AsyncPromotion.withdraw)
    cancel = blocking(AsyncPromotion.cancel)
    abort = blocking(AsyncPromotion.abort)
    pause = blocking(AsyncPromotion.pause)
    resume = blocking(AsyncPromotion.resume)
    record_analysis = blocking(AsyncPromotion.record_analysis)
    waive = blocking(AsyncPromotion.waive)
    confirm_waiver = blocking(AsyncPromotion.confirm_waiver)

    def watch(self) -> Iterator[Progress]:
        """Follow how far it is: now, and whenever that changes, up to its end.

        Raises nothing for what it comes to: the last state says that.
        """
        return self._loop.iterate(self._inner.watch())


def _promotions(loop: BackgroundLoop, found: list[AsyncPromotion]) -> list[Promotion]:
    return [Promotion(loop, each) for each in found]


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
    check = blocking(AsyncVersion.check)
    promote = handing(AsyncVersion.promote, Promotion)


class Lane(Blocking[AsyncLane]):
    """One model in one stage, as `fraud#production`."""

    status = blocking(AsyncLane.status)
    history = blocking(AsyncLane.history)
    targets = blocking(AsyncLane.targets)
    accept_drift = blocking(AsyncLane.accept_drift)
    roll_back = handing(AsyncLane.roll_back, Promotion)


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
    close_review = blocking(AsyncModel.close_review)


class Policy(Blocking[AsyncPolicy]):
    """The rules under one name; digests may be shortened to their beginning."""

    @property
    def name(self) -> str:
        """Return its name."""
        return self._inner.name

    status = blocking(AsyncPolicy.status)
    revision = blocking(AsyncPolicy.revision)
    endorse = blocking(AsyncPolicy.endorse)
    activate = blocking(AsyncPolicy.activate)
    retire = blocking(AsyncPolicy.retire)


class Calendar(Blocking[AsyncCalendar]):
    """The times when nothing may change, for which lanes."""

    freezes = blocking(AsyncCalendar.freezes)
    freeze = blocking(AsyncCalendar.freeze)
    stop_the_line = blocking(AsyncCalendar.stop_the_line)
    lift = blocking(AsyncCalendar.lift)


class Bundle(Blocking[AsyncBundle]):
    """Several promotions that change their lanes together, or not at all."""

    @property
    def number(self) -> int:
        """Return its number among all bundles."""
        return self._inner.number

    status = blocking(AsyncBundle.status)
    cancel = blocking(AsyncBundle.cancel)
    roll_back = handing(AsyncBundle.roll_back, _promotions)


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

    def agent(self, name: str) -> Agent:
        """Name an agent; asks nothing yet."""
        return self.show(Agent, self._inner.agent(name))

    def policy(self, name: str) -> Policy:
        """Name the rules under a name; asks nothing yet."""
        return self.show(Policy, self._inner.policy(name))

    def calendar(self) -> Calendar:
        """Name the times when nothing may change; asks nothing yet."""
        return self.show(Calendar, self._inner.calendar())

    def bundle(self, number: int) -> Bundle:
        """Name a bundle; asks nothing yet."""
        return self.show(Bundle, self._inner.bundle(number))

    register = handing(AsyncClient.register, Version)
    version = handing(AsyncClient.version, Version)
    status = blocking(AsyncClient.status)
    agents = blocking(AsyncClient.agents)
    drifts = blocking(AsyncClient.drifts)
    policies = blocking(AsyncClient.policies)
    propose_policy = blocking(AsyncClient.propose_policy)
    request_bundle = handing(AsyncClient.request_bundle, Bundle)
    inbox = blocking(AsyncClient.inbox)
    waivers = blocking(AsyncClient.waivers)
    reviews = blocking(AsyncClient.reviews)
    link = blocking(AsyncClient.link)

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
