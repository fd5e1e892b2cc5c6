"""How are questions and commands carried to a server from within an event loop?

The asynchronous twin of `transport.py`: the same retries, the same command ids. A
cancelled call ends at once; a command that was cancelled may be sent again by its id.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import httpx2

from rollbook.client.exchange import (
    BYE,
    FEED,
    FEED_RETRIES,
    REHEARSED,
    RETRIES,
    SILENCE_SECONDS,
    TIMEOUT_SECONDS,
    Fed,
    Json,
    Outcome,
    Params,
    document_of,
    fed_by,
    given,
    is_passing,
    problem,
    settled,
    unreachable,
    wait_seconds,
    written,
)

Place = tuple[int, asyncio.AbstractEventLoop]


class AsyncTransport:
    """A way to one server; reads what it wrote itself (`seen`)."""

    def __init__(
        self, url: str, *, token: str | None = None, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        """Take the server's origin and a token; both stay together for good."""
        self.url = url.rstrip("/")
        self.seen = 0
        """The highest ledger sequence an answer named; reads wait for it."""
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout
        self._http: dict[Place, httpx2.AsyncClient] = {}

    async def aclose(self) -> None:
        """Close the connections of this loop."""
        http = self._http.pop(_here(), None)
        if http is not None:
            await http.aclose()

    async def get(self, path: str, **params: Any) -> Json:
        """Read one resource; parameters that are None are left out."""
        asked = given({"min_seq": self.seen or None, **params})
        return document_of(await self._ask("GET", path, params=asked))

    async def get_all(self, path: str, **params: Any) -> list[Any]:
        """Read every page of a list."""
        found: list[Any] = []
        after: str | None = None
        while True:
            page = await self.get(path, after=after, **params)
            found += page["data"]
            after = page.get("next")
            if after is None:
                return found

    async def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        key: str | None = None,
        dry_run: bool = False,
    ) -> Json:
        """Record something; `key` is the command id, made here where it is None.

        A dry run is decided and answered in the same way, and nothing is recorded.
        """
        params = REHEARSED if dry_run else None
        answer = document_of(
            await self._ask("POST", path, params=params, **written(body, key))
        )
        if not dry_run:
            self.saw(int(answer.get("seq") or 0))
        return answer

    def saw(self, sequence: int) -> None:
        """Keep how far an answer went, so that the next one goes as far."""
        self.seen = max(self.seen, sequence)

    async def follow(
        self, *, since: int = 0, **filters: Any
    ) -> AsyncGenerator[Fed, None]:
        """Read the feed for ever, from the event after `since`; each event once."""
        position, failures = since, 0
        while True:
            try:
                async with aclosing(self._feed(position, filters)) as feed:
                    async for fed in feed:
                        position, failures = fed.sequence, 0
                        yield fed
            except httpx2.TransportError as error:
                failures += 1
                if failures > FEED_RETRIES:
                    raise unreachable(self.url, error) from error
            await asyncio.sleep(wait_seconds(failures))

    async def _feed(self, position: int, filters: Params) -> AsyncGenerator[Fed, None]:
        async with self._connected().sse(
            FEED,
            params=given(filters),
            headers={"Last-Event-ID": str(position)},
            timeout=httpx2.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS),
        ) as source:
            if source.response.status_code != httpx2.codes.OK:
                await source.response.aread()
                raise problem(source.response)
            async for told in source:
                if told.event == BYE:
                    return
                yield fed_by(told)

    async def _ask(self, method: str, path: str, **parts: Any) -> httpx2.Response:
        http = self._connected()
        request = http.build_request(method, path, **parts)
        for attempt in range(RETRIES):
            outcome = await _tried(http, request)
            if not is_passing(outcome):
                return settled(outcome, request, self.url)
            await asyncio.sleep(wait_seconds(attempt, outcome))
        return settled(await _tried(http, request), request, self.url)

    def _connected(self) -> httpx2.AsyncClient:
        """Return the connections of this process and loop: others cannot use them.

        Those of the process before a fork are kept, for closing them here would
        speak on its sockets.
        """
        here = _here()
        if here not in self._http:
            self._http[here] = httpx2.AsyncClient(
                base_url=self.url,
                headers=self._headers,
                timeout=self._timeout,
                follow_redirects=False,  # a token goes to the origin it was given for
            )
        return self._http[here]


def _here() -> Place:
    return os.getpid(), asyncio.get_running_loop()


async def _tried(http: httpx2.AsyncClient, request: httpx2.Request) -> Outcome:
    try:
        return await http.send(request)
    except httpx2.TransportError as error:
        return error
