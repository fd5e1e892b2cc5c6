"""How are questions and commands carried to a server over HTTP, as plain dicts?

All that the command line needs, so this file imports neither pydantic nor NATS.
Retries (connection errors, 429, 503) always carry the same command id, so that
nothing is recorded twice.
"""

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

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


class Transport:
    """A connection to one server; reads what it wrote itself (`seen`)."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
        connection: httpx2.BaseTransport | None = None,
    ) -> None:
        """Take the server's origin and a token; both stay together for good."""
        self.url = url.rstrip("/")
        self.seen = 0
        """The highest ledger sequence an answer named; reads wait for it."""
        self._retries = retries
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(
            base_url=self.url,
            headers=headers,
            timeout=timeout_seconds,
            follow_redirects=False,  # a token goes to the origin it was given for
            transport=connection,
        )

    def __enter__(self) -> Self:
        """Return the transport itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **params: Any) -> Json:
        """Read one resource; parameters that are None are left out."""
        return document_of(self._ask("GET", path, params=self._reading(params)))

    def get_bytes(self, path: str, *, accept: str, **params: Any) -> bytes:
        """Read one resource in another form, such as an event's stored bytes."""
        asked = self._reading(params)
        return self._ask("GET", path, params=asked, headers={"Accept": accept}).content

    def post(
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
            self._ask("POST", path, params=params, **written(body, key))
        )
        if not dry_run:
            self.seen = max(self.seen, int(answer.get("seq") or 0))
        return answer

    def follow(self, *, since: int = 0, **filters: Any) -> Iterator[Fed]:
        """Read the feed for ever, from the event after `since`; each event once."""
        position, failures = since, 0
        while True:
            try:
                for fed in self._feed(position, filters):
                    position, failures = fed.sequence, 0
                    yield fed
            except httpx2.TransportError as error:
                failures += 1
                if failures > FEED_RETRIES:
                    raise unreachable(self.url, error) from error
            time.sleep(wait_seconds(failures))

    def _feed(self, position: int, filters: Params) -> Iterator[Fed]:
        with self._http.sse(
            FEED,
            params=given(filters),
            headers={"Last-Event-ID": str(position)},
            timeout=httpx2.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS),
        ) as source:
            if source.response.status_code != httpx2.codes.OK:
                source.response.read()
                raise problem(source.response)
            for told in source:
                if told.event == BYE:
                    return
                yield fed_by(told)

    def _reading(self, params: Params) -> Json:
        return given({"min_seq": self.seen or None, **params})

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        request = self._http.build_request(
            method, path, params=params, content=content, headers=headers
        )
        for attempt in range(self._retries):
            outcome = self._try(request)
            if not is_passing(outcome):
                return settled(outcome, request, self.url)
            time.sleep(wait_seconds(attempt, outcome))
        return settled(self._try(request), request, self.url)

    def _try(self, request: httpx2.Request) -> Outcome:
        try:
            return self._http.send(request)
        except httpx2.TransportError as error:
            return error
