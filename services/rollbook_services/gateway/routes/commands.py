"""Which path takes which command? One row each; everything else follows from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

import orjson
from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import Response

from rollbook.commands.access import IssueToken, LinkIdentity, RevokeToken
from rollbook.commands.alias import MoveAlias
from rollbook.commands.approval import (
    Approve,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from rollbook.commands.bundle import CancelBundle, RequestBundle, RollBackBundle
from rollbook.commands.calendar import DeclareFreeze, LiftFreeze
from rollbook.commands.command import Command
from rollbook.commands.evidence import RecordEvidence, RevokeEvidence
from rollbook.commands.fleet import (
    DrainAgent,
    EnrolAgent,
    RevokeAgent,
    UndrainAgent,
)
from rollbook.commands.lane import PlaceHold, ReleaseHold
from rollbook.commands.model import RegisterModel
from rollbook.commands.policy import (
    ActivatePolicy,
    EndorsePolicy,
    ProposePolicy,
    RetirePolicy,
)
from rollbook.commands.promotion import (
    AbortPromotion,
    CancelPromotion,
    EvaluatePromotion,
    PausePromotion,
    RecordAnalysis,
    RequestPromotion,
    RequestRollback,
    ResumePromotion,
)
from rollbook.commands.target import AcceptDrift
from rollbook.commands.version import (
    AmendVersion,
    DeprecateVersion,
    QuarantineVersion,
    RegisterVersion,
    ReleaseVersion,
    RetireVersion,
)
from rollbook.commands.waiver import CloseReview, ConfirmWaiver, WaiveGates
from rollbook.commands.wire import AnyCommand, Done, Problem
from rollbook.commands.wire import Request as Asked
from rollbook_services.gateway.bodies import command_id, read_object, to_command
from rollbook_services.gateway.credentials import bearer
from rollbook_services.gateway.paths import MODEL, fields_of, path_of
from rollbook_services.gateway.problems import Declined
from rollbook_services.gateway.reading import gateway_of
from rollbook_services.gateway.schemas import body_of

_VERSION: Final = f"{MODEL}/versions/{{version}}"
_LANE: Final = f"{MODEL}/lanes/{{stage}}"
_PROMOTION: Final = f"{MODEL}/promotions/{{promotion}}"
_POLICY: Final = "/policies/{policy}"
_BUNDLE: Final = "/bundles/{bundle}"
_AGENT: Final = "/agents/{agent}"


@dataclass(frozen=True, slots=True)
class Row:
    """One command's place: it is POSTed to `path` and speaks of `resource`.

    A path's parameters fill the command's fields of the same names; what `resource`
    names beyond them is taken from the recorded events.
    """

    path: str
    command: type[Command]
    resource: str


ROWS: Final[Sequence[Row]] = (
    Row("/models", RegisterModel, "/models"),
    Row(f"{MODEL}/versions", RegisterVersion, _VERSION),
    Row(f"{_VERSION}/amendments", AmendVersion, _VERSION),
    Row(f"{_VERSION}/deprecations", DeprecateVersion, _VERSION),
    Row(f"{_VERSION}/retirements", RetireVersion, _VERSION),
    Row(f"{_VERSION}/quarantines", QuarantineVersion, _VERSION),
    Row(f"{_VERSION}/releases", ReleaseVersion, _VERSION),
    Row(f"{_VERSION}/evidence", RecordEvidence, f"{_VERSION}/evidence"),
    Row(f"{MODEL}/evidence/{{evidence}}/revocations", RevokeEvidence, MODEL),
    Row(f"{MODEL}/aliases", MoveAlias, f"{MODEL}/aliases"),
    Row(f"{_LANE}/holds", PlaceHold, _LANE),
    Row(f"{_LANE}/hold-releases", ReleaseHold, _LANE),
    Row(f"{_LANE}/rollbacks", RequestRollback, _PROMOTION),
    Row(f"{_LANE}/drift-acceptances", AcceptDrift, _LANE),
    Row(f"{MODEL}/promotions", RequestPromotion, _PROMOTION),
    Row(f"{_PROMOTION}/approvals", Approve, _PROMOTION),
    Row(f"{_PROMOTION}/rejections", Reject, _PROMOTION),
    Row(f"{_PROMOTION}/withdrawals", WithdrawVote, _PROMOTION),
    Row(f"{_PROMOTION}/cancellations", CancelPromotion, _PROMOTION),
    Row(f"{_PROMOTION}/aborts", AbortPromotion, _PROMOTION),
    Row(f"{_PROMOTION}/evaluations", EvaluatePromotion, _PROMOTION),
    Row(f"{_PROMOTION}/change-requests", RequestChanges, _PROMOTION),
    Row(f"{_PROMOTION}/pauses", PausePromotion, _PROMOTION),
    Row(f"{_PROMOTION}/resumptions", ResumePromotion, _PROMOTION),
    Row(f"{_PROMOTION}/analyses", RecordAnalysis, _PROMOTION),
    Row(f"{_PROMOTION}/waivers", WaiveGates, _PROMOTION),
    Row(f"{_PROMOTION}/waivers/{{waiver}}/confirmations", ConfirmWaiver, _PROMOTION),
    Row(f"{MODEL}/reviews/{{review}}/closures", CloseReview, MODEL),
    Row("/policies", ProposePolicy, _POLICY),
    Row(f"{_POLICY}/endorsements", EndorsePolicy, _POLICY),
    Row(f"{_POLICY}/activations", ActivatePolicy, _POLICY),
    Row(f"{_POLICY}/retirements", RetirePolicy, _POLICY),
    Row("/freezes", DeclareFreeze, "/freezes"),
    Row("/freezes/{freeze}/lifts", LiftFreeze, "/freezes"),
    Row("/bundles", RequestBundle, _BUNDLE),
    Row(f"{_BUNDLE}/cancellations", CancelBundle, _BUNDLE),
    Row(f"{_BUNDLE}/rollbacks", RollBackBundle, _BUNDLE),
    Row("/agents", EnrolAgent, _AGENT),
    Row(f"{_AGENT}/revocations", RevokeAgent, _AGENT),
    Row(f"{_AGENT}/drains", DrainAgent, _AGENT),
    Row(f"{_AGENT}/undrains", UndrainAgent, _AGENT),
    Row("/access/links", LinkIdentity, "/access/people"),
    Row("/access/tokens", IssueToken, "/access/tokens"),
    Row("/access/tokens/{token}/revocations", RevokeToken, "/access/tokens"),
)


def _taker(row: Row) -> Callable[..., Any]:
    async def take(
        request: Request,
        authorization: Annotated[str | None, Header()] = None,
        dry_run: bool = False,
    ) -> Response:
        credential = bearer(authorization)
        path = fields_of(request.path_params)
        command = to_command(row.command, await read_object(request), path)
        # The class of each row is one that a request may carry, and it is validated.
        asked = Asked.model_construct(
            id=command_id(request),
            command=cast(AnyCommand, command),
            dry_run=dry_run,
        )
        outcome = await gateway_of(request).sender.send(asked, credential=credential)
        if isinstance(outcome, Problem):
            raise Declined(outcome)
        resource = _resource(row, request.path_params, outcome)
        return _recorded(outcome, resource, is_dry=dry_run)

    return take


def _resource(row: Row, parameters: Mapping[str, Any], done: Done) -> str:
    known: dict[str, Any] = {}
    for event in reversed(done.events):
        known |= event.get("data", {})
    if row.command is RegisterModel and "model" in known:
        return f"/v1{path_of(known['model'])}"
    try:
        return f"/v1{row.resource}".format_map({**known, **parameters})
    except KeyError:  # nothing was recorded, so nothing new has a name
        return f"/v1{row.path}".format_map(parameters)


def _recorded(done: Done, resource: str, *, is_dry: bool) -> Response:
    """Say what was recorded; of a dry run, what would be."""
    document = {
        "seq": done.sequence,
        "rev": done.rev,
        "replayed": done.replayed,
        "resource": resource,
        "events": list(done.events),
    }
    headers = {}
    if not is_dry:
        headers["Location"] = f"{resource}?min_seq={done.sequence}"
        headers["Rollbook-Seq"] = str(done.sequence)
    if done.replayed:
        headers["Rollbook-Replayed"] = "true"
    return Response(
        orjson.dumps(document),
        status_code=200 if is_dry else 201,
        media_type="application/json",
        headers=headers,
    )


def _router() -> APIRouter:
    """Make one route for each row."""
    routes = APIRouter(tags=["commands"])
    for row in ROWS:
        routes.add_api_route(
            row.path,
            _taker(row),
            methods=["POST"],
            status_code=201,
            response_class=Response,
            summary=(row.command.__doc__ or "").strip().splitlines()[0],
            operation_id=row.command.__name__,
            openapi_extra=body_of(row.command, row.path),
        )
    return routes


router: Final = _router()
