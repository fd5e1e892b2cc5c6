"""What does a metrics server say, in Prometheus's API, and what if it says nothing?"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

TIMEOUT_SECONDS: Final = 10.0
AT_ONCE: Final = 8
# More than one is no answer; a server that knows the limit sends no thousands.
MOST_SERIES: Final = "2"


@dataclass(frozen=True, slots=True)
class Nothing:
    """No number came."""

    why: str


class Prometheus:
    """Asks one server instant queries; everything but one finite number is nothing."""

    def __init__(
        self, client: httpx2.AsyncClient, url: str, *, token_file: Path | None = None
    ) -> None:
        """Take the connection, the server's address, and where its token lies."""
        self._client, self._token_file = client, token_file
        self._address = f"{url.rstrip('/')}/api/v1/query"
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def value(self, query: str) -> float | Nothing:
        """Ask one query; the answer is one sample, or why there is none."""
        try:
            async with self._turns, asyncio.timeout(TIMEOUT_SECONDS):
                answer = await self._client.post(
                    self._address,
                    data={"query": query, "limit": MOST_SERIES},
                    headers=await asyncio.to_thread(self._headers),
                )
        except (httpx2.HTTPError, OSError, ValueError) as error:
            return Nothing(f"no answer ({error!r})")
        if not answer.is_success:
            return Nothing(f"HTTP {answer.status_code}: {answer.text[:200]}")
        try:
            return _number(answer.json())
        except (ValueError, KeyError, TypeError, IndexError):
            return Nothing("the answer is not in the format of Prometheus's API")

    def _headers(self) -> dict[str, str]:
        """Read the token anew each time: such files are renewed."""
        if self._token_file is None:
            return {}
        return {"Authorization": f"Bearer {self._token_file.read_text().strip()}"}


@asynccontextmanager
async def prometheus(
    url: str, *, token_file: Path | None = None
) -> AsyncIterator[Prometheus]:
    """Open connections to a server as they are needed; it need not be there yet."""
    async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        yield Prometheus(client, url, token_file=token_file)


def _number(answer: Any) -> float | Nothing:
    if answer["status"] != "success":
        return Nothing(f"{answer.get('errorType')}: {answer.get('error')}")
    data = answer["data"]
    match data["resultType"], data["result"]:
        case "scalar", [_, written]:
            return _finite(written)
        case "vector", [{"value": [_, written]}]:
            return _finite(written)
        case "vector", []:
            return Nothing("no series")
        case "vector", _:
            return Nothing("several series: aggregate them, as by `sum(…)`")
        case kind, _:
            return Nothing(f"a {kind}: ask for one number")


def _finite(written: str) -> float | Nothing:
    value = float(written)
    return value if math.isfinite(value) else Nothing(f"the value is {written}")
