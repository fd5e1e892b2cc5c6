"""What every decision promises, whatever it is about."""

from pydantic import TypeAdapter

from rollbook.catalogue.model import ModelEvent
from rollbook.commands.command import content_digest
from rollbook.envelope import Envelope
from rollbook.names import CommandId
from rollbook_services.registrar.deciding import initial
from rollbook_services.registrar.evolve import evolve
from rollbook_services.registrar.seeing import explain
from rollbook_services.registrar.state import (
    Answered,
    Model,
)
from tests.support.scenario import (
    DAVE,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    Scenario,
    evaluation,
    fraud,
    promote,
    roll_back,
)


def replayed(history: tuple[Envelope[ModelEvent], ...]) -> Model:
    model = Model(FRAUD)
    for each in history:
        model = evolve(model, each)
    return model


def lived() -> Scenario:
    model = fraud(3).given(evaluation(1), by=PIPELINE)
    model = model.in_production(1).in_production(2)
    return model.given(roll_back(PRODUCTION), by=DAVE).applied(PRODUCTION)


def test_a_replay_gives_the_same_state() -> None:
    model = lived()
    assert replayed(model.history) == model.model


def test_the_state_survives_a_snapshot() -> None:
    adapter, model = TypeAdapter(Model), lived().model
    assert adapter.validate_json(adapter.dump_json(model)) == model


def test_the_history_remembers_which_events_answered_a_command() -> None:
    model = fraud(1).when(promote(1, PRODUCTION), by=PIPELINE, id_="run-7/request")
    command = promote(1, PRODUCTION)
    assert model.model.commands[CommandId("run-7/request")] == Answered(
        first_rev=3,
        first_sequence=3,
        count=len(model.events),
        digest=content_digest(command, actor=PIPELINE.id),
    )


def test_an_aggregate_of_a_model_begins_unregistered() -> None:
    model = initial(fraud().history[0].aggregate)
    assert isinstance(model, Model)
    assert (model.name, model.is_registered) == (FRAUD, False)


def test_explaining_records_nothing_and_says_what_would_help() -> None:
    model = fraud(1).given(promote(1, PRODUCTION), by=PIPELINE)
    judged = explain(model.model, model.promotion(1), model.context, model.at)
    (waiting,) = (each for each in judged if each.result.gate == "sign-off")
    (change,) = waiting.changes_when
    assert change.what == "approve as one reviewer"
    assert set(change.who) == {"prn:" + "a" * 13, "prn:" + "b" * 13, "prn:" + "c" * 13}
    assert replayed(model.history) == model.model
