"""The rules of a model's name and of its versions."""

from dataclasses import replace

import pytest

from rollbook.catalogue.model import ModelRegistered
from rollbook.catalogue.parts import Artifact, Lineage, Parent
from rollbook.catalogue.version import (
    Amendment,
    VersionAmended,
    VersionDeprecated,
    VersionRegistered,
    VersionRetired,
)
from rollbook.commands.alias import MoveAlias
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import CancelPromotion
from rollbook.commands.version import (
    AmendVersion,
    DeprecateVersion,
    RegisterVersion,
    RetireVersion,
)
from rollbook.names import AliasName, EventId, ModelName, PromotionId, Reason, Version
from rollbook.refusals import Reason as Why
from rollbook_services.registrar.state import (
    Model,
)
from tests.support.scenario import (
    ALICE,
    DAVE,
    DEVELOPMENT,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    digest,
    fraud,
    nothing,
    promote,
    register,
)

WRONG = Reason("it was measured wrongly")


def retire(number: int) -> RetireVersion:
    return RetireVersion(model=FRAUD, version=Version(number), reason=WRONG)


def deprecate(number: int) -> DeprecateVersion:
    return DeprecateVersion(model=FRAUD, version=Version(number), reason=WRONG)


def amend(number: int, **changes: object) -> AmendVersion:
    fields = Amendment.model_validate(changes.pop("fields", {"framework": "onnx"}))
    return AmendVersion.model_validate(
        {
            "model": FRAUD,
            "version": number,
            "fields": fields,
            "reason": WRONG,
            **changes,
        }
    )


def test_a_name_is_taken_once_and_for_good() -> None:
    command = RegisterModel(model=FRAUD)
    model = nothing().when(command, by=PIPELINE).then(ModelRegistered)
    model.when(command, by=ALICE).then_refused(Why.ALREADY_EXISTS, model=FRAUD)


def test_nothing_happens_to_a_model_that_nobody_registered() -> None:
    nothing().when(register(1), by=PIPELINE).then_refused(Why.UNKNOWN_MODEL)


def test_versions_are_numbered_from_one_by_the_server() -> None:
    model = fraud()
    for number in (1, 2, 3):
        model = model.given(register(number), by=PIPELINE)
        event = model.then(VersionRegistered).event(VersionRegistered)
        assert (event.version, event.producer) == (number, PIPELINE.id)


def test_the_same_bytes_are_registered_once() -> None:
    late = fraud(1).when(register(1, label="again"), by=ALICE)
    late.then_refused(Why.ALREADY_REGISTERED, version=1)
    late.when(register(2), by=ALICE).then(VersionRegistered)


def test_a_label_says_which_version_it_is() -> None:
    model = fraud().given(register(1, label="run-7"), by=PIPELINE)
    other = model.when(register(2, label="run-7"), by=PIPELINE)
    other.then_refused(Why.LABEL_TAKEN, version=1, digest=digest(1))
    same = model.when(register(1, label="run-7"), by=PIPELINE)
    same.then_refused(Why.ALREADY_REGISTERED, version=1)


def test_a_parent_of_the_same_model_exists() -> None:
    child = register(2, lineage=Lineage(parents=(Parent(model=FRAUD, version=1),)))
    fraud().when(child, by=PIPELINE).then_refused(Why.UNKNOWN_VERSION, version=1)
    fraud(1).when(child, by=PIPELINE).then(VersionRegistered)


def test_a_parent_is_found_under_every_spelling_of_its_model() -> None:
    plain = ModelName("fraud")
    model = replace(nothing(), model=Model(plain))
    model = model.given(RegisterModel(model=plain), by=PIPELINE)
    asked = register(1).model_dump()
    asked["lineage"] = {"parents": [{"model": "default/fraud", "version": 99}]}
    child = RegisterVersion.model_validate({**asked, "model": plain})
    model.when(child, by=PIPELINE).then_refused(Why.UNKNOWN_VERSION, version=99)


def test_a_correction_names_a_parent_that_was_there_before() -> None:
    def made_from(model: str, version: int) -> AmendVersion:
        parents = [{"model": model, "version": version}]
        return amend(2, fields={"lineage": {"parents": parents}})

    three = fraud(3)
    unknown = three.when(made_from(FRAUD, 99), by=PIPELINE)
    unknown.then_refused(Why.UNKNOWN_VERSION, version=99, newest=3)
    for later in (2, 3):
        three.when(made_from(FRAUD, later), by=PIPELINE).then_refused(Why.INVALID)
    three.when(made_from(FRAUD, 1), by=PIPELINE).then(VersionAmended)
    three.when(made_from("acme/other", 99), by=PIPELINE).then(VersionAmended)


