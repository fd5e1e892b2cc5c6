"""Of which lanes may an agent speak, and what has it said of one last?"""

from dataclasses import replace

from rollbook.catalogue.target import Report
from rollbook.names import StageName
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules.lane import changed
from rollbook_services.registrar.state import Model, TargetNow


def is_own(decision: Decision, stage: StageName) -> bool:
    """Tell whether a lane is the actor's: its stage's, or one that runs beside that.

    Who has no place, as the conductor, may speak of every lane that its grants reach.
    """
    own = decision.actor.credential.get("stage")
    if own is None or own == stage:
        return True
    desired = decision.model.lane(stage).desired
    return desired is not None and desired.beside == own


def told(model: Model, said: Report, state: str, code: str | None = None) -> Model:
    """Remember the last thing that a target's agent said."""
    now = TargetNow(
        state=state,
        agent=said.agent,
        seq=said.seq,
        revision=said.revision,
        token=said.token,
        observed=said.observed,
        reason_code=code,
    )
    lane = model.lane(said.stage)
    lane = replace(lane, targets={**lane.targets, said.target: now})
    return changed(model, said.stage, lane)
