"""Who stands behind a credential, and what may they ask for?"""

import hmac
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from rollbook import tokens
from rollbook.commands.access import IssueToken, LinkIdentity, RevokeToken
from rollbook.commands.alias import MoveAlias
from rollbook.commands.approval import (
    Approve,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from rollbook.commands.bundle import (
    CancelBundle,
    DispatchBundle,
    RequestBundle,
    RollBackBundle,
    SettleBundle,
)
from rollbook.commands.calendar import DeclareFreeze, LiftFreeze
from rollbook.commands.command import Command
from rollbook.commands.evidence import RecordEvidence, RevokeEvidence
from rollbook.commands.explain import Explain
from rollbook.commands.fleet import (
    DrainAgent,
    EnrolAgent,
    MarkAgent,
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
    AdvancePromotion,
    CancelPromotion,
    DispatchPromotion,
    EvaluatePromotion,
    ExpirePromotion,
    PausePromotion,
    RecordAnalysis,
    RequestCandidates,
    RequestPromotion,
    RequestRollback,
    ResumePromotion,
)
from rollbook.commands.target import AcceptDrift, ReportTarget
from rollbook.commands.version import (
    AmendVersion,
    DeprecateVersion,
    QuarantineVersion,
    RegisterVersion,
    ReleaseVersion,
    RetireVersion,
)
from rollbook.commands.waiver import CloseReview, ConfirmWaiver, WaiveGates
from rollbook.envelope import Actor, ActorKind
from rollbook.names import AGENT, READERS, Principal, RoleName, TokenId
from rollbook.refusals import Refusal, forbidden, unauthenticated
from rollbook.standing import wrong_target
from rollbook_services.registrar.surroundings import (
    Access,
    Token,
)

VIEWER: Final = RoleName("viewer")
AUDITOR: Final = RoleName("auditor")
PUBLISHER: Final = RoleName("publisher")
RELEASE_MANAGER: Final = RoleName("release-manager")
INCIDENT_COMMANDER: Final = RoleName("incident-commander")
POLICY_OWNER: Final = RoleName("policy-owner")
ACCESS_ADMIN: Final = RoleName("access-admin")
CONDUCTOR: Final = Principal("rollbook:conductor")

# Which roles may ask for what (design/promotion.md §1.3, design/proof.md §5).
GRANTS: Final[Mapping[type[Command], Collection[RoleName]]] = {
    RegisterModel: (PUBLISHER,),
    RegisterVersion: (PUBLISHER,),
    AmendVersion: (PUBLISHER, RELEASE_MANAGER),
    DeprecateVersion: (RELEASE_MANAGER,),
    RetireVersion: (RELEASE_MANAGER,),
    QuarantineVersion: (RELEASE_MANAGER,),
    ReleaseVersion: (RELEASE_MANAGER,),
    RecordEvidence: (PUBLISHER,),
    RevokeEvidence: (RELEASE_MANAGER,),
    MoveAlias: (PUBLISHER, RELEASE_MANAGER),
    RequestPromotion: (PUBLISHER, RELEASE_MANAGER),
    RequestRollback: (RELEASE_MANAGER, INCIDENT_COMMANDER),
    EvaluatePromotion: (),
    DispatchPromotion: (),
    CancelPromotion: (RELEASE_MANAGER,),
    AbortPromotion: (RELEASE_MANAGER, INCIDENT_COMMANDER),
    PlaceHold: (RELEASE_MANAGER,),
    ReleaseHold: (RELEASE_MANAGER,),
    RequestCandidates: (),
    AdvancePromotion: (),
    ExpirePromotion: (),
    PausePromotion: (RELEASE_MANAGER, INCIDENT_COMMANDER),
    ResumePromotion: (RELEASE_MANAGER, INCIDENT_COMMANDER),
    RecordAnalysis: (PUBLISHER, AGENT),
    ReportTarget: (AGENT,),
    AcceptDrift: (RELEASE_MANAGER,),
    RequestBundle: (PUBLISHER, RELEASE_MANAGER),
    DispatchBundle: (),
    SettleBundle: (),
    CancelBundle: (RELEASE_MANAGER,),
    RollBackBundle: (RELEASE_MANAGER, INCIDENT_COMMANDER),
    ProposePolicy: (POLICY_OWNER,),
    ActivatePolicy: (POLICY_OWNER,),
    RetirePolicy: (POLICY_OWNER,),
    DeclareFreeze: (RELEASE_MANAGER, INCIDENT_COMMANDER),
    LiftFreeze: (RELEASE_MANAGER,),
    IssueToken: (ACCESS_ADMIN,),
    RevokeToken: (ACCESS_ADMIN,),
    LinkIdentity: (ACCESS_ADMIN,),
    EnrolAgent: (ACCESS_ADMIN,),
    RevokeAgent: (ACCESS_ADMIN,),
    DrainAgent: (RELEASE_MANAGER, INCIDENT_COMMANDER),
    UndrainAgent: (RELEASE_MANAGER, INCIDENT_COMMANDER),
    MarkAgent: (),
    Explain: READERS,
}
_OF_THE_CONDUCTOR: Final = frozenset(
    {
        RequestPromotion,
        RequestRollback,
        RequestCandidates,
        EvaluatePromotion,
        DispatchPromotion,
        AdvancePromotion,
        ExpirePromotion,
        DispatchBundle,
        SettleBundle,
        ReportTarget,
        RecordAnalysis,
        MarkAgent,
        Explain,
    }
)
# Their rules know more than a role: whose it is, or which roles the policy names.
JUDGED_BY_THEIR_RULE: Final = frozenset(
    {
        *(Approve, Reject, RequestChanges, WithdrawVote, RevokeToken),
        *(EvaluatePromotion, CancelPromotion, AbortPromotion, RevokeEvidence),
        *(WaiveGates, ConfirmWaiver, CloseReview, CancelBundle),
        *(EndorsePolicy, DeclareFreeze, ResumePromotion),
    }
)

_KINDS: Final = {
    "prn": ActorKind.PERSON,
    "svc": ActorKind.WORKLOAD,
    "rollbook": ActorKind.SYSTEM,
}
_NO_HASH: Final = "0" * 64  # an unknown id costs the same comparison


def authenticate(access: Access, credential: str, at: datetime) -> Actor | Refusal:
    """Find out who holds an API token that is good at this instant."""
    read = _read(credential)
    if read is None:
        return unauthenticated(
            "this is no API token (`rbk_…`, 80 characters), or a character is wrong"
        )
    id_, sha256 = read
    known: Token | None = access.tokens.get(TokenId(id_))
    stored = known.sha256 if known else _NO_HASH
    fits = hmac.compare_digest(stored, sha256)
    if known is None or not fits:
        return unauthenticated("nobody knows this token")
    if known.revoked:
        return unauthenticated(f"token {id_} was revoked")
    if at >= known.until:
        return unauthenticated(f"token {id_} ran out at {known.until.isoformat()}")
    return _actor(id_, known)


@lru_cache(maxsize=1024)
def _read(credential: str) -> tuple[str, str] | None:
    """Read a token's id and the hash of its secret; most callers call again."""
    read = tokens.read_token(credential)
    return None if read is None else (read[0], tokens.hash_secret(read[1]))


def _actor(id_: str, token: Token) -> Actor:
    kind = _KINDS[token.principal.partition(":")[0]]
    credential = {"token": id_}
    if token.place is not None:
        credential |= {"stage": token.place.stage, "target": token.place.target}
    return Actor(token.principal, kind, token.roles, credential)


def may(actor: Actor, command: Command) -> Refusal | None:
    """Refuse what the actor's roles do not reach; who owns what, the rules know."""
    asked = type(command)
    if isinstance(command, ReportTarget) and AGENT in actor.roles:
        return _place(actor, command)
    if asked in JUDGED_BY_THEIR_RULE or has_grant(actor, asked):
        return None
    if asked is Explain and set(actor.roles) - {AGENT}:
        return None  # who votes by a role that a policy names has to see why
    return refused(actor, asked)


def refused(actor: Actor, asked: type[Command]) -> Refusal:
    """Say which role would be needed."""
    needed = GRANTS[asked] or ("conductor",)
    return forbidden(f"ask for {asked.__name__}", who=actor.id, roles=needed)


def has_grant(actor: Actor, asked: type[Command]) -> bool:
    """Tell whether the actor may ask this about anybody's, not only their own."""
    if actor.id == CONDUCTOR and asked in _OF_THE_CONDUCTOR:
        return True
    return not set(actor.roles).isdisjoint(GRANTS[asked])


def _place(actor: Actor, command: ReportTarget) -> Refusal | None:
    """Refuse to speak for another target, and leave one thing to the rule.

    An agent also speaks of lanes that run beside its own stage: which do, the lane
    knows.
    """
    bound = (actor.credential.get("stage"), actor.credential.get("target"))
    reported = (command.report.stage, command.report.target)
    if bound[0] is not None and bound[1] == reported[1]:
        return None
    return wrong_target(
        actor.id,
        reported="/".join(reported),
        bound="/".join(filter(None, bound)) or "no target",
    )
