"""When may nothing change? Freezes are declared, lifted and listed here."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from rollbook.client.async_transport import AsyncTransport
from rollbook.client.bodies import without_none
from rollbook.client.governing import FreezeRecord
from rollbook.client.moments import Moment, moment
from rollbook.client.resources import event_id

Kind = Literal["forward", "redeploy", "rollback"]


class AsyncCalendar:
    """The times when nothing may change, for which lanes."""

    def __init__(self, transport: AsyncTransport) -> None:
        """Ask nothing yet."""
        self._transport = transport

    async def freezes(
        self,
        *,
        model: str | None = None,
        stage: str | None = None,
        open_only: bool = False,
        as_of: Moment | None = None,
    ) -> list[FreezeRecord]:
        """Read the freezes, the latest first; those over a model or a stage."""
        answer = await self._transport.get(
            "/v1/freezes",
            model=model,
            stage=stage,
            open="true" if open_only else None,
            as_of=moment(as_of),
        )
        return [FreezeRecord.model_validate(row) for row in answer["data"]]

    async def freeze(
        self,
        reason: str,
        *,
        models: Iterable[str] = (),
        stages: Iterable[str] = (),
        from_at: datetime | None = None,
        until: datetime | None = None,
        in_flight: Literal["finish", "pause", "abort"] = "finish",
        exempt: Iterable[Kind] = ("rollback",),
        waivable: bool = False,
        incident: str | None = None,
        key: str | None = None,
    ) -> str:
        """Close lanes, all where none is named; returns the freeze to lift."""
        body: dict[str, Any] = {
            "covers": {"models": list(models), "stages": list(stages)},
            "from_at": moment(from_at),
            "until": moment(until),
            "in_flight": in_flight,
            "exempt": list(exempt),
            "waivable": waivable,
            "incident": incident,
            "reason": reason,
        }
        return await self._declare(body, key)

    async def stop_the_line(
        self,
        reason: str,
        *,
        models: Iterable[str] = (),
        stages: Iterable[str] = (),
        abort: bool = False,
        incident: str | None = None,
        key: str | None = None,
    ) -> str:
        """Stop every change at once, until somebody lifts the freeze it returns.

        What is under way stands still, or ends where `abort` is said.
        """
        body: dict[str, Any] = {
            "covers": {"models": list(models), "stages": list(stages)},
            "stops_the_line": True,
            "in_flight": "abort" if abort else "pause",
            "incident": incident,
            "reason": reason,
        }
        return await self._declare(body, key)

    async def lift(self, freeze: str, reason: str, *, key: str | None = None) -> None:
        """Open the lanes again."""
        path = f"/v1/freezes/{freeze}/lifts"
        await self._transport.post(path, {"reason": reason}, key=key)

    async def _declare(self, body: dict[str, Any], key: str | None) -> str:
        path = "/v1/freezes"
        answer = await self._transport.post(path, without_none(body), key=key)
        return event_id(answer, "freeze.declared")
