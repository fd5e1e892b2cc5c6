"""Several models are released as one: all lanes change, or none."""

from rollbook.catalogue.bundle import (
    BundleCancelled,
    BundleDispatched,
    BundleFailed,
    BundleRequested,
    BundleRolledBack,
    BundleSucceeded,
)
from rollbook.catalogue.parts import Artifact
from rollbook.catalogue.promotion import PromotionDispatched
from rollbook.commands.bundle import (
    CancelBundle,
    DispatchBundle,
    RequestBundle,
    RollBackBundle,
    SettleBundle,
    Wanted,
)
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import CancelPromotion, DispatchPromotion
from rollbook.commands.version import QuarantineVersion, RegisterVersion
from rollbook.names import (
    BundleId,
    Digest,
    ModelName,
    PromotionId,
    Reason,
    StageName,
    TargetName,
    Version,
)
from rollbook.refusals import Reason as Why
from rollbook_services.registrar.surroundings import (
    BundleState,
)
from tests.support.scenario import (
    CAROL,
    CONDUCTOR,
    DAVE,
    PIPELINE,
    STAGING,
    agent,
)
from tests.support.together import World, begun

FEATURES = ModelName("acme/features")
FRAUD = ModelName("acme/fraud")
THRESHOLD = ModelName("acme/threshold")
ALL = (FEATURES, FRAUD, THRESHOLD)
WHY = Reason("one release")
ONE = BundleId(1)


def registered(versions: int = 2) -> World:
    """Three models with their versions; the first of each runs in staging."""
    world = begun()
    for name in ALL:
        world = world.given(RegisterModel(model=name), by=PIPELINE)
        for number in range(1, versions + 1):
            digest = Digest(f"sha256:{hash_of(name, number):064x}")
            artifact = Artifact(uri=f"s3://{name}", digest=digest, size_bytes=9)
            command = RegisterVersion(model=name, artifact=artifact)
            world = world.given(command, by=PIPELINE)
    return world


def hash_of(name: ModelName, number: int) -> int:
    return ALL.index(name) * 100 + number + 1


def bundle(number: int = 1, stage: StageName = STAGING) -> RequestBundle:
    members = tuple(Wanted(model=name, version=Version(number)) for name in ALL)
    return RequestBundle(stage=stage, members=members, reason=WHY)


def dispatched() -> World:
    world = registered().given(bundle(), by=PIPELINE)
    return world.given(DispatchBundle(bundle=ONE), by=CONDUCTOR)


def live(number: int = 1) -> World:
    world = dispatched()
    for name in ALL:
        world = world.applied(name)
    return world.given(SettleBundle(bundle=ONE), by=CONDUCTOR)


def test_a_bundle_asks_for_each_of_its_members_at_once() -> None:
    world = registered().given(bundle(), by=PIPELINE)
    assert world.kinds(BundleRequested) == 1
    for name in ALL:
        promotion = world.model(name).promotions[PromotionId(1)]
        assert (promotion.bundle, promotion.state) == (ONE, "READY")
    alone = DispatchPromotion(model=FRAUD, promotion=PromotionId(1))
    refused = world.when(alone, by=CONDUCTOR).refused()
    assert refused.reason is Why.BUNDLE_MEMBER


def test_one_member_that_cannot_go_refuses_the_whole() -> None:
    world = registered()
    missing = bundle(7)
    refused = world.when(missing, by=PIPELINE).refused()
    assert (refused.reason, refused.detail["model"]) == (Why.UNKNOWN_VERSION, FEATURES)
    assert refused.message.startswith("acme/features: ")
    twice = RequestBundle(stage=STAGING, members=(bundle().members[0],) * 2, reason=WHY)
    assert world.when(twice, by=PIPELINE).refused().reason is Why.INVALID


def test_every_slot_is_taken_in_one_decision() -> None:
    world = dispatched()
    assert world.kinds(PromotionDispatched) == 3
    assert world.kinds(BundleDispatched) == 1
    again = world.when(DispatchBundle(bundle=ONE), by=CONDUCTOR).refused()
    assert again.reason is Why.BUNDLE_CLOSED


