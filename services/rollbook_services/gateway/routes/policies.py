"""Which policies hold, and which are proposed?"""

from fastapi import APIRouter
from starlette.responses import Response

from rollbook_projections.stage.queries.evidence import metrics_carried
from rollbook_projections.stage.queries.policy import (
    policies,
    policy,
    resolve,
    revision,
)
from rollbook_projections.view import Row, View
from rollbook_services.gateway.problems import declined, not_found
from rollbook_services.gateway.reading import Asked

router = APIRouter(tags=["policies"])


@router.get("/policies")
async def list_policies(asked: Asked) -> Response:
    """List policies, each with the proposals that are open."""
    return await asked.answer("stage", policies)


@router.get("/metrics-carried")
async def list_metrics(asked: Asked) -> Response:
    """List, by kind of evidence, the metrics that the newest records name."""
    return await asked.answer("stage", metrics_carried)


@router.get("/policies/{policy}")
async def show_policy(asked: Asked, policy: str) -> Response:
    """Show what holds under a name, and everything that was ever proposed for it."""
    return await asked.answer("stage", lambda view: _shown(view, policy))


def _shown(view: View, name: str) -> Row:
    found = policy(view, name)
    if found is None:
        raise not_found("policy", name)
    active = found["digest"] and revision(view, name, found["digest"])
    return {**found, "document": active["document"] if active else None}


@router.get("/policies/{policy}/revisions/{digest}")
async def show_revision(asked: Asked, policy: str, digest: str) -> Response:
    """Show one revision with its document; `active`, or the beginning of a digest."""
    return await asked.answer("stage", lambda view: _revision(view, policy, digest))


def _revision(view: View, name: str, word: str) -> Row:
    digests = resolve(view, name, word)
    if len(digests) > 1:
        raise declined(
            "invalid-request",
            f"{word} begins {len(digests)} digests of {name}: write more of it.",
            candidates=list(digests),
        )
    found = revision(view, name, digests[0]) if digests else None
    if found is None:
        raise not_found("revision", f"{name} {word}")
    return found
