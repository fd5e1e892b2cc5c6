"""What can be done with one promotion: look, wait, vote, end it?"""

import asyncio
from typing import Any, Final, Literal

from rollbook.client.async_transport import AsyncTransport
from rollbook.client.bodies import without_none
from rollbook.client.models import PromotionRecord
from rollbook.client.moments import Moment, moment
from rollbook.client.resources import lane_path, promotion_path
from rollbook.client.waiting import Wait, is_reached, is_shown, still_pending
from rollbook.reference import LaneReference, PromotionReference

WAIT_SECONDS: Final = 1800.0
_FIRST_LOOK_SECONDS: Final = 0.05
_LONGEST_LOOK_SECONDS: Final = 2.0
_SETTLES_WITHIN_SECONDS: Final = 2.0

Until = Literal["ready", "dispatched", "live"]


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

    async def wait(
        self,
        timeout: float = WAIT_SECONDS,  # noqa: ASYNC109  the promotion stays open
        until: Until = "live",
        *,
        through_failures: bool = False,
    ) -> PromotionRecord:
        """Wait until it is ready, dispatched or live; what else it comes to is raised.

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
            binding = (await self._read(None)).get("binding")
        body = {"comment": comment, "gate": gate, "binding": binding}
        await self._post(collection, body, key)

    async def _post(
        self, collection: str, body: dict[str, Any], key: str | None
    ) -> None:
        path = f"{self._path}/{collection}"
        await self._transport.post(path, without_none(body), key=key)

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