def test_a_number_is_not_used_again_after_a_version_is_retired() -> None:
    model = fraud(1).given(retire(1), by=DAVE).when(register(2), by=PIPELINE)
    assert model.event(VersionRegistered).version == 2
    model.when(register(1), by=PIPELINE).then_refused(Why.ALREADY_REGISTERED, version=1)


def test_a_correction_points_at_what_it_corrects() -> None:
    model = fraud(1)
    registration = model.last_id()
    model = model.when(amend(1), by=PIPELINE).then(VersionAmended)
    assert model.event(VersionAmended).amends == registration
    first = model.last_id()
    again = model.when(amend(1, amends=first), by=DAVE).then(VersionAmended)
    assert again.event(VersionAmended).amends == first


def test_a_correction_of_nothing_is_refused() -> None:
    model = fraud(1)
    model.when(amend(1, fields={}), by=PIPELINE).then_refused(Why.INVALID)
    stranger = EventId("0" * 36)
    model.when(amend(1, amends=stranger), by=PIPELINE).then_refused(Why.INVALID)
    model.when(amend(2), by=PIPELINE).then_refused(Why.UNKNOWN_VERSION, newest=1)


def test_a_deprecated_version_may_still_be_chosen_a_retired_one_never() -> None:
    model = fraud(1).when(deprecate(1), by=DAVE).then(VersionDeprecated)
    model.when(deprecate(1), by=DAVE).then()
    asked = model.given(promote(1, STAGING), by=PIPELINE)
    assert asked.state(1) == "READY"
    gone = model.when(retire(1), by=DAVE).then(VersionRetired)
    gone.when(retire(1), by=DAVE).then()
    gone.when(promote(1, STAGING), by=PIPELINE).then_refused(Why.VERSION_RETIRED)
    gone.when(deprecate(1), by=DAVE).then_refused(Why.VERSION_RETIRED)


@pytest.mark.parametrize("step", [retire, deprecate])
def test_what_is_in_use_is_not_taken_away(step: type) -> None:
    waiting = fraud(2).given(promote(1, PRODUCTION), by=PIPELINE)
    waiting.when(step(1), by=DAVE).then_refused(Why.VERSION_IN_USE, promotions=[1])
    cancel = CancelPromotion(model=FRAUD, promotion=PromotionId(1), reason=WRONG)
    waiting.given(cancel, by=DAVE).given(step(1), by=DAVE)
    live = fraud(2).in_staging(1)
    live.when(step(1), by=DAVE).then_refused(Why.VERSION_IN_USE, lanes=["staging"])
    alias = MoveAlias(
        model=FRAUD,
        alias=AliasName("champion"),
        version=Version(2),
        expected_previous=None,
    )
    named = live.given(alias, by=PIPELINE)
    named.when(step(2), by=DAVE).then_refused(Why.VERSION_IN_USE, aliases=["champion"])


def test_an_earlier_stable_version_may_be_retired() -> None:
    model = fraud(2).in_staging(1).in_staging(2)
    model.when(retire(1), by=DAVE).then(VersionRetired)


def test_only_a_release_manager_takes_away() -> None:
    model = fraud(1)
    model.when(retire(1), by=PIPELINE).then_refused(
        Why.FORBIDDEN, needed=["release-manager"]
    )
    assert not model.when(register(2), by=DAVE).history[2:]


def test_a_stage_without_targets_only_keeps_the_record() -> None:
    model = fraud(1).given(promote(1, DEVELOPMENT), by=PIPELINE).dispatched(1)
    assert model.state(1) == "SUCCEEDED"
    assert model.stack(DEVELOPMENT) == [1]


def test_two_uris_of_one_digest_are_one_version() -> None:
    artifact = Artifact(uri="s3://elsewhere", digest=digest(1), size_bytes=1)
    command = RegisterVersion(model=FRAUD, artifact=artifact)
    fraud(1).when(command, by=PIPELINE).then_refused(Why.ALREADY_REGISTERED, version=1)
