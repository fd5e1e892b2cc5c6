"""What happens beside the models: keys, access, policies, freezes, bundles?"""

from typing import Any, Final

from rollbook.catalogue.access import (
    IdentityLinked,
    Place,
    TokenIssued,
    TokenRevoked,
)
from rollbook.catalogue.bundle import (
    BundleCancelled,
    BundleDispatched,
    BundleFailed,
    BundleRequested,
    BundleRolledBack,
    BundleSucceeded,
    Member,
)
from rollbook.catalogue.calendar import (
    FreezeDeclared,
    FreezeLifted,
    InFlight,
    Lanes,
)
from rollbook.catalogue.fleet import (
    AgentDrained,
    AgentEnrolled,
    AgentLost,
    AgentRecovered,
    AgentRevoked,
    AgentUndrained,
)
from rollbook.catalogue.keys import LedgerOpened, PublicKey
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.policy import (
    PolicyActivated,
    PolicyEndorsed,
    PolicyProposed,
    PolicyRetired,
    PolicyRetirementRequested,
    TrialSummary,
)
from rollbook.event import Event
from rollbook.names import (
    AgentName,
    BundleId,
    KeyId,
    ModelName,
    Principal,
    PromotionId,
    RoleName,
    TokenId,
)
from tests.support.examples.parts import (
    BECAUSE,
    DEFAULT,
    LATER,
    NOON,
    ONE,
    POLICY,
    PRODUCTION,
    PROMOTION,
    REVIEWER,
    SCORER,
    TWO,
    digest,
    event_id,
)

DOCUMENT: Final[dict[str, Any]] = {
    "apiVersion": "rollbook/v1",
    "kind": "ReleasePolicy",
    "metadata": {"name": POLICY, "owners": ["group:ml-platform"]},
    "spec": {
        "applies_to": {"models": [SCORER, "fraud/credit-*"]},
        "change_control": {"endorsements": 2, "role": "policy-owner"},
        "stages": [
            {
                "name": PRODUCTION,
                "targets": [DEFAULT],
                "gates": [
                    {
                        "kind": "evidence",
                        "id": "quality",
                        "evidence": "evaluation",
                        "expr": "metrics.auc >= 0.91",
                        "on_missing": "wait",
                    }
                ],
            }
        ],
    },
}
BUNDLE: Final = BundleId(5)
AGENT: Final = AgentName("agent-production-default")
MEMBERS: Final = (
    Member(model=SCORER, version=TWO, promotion=PROMOTION),
    Member(model=ModelName("churn"), version=ONE, promotion=PromotionId(3)),
)
BACK: Final = (Member(model=SCORER, version=ONE, promotion=PromotionId(32)),)

_ACCESS: Final[tuple[Event, ...]] = (
    LedgerOpened(
        origin="ledger.example.com/prod",
        event_key=PublicKey(
            kid=KeyId("ed25519:03396219237f75a6"),
            public="JUO5L/EJVRFHatyDadtt3JM2ZaEZeN2hQE7hBmypVZ0=",
        ),
        stream_settings=digest("5"),
    ),
    TokenIssued(
        token=TokenId("aaaqeayeaudaocaj"),
        sha256="630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd",
        principal=Principal("svc:agent-production"),
        roles=(RoleName("agent"),),
        place=Place(stage=PRODUCTION, target=DEFAULT),
        until=LATER,
    ),
    TokenRevoked(token=TokenId("aaaqeayeaudaocaj"), reason=BECAUSE),
    IdentityLinked(principals=(REVIEWER, Principal("prn:" + "d" * 13)), reason=BECAUSE),
)
_FLEET: Final[tuple[Event, ...]] = (
    AgentEnrolled(
        agent=AGENT,
        place=Place(stage=PRODUCTION, target=DEFAULT),
        public_key="U" + "A" * 55,
        token=TokenId("aaaqeayeaudaocaj"),
    ),
    AgentRevoked(agent=AGENT, reason=BECAUSE),
    AgentDrained(agent=AGENT, reason=BECAUSE),
    AgentUndrained(agent=AGENT, reason=BECAUSE),
    AgentLost(agent=AGENT, session="4f2a", last_heard_at=NOON),
    AgentRecovered(agent=AGENT, session="9c01"),
)
_RULES: Final[tuple[Event, ...]] = (
    PolicyProposed(
        policy=POLICY,
        digest=digest("6"),
        document=DOCUMENT,
        warnings=("stage production: nobody holds role head-of-risk",),
        trial=TrialSummary(
            until_sequence=88_123,
            same=40,
            would_have_been_blocked=3,
            would_have_passed=1,
            not_answerable=2,
        ),
        reason=BECAUSE,
    ),
    PolicyEndorsed(policy=POLICY, digest=digest("6"), comment=BECAUSE),
    PolicyActivated(
        policy=POLICY,
        digest=digest("6"),
        supersedes=digest("7"),
        models=(SCORER, "fraud/credit-*"),
        endorsed_by=(REVIEWER,),
    ),
    PolicyRetirementRequested(policy=POLICY, digest=digest("6"), reason=BECAUSE),
    PolicyRetired(policy=POLICY, digest=digest("6"), reason=BECAUSE),
    FreezeDeclared(
        covers=Lanes(models=("fraud/*",), stages=(PRODUCTION,)),
        from_at=NOON,
        until=LATER,
        in_flight=InFlight.PAUSE,
        exempt=(PromotionKind.ROLLBACK,),
        waivable=True,
        stops_the_line=False,
        reason=BECAUSE,
        incident="INC-204",
    ),
    FreezeLifted(freeze=event_id(80), reason=BECAUSE),
)
_BUNDLES: Final[tuple[Event, ...]] = (
    BundleRequested(bundle=BUNDLE, stage=PRODUCTION, members=MEMBERS, reason=BECAUSE),
    BundleDispatched(bundle=BUNDLE),
    BundleSucceeded(bundle=BUNDLE),
    BundleFailed(
        bundle=BUNDLE,
        because_of=ModelName("churn"),
        reason_code="load-failed",
        taken_back=BACK,
    ),
    BundleCancelled(bundle=BUNDLE, because_of=SCORER, reason=BECAUSE),
    BundleRolledBack(bundle=BUNDLE, rollbacks=BACK, reason=BECAUSE),
)

EXAMPLES: Final = (*_ACCESS, *_FLEET, *_RULES, *_BUNDLES)