def test_no_slot_is_taken_while_one_member_waits() -> None:
    world = registered().given(bundle(stage=StageName("production")), by=PIPELINE)
    world = world.given(DispatchBundle(bundle=ONE), by=CONDUCTOR)
    assert world.kinds(PromotionDispatched) == 0
    assert world.bundle() == "WAITING"


def test_it_has_succeeded_when_every_member_is_live() -> None:
    world = dispatched().applied(FEATURES).applied(FRAUD)
    world = world.given(SettleBundle(bundle=ONE), by=CONDUCTOR)
    assert world.events() == []
    world = world.applied(THRESHOLD).given(SettleBundle(bundle=ONE), by=CONDUCTOR)
    assert world.kinds(BundleSucceeded) == 1


def test_of_three_one_fails_and_the_others_are_taken_back() -> None:
    world = live().given(bundle(2), by=PIPELINE)
    two = BundleId(2)
    world = world.given(DispatchBundle(bundle=two), by=CONDUCTOR)
    world = world.applied(FEATURES).applied(FRAUD, code="load_failed")
    world = world.given(SettleBundle(bundle=two), by=CONDUCTOR)
    [failed] = [each for each in world.events() if isinstance(each, BundleFailed)]
    assert (failed.because_of, failed.reason_code) == (FRAUD, "failed")
    assert {each.model for each in failed.taken_back} == set(ALL)
    assert {each.version for each in failed.taken_back} == {1}
    for name in ALL:
        desired = world.model(name).lane(STAGING).desired
        assert desired is not None
        assert desired.variants["stable"].version == 1
    assert world.bundle(two) == "FAILED"


def test_where_nothing_ran_before_what_is_under_way_stops() -> None:
    world = dispatched().applied(FEATURES).applied(FRAUD, code="load_failed")
    world = world.given(SettleBundle(bundle=ONE), by=CONDUCTOR)
    assert world.kinds(BundleFailed) == 1
    assert world.model(THRESHOLD).promotions[PromotionId(1)].state == "ABORTED"


def test_a_member_that_ends_before_dispatch_ends_the_bundle() -> None:
    world = registered().given(bundle(), by=PIPELINE)
    bar = QuarantineVersion(model=FRAUD, version=Version(1), reason=WHY)
    world = world.given(bar, by=DAVE).given(SettleBundle(bundle=ONE), by=CONDUCTOR)
    [ended] = [each for each in world.events() if isinstance(each, BundleCancelled)]
    assert ended.because_of == FRAUD
    assert world.model(FEATURES).promotions[PromotionId(1)].state == "CANCELLED"


def test_its_requester_or_a_release_manager_withdraws_it_whole() -> None:
    world = registered().given(bundle(), by=PIPELINE)
    alone = CancelPromotion(model=FRAUD, promotion=PromotionId(1), reason=WHY)
    assert world.when(alone, by=PIPELINE).refused().reason is Why.BUNDLE_MEMBER
    cancel = CancelBundle(bundle=ONE, reason=WHY)
    assert world.when(cancel, by=agent(STAGING)).refused().reason is Why.FORBIDDEN
    for who in (PIPELINE, CAROL):
        ended = world.given(cancel, by=who)
        assert ended.bundle() == "CANCELLED"
        assert all(not ended.model(name).open for name in ALL)


def test_a_live_bundle_goes_back_as_one() -> None:
    world = live().given(bundle(2), by=PIPELINE)
    two = BundleId(2)
    world = world.given(DispatchBundle(bundle=two), by=CONDUCTOR)
    for name in ALL:
        world = world.applied(name)
    world = world.given(SettleBundle(bundle=two), by=CONDUCTOR)
    back = world.given(RollBackBundle(bundle=two, reason=WHY), by=DAVE)
    [event] = [each for each in back.events() if isinstance(each, BundleRolledBack)]
    assert [each.version for each in event.rollbacks] == [1, 1, 1]
    assert back.bundle(two) == BundleState.ROLLED_BACK
    refused = world.when(RollBackBundle(bundle=ONE, reason=WHY), by=DAVE).refused()
    assert refused.reason is Why.NOT_STABLE


def test_an_unknown_bundle_is_named() -> None:
    refused = World().when(DispatchBundle(bundle=BundleId(3)), by=CONDUCTOR).refused()
    assert refused.reason is Why.UNKNOWN_BUNDLE
    assert TargetName("default") == "default"
