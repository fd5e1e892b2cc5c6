"""Is it alive, is it ready, and what is wrong with it?"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson
from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from rollbook.errors import RollbookError, Unavailable
from rollbook_projections.audit.queries import anomalies
from rollbook_services.gateway.gateway import Check, Gateway, Source
from rollbook_services.gateway.reading import Asked, gateway_of
from rollbook_services.gateway.routes.projections import standing_of

LARGEST_LAG: Final = 1_000
MOVES_SECONDS: Final = 1.0  # a view that is behind and follows has moved by then

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> Response:
    """Say that the loop turns."""
    return Response(b'{"ok":true}', media_type="application/json")


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """Say whether questions and commands can be answered; 503 names what fails."""
    gateway = gateway_of(request)
    checks = [_nats(gateway), *await _views(gateway)]
    if gateway.stopping.is_set():
        checks.append(Check("running", ok=False, detail="the server is stopping"))
    is_ready = all(check.ok for check in checks)
    return Response(
        orjson.dumps({"ok": is_ready, "checks": [asdict(each) for each in checks]}),
        status_code=200 if is_ready else 503,
        media_type="application/json",
    )


@router.get("/v1/doctor")
async def doctor(asked: Asked) -> Response:
    """Look at everything that can be wrong, with the fix for each."""
    gateway = asked.gateway
    checks = [
        _nats(gateway),
        *await _views(gateway),
        await _strange_messages(gateway),
    ]
    for look in gateway.checks:
        checks += await look()
    data: dict[str, Any] = {
        "ok": all(check.ok for check in checks),
        "checks": [asdict(each) for each in checks],
    }
    return asked.respond(data, gateway.sources["audit"].projector.position)


def _nats(gateway: Gateway) -> Check:
    is_connected = gateway.sender.is_connected
    return Check(
        "nats",
        ok=is_connected,
        detail="connected" if is_connected else "not connected",
        fix="" if is_connected else "start nats-server, or look at nats.url",
    )


async def _views(gateway: Gateway) -> Sequence[Check]:
    try:
        head = await gateway.head()
    except (RollbookError, TimeoutError) as error:
        fix = "see the check `nats`"
        return [Check("ledger", ok=False, detail=str(error), fix=fix)]
    looks = [_view(source, head) for source in gateway.sources.values()]
    return [
        Check("ledger", ok=True, detail=f"ends at {head}"),
        *await asyncio.gather(*looks),
    ]


async def _view(source: Source, head: int) -> Check:
    name = source.projection.name
    try:
        row = await standing_of(source, head)
        check = _standing(row)
        if check.ok and row["lag"] and not await _moves(source, row["position"]):
            return _behind(row, f"{row['lag']} events behind, and not moving")
    except SQLAlchemyError as error:
        why, _, _ = str(getattr(error, "orig", None) or error).partition("\n")
        detail = f"its database cannot be read: {why}"
        fix = f"look at database.{name}: is it there, whole, and not full?"
        return Check(f"view {name}", ok=False, detail=detail, fix=fix)
    return check


async def _moves(source: Source, position: int) -> bool:
    """Tell whether a view goes on beyond a position, given a moment to."""
    try:
        await source.projector.wait_for(position + 1, timeout_seconds=MOVES_SECONDS)
    except Unavailable:
        return False
    return True


def _standing(row: dict[str, Any]) -> Check:
    name = row["name"]
    if still := row["standstill"]:
        fix = (
            "mend what it names, then start the projections' process again"
            if still["is_final"]
            else "mend what it names: the view then goes on by itself"
        )
        detail = f"stands at {row['position']}, {row['lag']} behind: {still['why']}"
        return Check(f"view {name}", ok=False, detail=detail, fix=fix)
    if row["halted"]:
        stopped = ", ".join(
            f"{each['aggregate']} at {each['sequence']} ({each['why']})"
            for each in row["halted"]
        )
        fix = f"upgrade Rollbook, then `rollbook projection rebuild {name}`"
        return Check(f"view {name}", ok=False, detail=f"stopped: {stopped}", fix=fix)
    if row["lag"] > LARGEST_LAG:
        return _behind(row, f"{row['lag']} events behind")
    return Check(f"view {name}", ok=True, detail=f"at {row['position']}")


def _behind(row: dict[str, Any], how: str) -> Check:
    fix = "is the projections' process running? Its log says what it waits for"
    detail = f"at {row['position']}, {how}"
    return Check(f"view {row['name']}", ok=False, detail=detail, fix=fix)


async def _strange_messages(gateway: Gateway) -> Check:
    try:
        found = await gateway.sources["audit"].database.read(anomalies)
    except SQLAlchemyError:
        detail, fix = "cannot be looked at", "see the check `view audit`"
        return Check("messages", ok=False, detail=detail, fix=fix)
    if not found:
        return Check("messages", ok=True, detail="every message in the ledger is valid")
    named = ", ".join(f"{each.sequence} ({each.reason})" for each in found[:10])
    return Check(
        "messages",
        ok=False,
        detail=f"{len(found)} without effect: {named}",
        fix="somebody else can write to the stream: look at the messages with "
        "`nats stream get`, and change that user's permissions",
    )
