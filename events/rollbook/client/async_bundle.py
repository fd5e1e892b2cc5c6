"""What can be done with several models that are released as one?"""

from rollbook.client.async_promotion import AsyncPromotion
from rollbook.client.async_transport import AsyncTransport
from rollbook.client.governing import BundleRecord
from rollbook.client.moments import Moment, moment
from rollbook.client.resources import bundle_path, event_data
from rollbook.reference import PromotionReference, parse_model


class AsyncBundle:
    """Several promotions that change their lanes together, or not at all."""

    def __init__(self, transport: AsyncTransport, number: int) -> None:
        """Ask nothing yet."""
        self._transport, self._number = transport, number
        self._path = bundle_path(number)

    def __repr__(self) -> str:
        """Write its number."""
        return f"<bundle {self._number}>"

    @property
    def number(self) -> int:
        """Return its number among all bundles."""
        return self._number

    async def status(self, *, as_of: Moment | None = None) -> BundleRecord:
        """Read how far it has come, and each of its members."""
        answer = await self._transport.get(self._path, as_of=moment(as_of))
        return BundleRecord.model_validate(answer["data"])

    async def cancel(self, reason: str, *, key: str | None = None) -> None:
        """End it while it waits, with all its members."""
        path = f"{self._path}/cancellations"
        await self._transport.post(path, {"reason": reason}, key=key)

    async def roll_back(
        self, reason: str, *, key: str | None = None
    ) -> list[AsyncPromotion]:
        """Take every lane back to what it ran before; returns the rollbacks."""
        path = f"{self._path}/rollbacks"
        answer = await self._transport.post(path, {"reason": reason}, key=key)
        begun = event_data(answer, "bundle.rolled_back").get("rollbacks") or ()
        return [
            AsyncPromotion(
                self._transport,
                PromotionReference(parse_model(each["model"]), int(each["promotion"])),
            )
            for each in begun
        ]
