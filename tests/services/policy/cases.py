"""Which facts do tests of gates start from, and how do they vary them?"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from rollbook.catalogue.approval import Bound
from rollbook.catalogue.parts import PromotionKind
from rollbook.names import (
    Digest,
    EventId,
    GateName,
    ModelName,
    Principal,
    PromotionId,
    RoleName,
    StageName,
    Version,
)
from rollbook_services.policy.facts import (
    AboutModel,
    Facts,
    LaneNow,
    LaneStatus,
    Registered,
    VersionStatus,
    Vote,
)

START: Final = datetime(2026, 11, 24, 9, tzinfo=UTC)
STAGING: Final = StageName("staging")
PRODUCTION: Final = StageName("production")
REVIEWER: Final = RoleName("reviewer")
SIGN_OFF: Final = GateName("sign-off")
PIPELINE: Final = Principal("svc:pipeline")


def person(letter: str) -> Principal:
    return Principal(f"prn:{letter * 13}")


def event(letter: str) -> EventId:
    return EventId(letter * 36)


def digest(number: int) -> Digest:
    return Digest(f"sha256:{number:064x}")


ALICE, BOB, CAROL, DAVE = (person(letter) for letter in "abcd")
VERSION: Final = Registered(
    event=event("0"),
    digest=digest(1),
    status=VersionStatus.ACTIVE,
    producer=PIPELINE,
    bar=None,
    proven_in={},
)
LANE: Final = LaneNow(status=LaneStatus.SETTLED, slot=None, unreported=(), hold=None)
FACTS: Final = Facts(
    kind=PromotionKind.FORWARD,
    stage=PRODUCTION,
    version=Version(1),
    requester=ALICE,
    automatic=False,
    registered=VERSION,
    lane=LANE,
    votes=(),
    bound=Bound(
        digest=digest(1),
        stage=PRODUCTION,
        policy_digest=digest(2),
        evidence_set=(),
        incumbent=None,
        survives_rebase=False,
    ),
    binding=digest(3),
    holders={who: frozenset({REVIEWER}) for who in (ALICE, BOB, CAROL)},
    promotion=PromotionId(31),
    model=AboutModel(ModelName("acme/fraud"), None),
    barred={ALICE: "requester", PIPELINE: "producer"},
)


def version(**changes: Any) -> Facts:
    return replace(FACTS, registered=replace(VERSION, **changes))


def lane(**changes: Any) -> Facts:
    return replace(FACTS, lane=replace(LANE, **changes))


def vote(
    who: Principal,
    name: str,
    *roles: str,
    gate: GateName = SIGN_OFF,
    until: datetime | None = None,
    is_rejection: bool = False,
) -> Vote:
    return Vote(
        id=event(name),
        gate=gate,
        who=who,
        roles=tuple(RoleName(role) for role in roles or (REVIEWER,)),
        binding=FACTS.binding,
        valid_until=until,
        is_rejection=is_rejection,
    )
