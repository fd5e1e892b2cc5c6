"""What can be done with one promotion: look, wait, vote, waive, pause, end it?"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final, Literal

from rollbook.client.async_transport import AsyncTransport
from rollbook.client.bodies import numbers, without_none
from rollbook.client.exchange import Json
from rollbook.client.explanation import Explanation
from rollbook.client.fleet import Progress, progress_of
from rollbook.client.models import PromotionRecord
from rollbook.client.moments import Moment, moment
from rollbook.client.progress import step_of
from rollbook.client.resources import event_id, lane_path, promotion_path
from rollbook.client.waiting import ENDED, Wait, is_reached, is_shown, still_pending
from rollbook.reference import LaneReference, PromotionReference

WAIT_SECONDS: Final = 1800.0
_FIRST_LOOK_SECONDS: Final = 0.05
_LONGEST_LOOK_SECONDS: Final = 2.0
_SETTLES_WITHIN_SECONDS: Final = 2.0

Until = Literal["ready", "dispatched", "deployed", "live"]


class AsyncPromotion:
    """One attempt to change one lane, as `fraud:14`."""

    def __init__(
        self, transport: AsyncTransport, reference: PromotionReference
    ) -> None:
        """Ask nothing yet."""
        self._transport, self._reference = transport, reference
        self._path = promotion_path(reference)

    def __repr__(self) -> str:
        """Write what it is called everywhere."""
        return f"<promotion {self._reference}>"

    def __str__(self) -> str:
        """Write what it is called everywhere."""
        return str(self._reference)

    @property
    def model(self) -> str:
        """Return the model's name."""
        return str(self._reference.model)

    @property
    def number(self) -> int:
        """Return its number among the model's promotions."""
        return self._reference.number

    async def status(self, *, as_of: Moment | None = None) -> PromotionRecord:
        """Read how far it has come, its gates and votes."""
        return PromotionRecord.model_validate(await self._read(as_of))

    async def why(self, *, as_of: Moment | None = None) -> Explanation:
        """Read of every gate what it says, what would change it, and who could."""
        answer = await self._transport.get(f"{self._path}/why", as_of=moment(as_of))
        return Explanation.model_validate(answer["data"])

    async def wait(
        self,
        timeout: float = WAIT_SECONDS,  # noqa: ASYNC109  the promotion stays open
        until: Until = "live",
        *,
        through_failures: bool = False,
    ) -> PromotionRecord:
        """Wait until it is as far as said; what else it comes to is raised.

        Deployed is what every needed target runs whole, live what has proved itself.
        PromotionEnded, DeploymentFailed, Conflict (superseded), Refused (a gate says
        no, unless `through_failures`), StillPending (after `timeout` seconds).
        """
        wait, pause = Wait(until, timeout, through_failures), _FIRST_LOOK_SECONDS
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        while True:
            found = await self._read(None)
            if is_reached(self._reference, found, wait):
                if found["state"] == "SUCCEEDED":
                    await self._settle(
                        found["stage"], clock() + _SETTLES_WITHIN_SECONDS
                    )
                return PromotionRecord.model_validate(found)
            if clock() >= deadline:
                raise still_pending(self._reference, found, wait)
            await asyncio.sleep(min(pause, max(0.0, deadline - clock())))
            pause = min(2 * pause, _LONGEST_LOOK_SECONDS)

    async def watch(self) -> AsyncGenerator[Progress, None]:
        """Follow how far it is: now, and whenever that changes, up to its end.

        Raises nothing for what it comes to: the last state says that.
        """
        answer = await self._transport.get(self._path)
        seen = progress_of(answer["data"])
        yield seen
        feed = self._transport.follow(since=int(answer["seq"]), model=self.model)
        async with aclosing(feed):
            while seen.state not in ENDED:
                sequence = (await anext(feed)).sequence
                if sequence <= int(answer["seq"]):
                    continue  # the answer knew of it
                self._transport.saw(sequence)
                answer = await self._transport.get(self._path)
                before, seen = seen, progress_of(answer["data"])
                if seen != before:
                    yield seen

    async def approve(
        self,
        comment: str | None = None,
        *,
        gate: str | None = None,
        binding: str | None = None,
        key: str | None = None,
    ) -> None:
        """Vote for it as it is now, or as it was when `binding` was shown."""
        await self._vote("approvals", comment, gate=gate, binding=binding, key=key)

    async def reject(
        self,
        comment: str,
        *,
        gate: str | None = None,
        binding: str | None = None,
        key: str | None = None,
    ) -> None:
        """Vote against it as it is now, or as it was when `binding` was shown."""
        await self._vote("rejections", comment, gate=gate, binding=binding, key=key)

    async def request_changes(
        self,
        comment: str,
        *,
        gate: str | None = None,
        binding: str | None = None,
        key: str | None = None,
    ) -> None:
        """Ask for something before one would approve; it goes on waiting."""
        await self._vote(
            "change-requests", comment, gate=gate, binding=binding, key=key
        )

    async def withdraw(
        self, *, gate: str | None = None, key: str | None = None
    ) -> None:
        """Take the caller's own vote back."""
        await self._post("withdrawals", {"gate": gate}, key)

    async def cancel(self, reason: str, *, key: str | None = None) -> None:
        """End it while it waits."""
        await self._post("cancellations", {"reason": reason}, key)

    async def abort(self, reason: str, *, key: str | None = None) -> None:
        """Stop it after it was dispatched; targets keep what they serve."""
        await self._post("aborts", {"reason": reason}, key)

    async def pause(self, reason: str, *, key: str | None = None) -> None:
        """Let it stand still while it is under way; targets keep what they serve."""
        await self._post("pauses", {"reason": reason}, key)

    async def resume(
        self,
        reason: str,
        *,
        wave: int | None = None,
        step: int | None = None,
        accept: Iterable[str] = (),
        key: str | None = None,
    ) -> None:
        """Let it go on; the metrics in `accept` take nothing back any more.

        From the step where it stands now, or from the one where the caller saw it.
        """
        if wave is None and step is None:
            now = step_of(await self._read(None)) or {}
            wave, step = now.get("wave"), now.get("step")
        body = {"reason": reason, "wave": wave, "step": step, "accept": list(accept)}
        await self._post("resumptions", body, key)

    async def record_analysis(
        self,
        metrics: Mapping[str, float],
        *,
        samples: int,
        from_at: datetime,
        until_at: datetime,
        champion: Mapping[str, float] | None = None,
        wave: int = 0,
        step: int = 0,
        key: str | None = None,
    ) -> None:
        """Record what was measured while a step ran; its policy judges that."""
        measured = {"candidate": numbers(metrics)}
        if champion is not None:
            measured["champion"] = numbers(champion)
        body = {
            "wave": wave,
            "step": step,
            "metrics": measured,
            "samples": samples,
            "from_at": moment(from_at),
            "until_at": moment(until_at),
        }
        await self._post("analyses", body, key)

    async def waive(
        self,
        gates: Iterable[str],
        break_glass: str,
        reason: str,
        *,
        incident: str | None = None,
        key: str | None = None,
    ) -> str:
        """Make gates stop mattering, under a class of the policy; returns the waiver.

        Where the class takes two people, a second one has to confirm it.
        """
        body = {
            "gates": list(gates),
            "break_glass": break_glass,
            "reason": reason,
            "incident": incident,
        }
        return event_id(await self._post("waivers", body, key), "waiver.requested")

    async def confirm_waiver(self, waiver: str, *, key: str | None = None) -> None:
        """Be the second person that a waiver needs."""
        await self._post(f"waivers/{waiver}/confirmations", {}, key)

    async def _vote(
        self,
        collection: str,
        comment: str | None,
        *,
        gate: str | None,
        binding: str | None,
        key: str | None,
    ) -> None:
        if binding is None:
            # Of what is no longer voted on the registrar says so itself.
            seen = (await self._read(None)).get("binding")
            binding = seen or (await self.why()).binding
        body = {"comment": comment, "gate": gate, "binding": binding}
        await self._post(collection, body, key)

    async def _post(
        self, collection: str, body: dict[str, Any], key: str | None
    ) -> Json:
        path = f"{self._path}/{collection}"
        return await self._transport.post(path, without_none(body), key=key)

    async def _read(self, as_of: Moment | None) -> dict[str, Any]:
        answer = await self._transport.get(self._path, as_of=moment(as_of))
        found: dict[str, Any] = answer["data"]
        return found

    async def _settle(self, stage: str, deadline: float) -> None:
        """Wait until the lane shows it too, so that what is asked next agrees."""
        clock = asyncio.get_running_loop().time
        lane = lane_path(LaneReference(self._reference.model, stage))
        while clock() < deadline:
            answer = await self._transport.get(lane)
            if is_shown(self._reference, answer["data"]):
                self._transport.saw(int(answer["seq"]))
                return
            await asyncio.sleep(_FIRST_LOOK_SECONDS)
