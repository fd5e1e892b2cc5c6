"""What may be read of models, versions, evidence and aliases?"""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from rollbook.names import LARGEST
from rollbook_projections.stage.queries.compare import compare
from rollbook_projections.stage.queries.interval import stable_before
from rollbook_projections.stage.queries.model import aliases, model, models
from rollbook_projections.stage.queries.version import (
    evidence,
    resolve,
    version,
    versions,
)
from rollbook_projections.view import Row, View
from rollbook_services.gateway.paging import Paged
from rollbook_services.gateway.paths import MODEL, Number, model_of
from rollbook_services.gateway.problems import declined, invalid, not_found
from rollbook_services.gateway.reading import Asked

router = APIRouter(tags=["models"])


@router.get("/models")
async def list_models(asked: Asked, page: Paged, q: str | None = None) -> Response:
    """List models by name."""
    return await asked.page(
        "stage",
        lambda view: page.cut(
            models(view, q=q, limit=page.one_more, after=page.after),
            lambda row: row["model"],
        ),
    )


@router.get(MODEL)
async def show_model(asked: Asked, team: str, name: str) -> Response:
    """Show one model."""
    return await asked.answer("stage", lambda view: known(view, model_of(team, name)))


@router.get(f"{MODEL}/versions")
async def list_versions(asked: Asked, page: Paged, team: str, name: str) -> Response:
    """List a model's versions, newest first."""
    named = model_of(team, name)

    def query(view: View) -> tuple[list[Row], str | None]:
        known(view, named)
        found = versions(view, named, limit=page.one_more, before=page.after)
        return page.cut(found, lambda row: row["version"])

    return await asked.page("stage", query)


@router.get(f"{MODEL}/versions/{{version}}")
async def show_version(asked: Asked, team: str, name: str, version: Number) -> Response:
    """Show one version."""
    named = model_of(team, name)
    return await asked.answer("stage", lambda view: _version(view, named, version))


@router.get(f"{MODEL}/versions/{{version}}/evidence")
async def list_evidence(
    asked: Asked, team: str, name: str, version: Number
) -> Response:
    """List what was found out about a version."""
    named = model_of(team, name)

    def query(view: View) -> list[Row]:
        _version(view, named, version)
        return evidence(view, named, version)

    return await asked.answer("stage", query)


@router.get(f"{MODEL}/aliases")
async def list_aliases(asked: Asked, team: str, name: str) -> Response:
    """List the aliases of a model."""
    named = model_of(team, name)

    def query(view: View) -> list[Row]:
        known(view, named)
        return aliases(view, named)

    return await asked.answer("stage", query)


@router.get(f"{MODEL}/compare")
async def compare_versions(
    asked: Asked,
    team: str,
    name: str,
    a: Annotated[int, Query(ge=1, le=LARGEST)],
    b: Annotated[int, Query(ge=1, le=LARGEST)],
) -> Response:
    """Say in what two versions differ."""
    named = model_of(team, name)

    def query(view: View) -> Row | None:
        for number in (a, b):
            _version(view, named, number)
        return compare(view, named, a, b)

    return await asked.answer("stage", query)


@router.get(f"{MODEL}/resolve")
async def resolve_reference(
    asked: Asked,
    team: str,
    name: str,
    ref: Annotated[
        str,
        Query(
            description="number, v7, latest, alias, label, sha256:…, #stage or #stage~n"
        ),
    ],
) -> Response:
    """Find the version that a word names."""
    named = model_of(team, name)
    return await asked.answer("stage", lambda view: _resolved(view, named, ref))


def known(view: View, name: str) -> Row:
    """Return a model; raises Declined where there is none."""
    found = model(view, name)
    if found is None:
        raise not_found("model", name)
    return found


def _version(view: View, name: str, number: int) -> Row:
    found = version(view, name, number)
    if found is None:
        known(view, name)
        raise not_found("version", f"{name}@{number}")
    return found


def _resolved(view: View, name: str, word: str) -> dict[str, Any]:
    known(view, name)
    if word.startswith("#"):
        return _version(view, name, _stable(view, name, word.removeprefix("#")))
    found = resolve(view, name, word)
    if not found:
        raise not_found("version", f"{name}@{word}")
    if len(found) > 1:
        candidates = [f"{name}@{number}" for number in found]
        raise declined(
            "invalid-request",
            f"{word} fits {', '.join(candidates)}: write more of the digest.",
            reason="ambiguous_reference",
            candidates=candidates,
        )
    return _version(view, name, found[0])


def _stable(view: View, name: str, lane: str) -> int:
    stage, _, steps = lane.partition("~")
    if steps and not (
        steps.isascii() and steps.isdigit() and len(steps) < len("10000")
    ):
        message = "after ~ stands how many stable versions to walk back"
        raise invalid([{"pointer": "query.ref", "message": message}])
    found = stable_before(view, name, stage, int(steps or 0))
    if found is None:
        raise not_found("version", f"{name}#{lane}")
    number: int = found["version"]
    return number
