"""How does a program speak with Rollbook from within an event loop?

This is the code; `client.py` is its blocking side.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rollbook.client import bodies
from rollbook.client.async_bundle import AsyncBundle
from rollbook.client.async_calendar import AsyncCalendar
from rollbook.client.async_fleet import AsyncAgent
from rollbook.client.async_model import AsyncModel
from rollbook.client.async_policy import AsyncPolicy
from rollbook.client.async_promotion import AsyncPromotion
from rollbook.client.async_transport import AsyncTransport
from rollbook.client.async_version import AsyncVersion, Expected
from rollbook.client.errors import Conflict, NotFound
from rollbook.client.exchange import TIMEOUT_SECONDS, Fed, Json
from rollbook.client.fleet import AgentRecord, DriftRecord
from rollbook.client.governing import Card, PolicyRecord, ReviewRecord, WaiverRecord
from rollbook.client.models import FeedEvent, LaneRecord, VersionRecord
from rollbook.client.moments import Moment, moment
from rollbook.client.resources import (
    event_data,
    model_path,
    recorded_as,
    version_question,
)
from rollbook.client.settings import Wanted, find_server
from rollbook.reference import (
    ModelReference,
    parse_model,
    parse_promotion,
    parse_version,
)
from rollbook.subjects import model_name


class AsyncClient:
    """Rollbook for programs with an event loop; finds its server as the CLI does."""

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
        wanted = Wanted(url, token_file, data, token)
        server = find_server(wanted, os.environ)
        self._transport = AsyncTransport(
            server.url, token=server.token, timeout=timeout
        )

    def __repr__(self) -> str:
        """Write where it asks; never with which token."""
        return f"{type(self).__name__}({self.url!r})"

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.aclose()

    @property
    def url(self) -> str:
        """Return where the server is."""
        return self._transport.url

    async def aclose(self) -> None:
        """Close the connections; the next question opens them again."""
        await self._transport.aclose()

    def model(self, name: str) -> AsyncModel:
        """Name a model; asks nothing yet."""
        return AsyncModel(self._transport, parse_model(name))

    def promotion(self, reference: str) -> AsyncPromotion:
        """Name a promotion, as in `fraud:14`; asks nothing yet."""
        return AsyncPromotion(self._transport, parse_promotion(reference))

    async def version(
        self, reference: str, *, as_of: Moment | None = None
    ) -> AsyncVersion:
        """Read the version of a reference: `fraud@7`, `fraud#production~1`."""
        named = parse_version(reference)
        path, asked = version_question(named)
        answer = await self._transport.get(path, **asked, as_of=moment(as_of))
        record = VersionRecord.model_validate(answer["data"])
        return AsyncVersion(self._transport, named.model, record)

    async def status(
        self, model: str | None = None, *, as_of: Moment | None = None
    ) -> list[LaneRecord]:
        """Read what runs where and what waits, in all lanes or those of a model."""
        found = await self._transport.get_all(
            "/v1/lanes", model=model, as_of=moment(as_of)
        )
        return [LaneRecord.model_validate(row) for row in found]

    def agent(self, name: str) -> AsyncAgent:
        """Name an agent; asks nothing yet."""
        return AsyncAgent(self._transport, name)

    async def agents(
        self,
        *,
        stage: str | None = None,
        state: str | None = None,
        as_of: Moment | None = None,
    ) -> list[AgentRecord]:
        """Read which agents there are, where each speaks, and whether it answers."""
        found = await self._transport.get_all(
            "/v1/agents", stage=stage, state=state, as_of=moment(as_of)
        )
        return [AgentRecord.model_validate(row) for row in found]

    async def drifts(
        self,
        model: str | None = None,
        *,
        open_only: bool = True,
        as_of: Moment | None = None,
    ) -> list[DriftRecord]:
        """Read what runs without being desired, the latest first."""
        found = await self._transport.get_all(
            "/v1/drifts",
            model=model,
            open="true" if open_only else None,
            as_of=moment(as_of),
        )
        return [DriftRecord.model_validate(row) for row in found]

    def policy(self, name: str) -> AsyncPolicy:
        """Name the rules under a name; asks nothing yet."""
        return AsyncPolicy(self._transport, name)

    async def policies(self, *, as_of: Moment | None = None) -> list[PolicyRecord]:
        """Read which rules hold, and which are proposed."""
        answer = await self._transport.get("/v1/policies", as_of=moment(as_of))
        return [PolicyRecord.model_validate(row) for row in answer["data"]]

    async def propose_policy(
        self,
        document: Mapping[str, Any],
        reason: str,
        *,
        trial: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> str:
        """Want rules, a policy file as an object; returns the digest to agree to.

        InvalidRequest is raised where they cannot hold, with every fault. `trial` is
        what they would have said of the past.
        """
        body = {"document": dict(document), "reason": reason, "trial": trial}
        answer = await self._transport.post(
            "/v1/policies", bodies.without_none(body), key=key
        )
        return str(event_data(answer, "policy.proposed")["digest"])

    def calendar(self) -> AsyncCalendar:
        """Name the times when nothing may change; asks nothing yet."""
        return AsyncCalendar(self._transport)

    def bundle(self, number: int) -> AsyncBundle:
        """Name a bundle; asks nothing yet."""
        return AsyncBundle(self._transport, number)

    async def request_bundle(
        self,
        versions: Iterable[str],
        stage: str,
        reason: str,
        *,
        expect: Mapping[str, Expected] | None = None,
        key: str | None = None,
    ) -> AsyncBundle:
        """Ask for several versions in one stage: all lanes change, or none.

        `expect` says by model which version runs there now, None for nothing.
        """
        seen = expect or {}
        found = [await self.version(each) for each in versions]
        members = [
            {
                "model": each.model,
                "version": each.number,
                "expected_incumbent": seen.get(each.model, "any"),
            }
            for each in found
        ]
        body = {"stage": stage, "members": members, "reason": reason}
        answer = await self._transport.post("/v1/bundles", body, key=key)
        number = int(event_data(answer, "bundle.requested")["bundle"])
        return AsyncBundle(self._transport, number)

    async def inbox(self) -> list[Card]:
        """Read what waits for the caller: votes, waivers, reviews, policies."""
        answer = await self._transport.get("/v1/inbox")
        return [Card.model_validate({**row, "row": row}) for row in answer["data"]]

    async def waivers(
        self, model: str | None = None, *, as_of: Moment | None = None
    ) -> list[WaiverRecord]:
        """Read what was ever waived, the latest first."""
        answer = await self._transport.get(
            "/v1/waivers", model=model, as_of=moment(as_of)
        )
        return [WaiverRecord.model_validate(row) for row in answer["data"]]

    async def reviews(
        self,
        model: str | None = None,
        *,
        overdue: bool = False,
        as_of: Moment | None = None,
    ) -> list[ReviewRecord]:
        """Read the looks at waivers that are owed; overdue ones on top."""
        answer = await self._transport.get(
            "/v1/reviews",
            model=model,
            open="true",
            overdue="true" if overdue else None,
            as_of=moment(as_of),
        )
        return [ReviewRecord.model_validate(row) for row in answer["data"]]

    async def link(
        self, principals: Iterable[str], reason: str, *, key: str | None = None
    ) -> None:
        """Say that accounts are one person's, who then counts once."""
        body = {"principals": list(principals), "reason": reason}
        await self._transport.post("/v1/access/links", body, key=key)

    async def register(
        self,
        model: str,
        *,
        path: str | Path | None = None,
        digest: str | None = None,
        size: int | None = None,
        uri: str | None = None,
        media_type: str | None = None,
        metrics: Mapping[str, float] | None = None,
        parameters: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        datasets: Iterable[str] = (),
        repository: str | None = None,
        commit: str | None = None,
        run: str | None = None,
        parents: Iterable[str] = (),
        base: str | None = None,
        framework: str | None = None,
        label: str | None = None,
        description: str | None = None,
        key: str | None = None,
    ) -> AsyncVersion:
        """Give bytes a version number; makes the model where it is new.

        The bytes are those at `path`, or have `digest`, `size` and `uri`. `datasets`
        are `name@digest` or `name=path`, `parents` are `model@number`. The same `key`
        again is the same registration, however often it is sent.
        """
        reference = parse_model(model)
        body = {
            "artifact": await asyncio.to_thread(
                bodies.artifact,
                path=path, digest=digest, size=size, uri=uri, media_type=media_type,
            ),
            "lineage": await asyncio.to_thread(
                bodies.lineage,
                run=run, repository=repository, commit=commit,
                datasets=datasets, parents=parents, base=base,
            ),
            "metrics": bodies.numbers(metrics),
            "parameters": dict(parameters or {}),
            "tags": dict(tags or {}),
            "framework": framework,
            "label": label,
            "description": description,
        }  # fmt: skip
        answer = await self._register(reference, bodies.without_none(body), key)
        return AsyncVersion(self._transport, reference, _registered(reference, answer))

    async def follow(
        self,
        *,
        model: str | None = None,
        types: Iterable[str] | None = None,
        since: int | None = None,
    ) -> AsyncGenerator[FeedEvent, None]:
        """Follow the ledger, each event once, also over a restart of the server.

        `types` are globs as in `promotion.*`. Begins after the sequence `since`, at
        what happens from now on where it is None.
        """
        globs = None if types is None else tuple(types)
        if since is None:
            head = await self._transport.get("/v1/events", limit=1)
            since = int(head["seq"])
        only = globs[0] if globs and len(globs) == 1 else None
        feed = self._transport.follow(since=since, model=model, type=only)
        async with aclosing(feed):
            async for fed in feed:
                name = recorded_as(fed.type)
                if globs is None or any(fnmatchcase(name, glob) for glob in globs):
                    yield _event(fed, name)

    async def _register(
        self, model: ModelReference, body: dict[str, Any], key: str | None
    ) -> Json:
        key = key or str(uuid.uuid4())
        path = f"{model_path(model)}/versions"
        try:
            return await self._transport.post(path, body, key=key)
        except NotFound as error:
            if error.reason != "unknown_model":
                raise
        with suppress(Conflict):  # somebody else was faster: then it is there
            made = {"model": str(model)}
            await self._transport.post("/v1/models", made, key=f"{key}/model")
        return await self._transport.post(path, body, key=key)


def _registered(model: ModelReference, answer: Json) -> VersionRecord:
    """Read the version from what was recorded: no view needs to have seen it yet."""
    event = next(
        each
        for each in answer["events"]
        if recorded_as(each["type"]) == "version.registered"
    )
    data = event["data"]
    told = {**data, **data["artifact"], "model": str(model)}
    return VersionRecord.model_validate({**told, "registered_at": event["time"]})


def _event(fed: Fed, name: str) -> FeedEvent:
    return FeedEvent(
        sequence=fed.sequence,
        type=name,
        model=model_name(fed.event["subject"]),
        actor=fed.event["authid"],
        at=fed.event["time"],
        data=fed.event.get("data") or {},
        cloudevent=fed.event,
    )
