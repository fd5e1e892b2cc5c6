"""May a model have this name?"""

from dataclasses import replace

from rollbook.catalogue.model import ModelRegistered
from rollbook.commands.model import RegisterModel
from rollbook.refusals import Refusal
from rollbook.standing import already_exists
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.state import (
    Mark,
    Model,
)


def register(command: RegisterModel, decision: Decision) -> Refusal | None:
    """Take a name, for good."""
    if decision.model.is_registered:
        return already_exists("model", decision.model.name)
    decision.record(
        ModelRegistered(
            model=command.model,
            owners=command.owners,
            task=command.task,
            tier=command.tier,
            description=command.description,
            labels=command.labels,
            side_effect_free=command.side_effect_free,
        )
    )
    return None


def registered(model: Model, event: ModelRegistered, mark: Mark) -> Model:
    """Remember that the name is taken, and what policies may ask of the model."""
    return replace(
        model,
        is_registered=True,
        tier=event.tier,
        side_effect_free=event.side_effect_free,
    )
