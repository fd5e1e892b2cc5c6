"""What can be asked of a model and of its lanes?"""

from typing import Any, Literal

from rollbook.client.async_promotion import AsyncPromotion
from rollbook.client.async_transport import AsyncTransport
from rollbook.client.async_version import AsyncVersion
from rollbook.client.bodies import without_none
from rollbook.client.fleet import TargetRecord
from rollbook.client.models import (
    AliasRecord,
    Interval,
    LaneRecord,
    ModelRecord,
    PromotionRecord,
    VersionRecord,
)
from rollbook.client.moments import Moment, moment
from rollbook.client.resources import event_data, lane_path, model_path
from rollbook.reference import LaneReference, ModelReference, PromotionReference


class AsyncLane:
    """One model in one stage, as `fraud#production`."""

    def __init__(self, transport: AsyncTransport, reference: LaneReference) -> None:
        """Ask nothing yet."""
        self._transport, self._reference = transport, reference
        self._path = lane_path(reference)

    def __repr__(self) -> str:
        """Write what it is called everywhere."""
        return f"<lane {self._reference}>"

    async def status(self, *, as_of: Moment | None = None) -> LaneRecord:
        """Read what runs there, what should, and what waits."""
        answer = await self._transport.get(self._path, as_of=moment(as_of))
        return LaneRecord.model_validate(answer["data"])

    async def history(
        self, on: Moment | None = None, *, as_of: Moment | None = None
    ) -> list[Interval]:
        """Read what was stable there from when to when; `on` a day or an instant."""
        answer = await self._transport.get(
            f"{self._path}/history", on=moment(on), as_of=moment(as_of)
        )
        return [Interval.model_validate(row) for row in answer["data"]]

    async def targets(
        self, *, lagging: bool = False, as_of: Moment | None = None
    ) -> list[TargetRecord]:
        """Read what each target should run, does run, and how soon it did.

        `lagging` keeps those that have not applied what they should.
        """
        found = await self._transport.get_all(
            "/v1/targets",
            model=str(self._reference.model),
            stage=self._reference.stage,
            lagging="true" if lagging else None,
            as_of=moment(as_of),
        )
        return [TargetRecord.model_validate(row) for row in found]

    async def accept_drift(
        self, target: str, reason: str, *, key: str | None = None
    ) -> None:
        """Let a target run something else for now: nothing waits for it to end."""
        body = {"target": target, "reason": reason}
        path = f"{self._path}/drift-acceptances"
        await self._transport.post(path, body, key=key)

    async def roll_back(
        self,
        reason: str,
        *,
        to: int | None = None,
        incident: str | None = None,
        key: str | None = None,
    ) -> AsyncPromotion:
        """Go back to what was stable, at once; automation then keeps away (hold)."""
        body = without_none({"reason": reason, "to": to, "incident": incident})
        path = f"{self._path}/rollbacks"
        answer = await self._transport.post(path, body, key=key)
        number = int(event_data(answer, "promotion.requested")["promotion"])
        reference = PromotionReference(self._reference.model, number)
        return AsyncPromotion(self._transport, reference)


class AsyncModel:
    """One model by its name."""

    def __init__(self, transport: AsyncTransport, reference: ModelReference) -> None:
        """Ask nothing yet."""
        self._transport, self._reference = transport, reference
        self._path = model_path(reference)

    def __repr__(self) -> str:
        """Write what it is called everywhere."""
        return f"<model {self._reference}>"

    @property
    def name(self) -> str:
        """Return its name, with its team where it has one."""
        return str(self._reference)

    def lane(self, stage: str) -> AsyncLane:
        """Name one of its stages; asks nothing yet."""
        return AsyncLane(self._transport, LaneReference(self._reference, stage))

    async def status(self, *, as_of: Moment | None = None) -> ModelRecord:
        """Read what is known of the model as a whole."""
        answer = await self._transport.get(self._path, as_of=moment(as_of))
        return ModelRecord.model_validate(answer["data"])

    async def version(
        self, number: int | str, *, as_of: Moment | None = None
    ) -> AsyncVersion:
        """Read a version by number, `latest`, alias, label or digest."""
        answer = await self._transport.get(
            f"{self._path}/resolve", ref=str(number), as_of=moment(as_of)
        )
        return self._version(answer["data"])

    async def versions(self, *, as_of: Moment | None = None) -> list[AsyncVersion]:
        """Read all versions, newest first."""
        return [self._version(row) for row in await self._all("versions", as_of)]

    async def promotions(self, *, as_of: Moment | None = None) -> list[PromotionRecord]:
        """Read all promotions, the latest request first."""
        found = await self._all("promotions", as_of)
        return [PromotionRecord.model_validate(row) for row in found]

    async def aliases(self, *, as_of: Moment | None = None) -> list[AliasRecord]:
        """Read where each alias points."""
        answer = await self._transport.get(f"{self._path}/aliases", as_of=moment(as_of))
        return [AliasRecord.model_validate(row) for row in answer["data"]]

    async def alias(
        self,
        name: str,
        version: int | None,
        *,
        expect: int | Literal["seen"] | None = "seen",
        reason: str | None = None,
        key: str | None = None,
    ) -> None:
        """Point an alias at a version, or None: at nothing.

        Conflict is raised where it does not point at `expect` any more, which is where
        it points now unless said otherwise.
        """
        previous = await self._points(name) if expect == "seen" else expect
        body: dict[str, Any] = {"alias": name, "version": version}
        body |= {"expected_previous": previous, "reason": reason}
        await self._transport.post(f"{self._path}/aliases", body, key=key)

    async def close_review(
        self,
        review: str,
        finding: Literal["justified", "not_justified"],
        notes: str,
        *,
        key: str | None = None,
    ) -> None:
        """Say what a look at a waiver came to, as somebody who had no part in it."""
        body = {"finding": finding, "notes": notes}
        path = f"{self._path}/reviews/{review}/closures"
        await self._transport.post(path, body, key=key)

    async def _points(self, name: str) -> int | None:
        pointing = {each.alias: each.version for each in await self.aliases()}
        return pointing.get(name)

    async def _all(self, collection: str, as_of: Moment | None) -> list[Any]:
        path = f"{self._path}/{collection}"
        return await self._transport.get_all(path, as_of=moment(as_of))

    def _version(self, row: Any) -> AsyncVersion:
        record = VersionRecord.model_validate(row)
        return AsyncVersion(self._transport, self._reference, record)
