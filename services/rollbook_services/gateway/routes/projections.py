"""How do the views stand, and how are they rebuilt or held against the ledger?"""

from dataclasses import asdict
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Header
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from rollbook_projections import checkpoint, standstill
from rollbook_projections.compare import compare
from rollbook_projections.rebuild import Progress, rebuild
from rollbook_services.gateway.credentials import authenticate
from rollbook_services.gateway.gateway import Gateway, Source
from rollbook_services.gateway.jobs import Job
from rollbook_services.gateway.problems import not_found
from rollbook_services.gateway.reading import Asked, gateway_of

OPERATORS: Final = ("release-manager", "access-admin", "incident-commander", "auditor")

router = APIRouter(tags=["projections"])


@router.get("/projections")
async def list_projections(asked: Asked) -> Response:
    """Show where each view stands and what it stopped at or passed over."""
    rows = await standings(asked.gateway)
    return asked.respond(rows, max(row["position"] for row in rows))


async def standings(gateway: Gateway) -> list[dict[str, Any]]:
    """Describe every view beside the ledger's end."""
    head = await gateway.head()
    return [await standing_of(source, head) for source in gateway.sources.values()]


@router.post("/projections/{view}/rebuilds", status_code=202)
async def rebuild_projection(
    request: Request, view: str, authorization: Annotated[str | None, Header()] = None
) -> Response:
    """Fill a view anew beside the live one and switch to it."""
    source = await _operated(request, view, authorization)

    async def work(job: Job) -> Any:
        def on_progress(progress: Progress) -> None:
            job.progress(progress.count, progress.total)

        rebuilt = await rebuild(
            source.projection, source.database, source.ledger, on_progress=on_progress
        )
        return asdict(rebuilt)

    return _accepted(gateway_of(request).jobs.start("rebuild", view, work))


@router.post("/projections/{view}/comparisons", status_code=202)
async def compare_projection(
    request: Request, view: str, authorization: Annotated[str | None, Header()] = None
) -> Response:
    """Hold a view against a fresh replay with every check."""
    source = await _operated(request, view, authorization)

    async def work(job: Job) -> Any:
        job.total = await source.ledger.head()
        found = await compare(source.projection, source.database, source.ledger)
        job.done = found.position
        return {**asdict(found), "equal": found.is_equal}

    return _accepted(gateway_of(request).jobs.start("compare", view, work))


@router.get("/jobs/{job}")
async def show_job(asked: Asked, job: str) -> Response:
    """Show how far a job is, and its result."""
    found = asked.gateway.jobs.find(job)
    if found is None:
        raise not_found("job", job)
    position = asked.gateway.sources["audit"].projector.position
    return asked.respond(found.document(), position)


async def _operated(request: Request, view: str, authorization: str | None) -> Source:
    gateway = gateway_of(request)
    reader = await authenticate(gateway, authorization)
    reader.must_be(*OPERATORS)
    for name, source in gateway.sources.items():
        if name == view:
            return source
    raise not_found("projection", view)


async def standing_of(source: Source, head: int) -> dict[str, Any]:
    """Describe one view beside the ledger's end."""

    def look(
        connection: Connection,
    ) -> tuple[int, list[checkpoint.Halt], int, standstill.Standstill | None]:
        standing = checkpoint.standing(connection)
        return (
            standing.position if standing else 0,
            checkpoint.halted(connection),
            len(checkpoint.anomalies(connection)),
            standstill.find(connection),
        )

    position, halted, anomalies, still = await source.database.read(look)
    return {
        "name": source.projection.name,
        "version": source.projection.version,
        "position": position,
        "head": head,
        "lag": max(0, head - position),
        "halted": [asdict(each) for each in halted],
        "anomalies": anomalies,
        "standstill": still and asdict(still),
    }


def _accepted(job: Job) -> Response:
    return Response(
        orjson.dumps(job.document()),
        status_code=202,
        media_type="application/json",
        headers={"Location": f"/v1/jobs/{job.id}"},
    )
