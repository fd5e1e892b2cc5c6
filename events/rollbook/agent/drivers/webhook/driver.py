"""How does a web server of somebody's own make a target serve what is wanted?

It gets one signed JSON object. 2xx means done; 202 means that it will say so where
its `Location` leads.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import ClassVar, Final
from urllib.parse import urlencode, urljoin, urlsplit

from rollbook.agent.artifacts.names import shown
from rollbook.agent.driver import (
    AgentContext,
    Fault,
    Health,
    Interrupted,
    Observed,
    Plan,
    Progress,
    Setup,
    Unapplied,
    driver,
    refuse_split,
)
from rollbook.agent.drivers._delegated import Artifacts, shares_of
from rollbook.agent.drivers._message import observed, order, written
from rollbook.agent.drivers.webhook.options import WebhookOptions
from rollbook.agent.drivers.webhook.signature import signed
from rollbook.agent.wanted import Wanted
from rollbook.agent.web import Answer, Asking, ask
from rollbook.commands.desired import Target

ACCEPTED: Final = 202
CANNOT_LOAD: Final = 422
FORBIDDEN: Final = frozenset({401, 403})
WORTH_ANOTHER_TRY: Final = frozenset({408, 425, 429})
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 30.0
LAST_WORDS: Final = 300


@driver
class WebhookDriver:
    """Tells a web server what to serve, and asks it what runs."""

    name: ClassVar[str] = "webhook"

    def __init__(self, setup: Setup) -> None:
        """Take the server's URLs and the secret that both know."""
        self._options = options = setup.read(WebhookOptions)
        self._secret = options.secret()
        self._artifacts = Artifacts(setup.root.absolute(), options)
        has_health = options.health_url is not None
        self.capabilities = options.capabilities(has_health=has_health)

    def plan(self, wanted: Wanted, observed: Observed) -> Plan:
        """Say what is fetched, and what the server will be told."""
        refuse_split(self, wanted)
        if observed.equals(wanted):
            return Plan(wanted, observed)
        post = f"POST {shown(str(self._options.url))} {shares_of(wanted)}"
        return Plan(wanted, observed, (*self._artifacts.lines(wanted), post))

    async def apply(
        self, plan: Plan, context: AgentContext
    ) -> AsyncGenerator[Progress]:
        """Have the bytes beside, where that is asked for; tell the server; wait."""
        for variant in self._artifacts.needed(plan.wanted):
            yield await self._artifacts.bring(plan.target, variant, context)
        try:
            async with asyncio.timeout(self._options.deadline):
                answer = await self._order(plan, context)
        except TimeoutError as error:
            raise Unapplied(
                Fault.DRIVER_TIMEOUT,
                f"{self._options.url.host}: not done after "
                f"{self._options.deadline:g} s",
                is_passing=True,
            ) from error
        await self._artifacts.forget_old(plan.wanted)
        yield Progress("applied", f"{self._options.url.host} says {answer.status}")

    async def observe(self, target: Target) -> Observed:
        """Ask the server what runs."""
        host = str(self._options.observe_url.host)
        answer = await self._get(str(self._options.observe_url), target, "observe")
        if not answer.is_good:
            raise _refused(answer, host)
        return observed(answer.body, host)

    async def health(self, target: Target) -> Health:
        """Ask the server's health URL; without one, nobody knows."""
        if self._options.health_url is None:
            return Health.UNKNOWN
        try:
            answer = await self._get(str(self._options.health_url), target, "health")
        except Unapplied:
            return Health.UNKNOWN
        return Health.GOOD if answer.is_good else Health.BAD

    async def _order(self, plan: Plan, context: AgentContext) -> Answer:
        """Tell it once; then ask until it is done, whatever happens in between."""
        url, host = str(self._options.url), str(self._options.url.host)
        id_ = _id(plan.target, str(plan.wanted.event.revision))
        body = written(order(plan, self._artifacts.paths(plan.wanted)))
        answer = await self._ask("POST", url, id_, body)
        if answer.status != ACCEPTED:
            return _done(answer, host)
        where = _followed(url, answer)
        while answer.status == ACCEPTED:
            if context.is_stopping():
                raise Interrupted("stopped while a server was at work")
            await asyncio.sleep(_pause(answer, self._options.poll))
            try:
                answer = await self._ask("GET", where, id_)
                _done(answer, host)
            except Unapplied as why:
                if not why.is_passing:
                    raise
                answer = Answer(ACCEPTED, {}, b"")
        return answer

    async def _get(self, url: str, target: Target, what: str) -> Answer:
        place = {
            "stage": target.stage,
            "target": target.target,
            "model": target.model,
        }
        joiner = "&" if urlsplit(url).query else "?"
        return await self._ask(
            "GET", f"{url}{joiner}{urlencode(place)}", _id(target, what)
        )

    async def _ask(self, method: str, url: str, id_: str, body: bytes = b"") -> Answer:
        headers = dict(signed(id_, body, secret=self._secret, at=int(time.time())))
        if body:
            headers["Content-Type"] = "application/json"
        return await ask(
            Asking(method, url, headers, body, self._options.ca_file),
            seconds=self._options.timeout,
            allow_private=self._options.allow_private,
        )


def _id(target: Target, what: str) -> str:
    return f"{target.model}/{target.stage}/{target.target}/{what}"


def _done(answer: Answer, host: str) -> Answer:
    if not answer.is_good:
        raise _refused(answer, host)
    return answer


def _refused(answer: Answer, host: str) -> Unapplied:
    said = " ".join(answer.body.decode(errors="replace").split())[:LAST_WORDS]
    detail = f"{host} says {answer.status} {said}".rstrip()
    if 300 <= answer.status < 400:
        return Unapplied(Fault.DRIVER_ERROR, f"{detail}: no redirect is followed")
    if answer.status == CANNOT_LOAD:
        return Unapplied(Fault.LOAD_FAILED, detail)
    if answer.status in FORBIDDEN:
        return Unapplied(Fault.PERMISSION_DENIED, detail)
    passes = answer.status >= 500 or answer.status in WORTH_ANOTHER_TRY
    return Unapplied(Fault.DRIVER_ERROR, detail, is_passing=passes)


def _followed(url: str, answer: Answer) -> str:
    """Read where it will say that it is done: at the same place as the order."""
    where = urljoin(url, answer.headers.get("location") or "")
    asked, told = urlsplit(url), urlsplit(where)
    is_same = (asked.scheme, asked.netloc) == (told.scheme, told.netloc)
    if not answer.headers.get("location") or not is_same:
        raise Unapplied(
            Fault.DRIVER_ERROR,
            f"{asked.hostname} says 202 without a Location of its own",
        )
    return where


def _pause(answer: Answer, poll_seconds: float) -> float:
    said = answer.headers.get("retry-after") or ""
    seconds = float(said) if said.isdecimal() else poll_seconds
    return min(max(seconds, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
