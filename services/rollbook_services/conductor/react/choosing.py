"""For which models may automation choose another version than before?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rollbook.commands.promotion import RequestCandidates
from rollbook.names import EventId, ModelName
from rollbook_services.conductor.react.covering import covers_model
from rollbook_services.conductor.react.due import Due, named
from rollbook_services.conductor.react.memory import (
    Changed,
    Hold,
    Kind,
    Policy,
    Stir,
)

Active = Mapping[str, Mapping[str, Any]]
"""By name, the active policies as they are stored."""


def read_policies(active: Active) -> dict[str, Policy]:
    """Read stored policies."""
    return {
        name: Policy(tuple(each["models"]), each["is_automatic"])
        for name, each in active.items()
    }


def chooses(model: str, policies: Mapping[str, Policy]) -> bool:
    """Tell whether the policy that holds for a model leaves a lane to automation.

    Its own name beats patterns; without either the built-in policy holds, which
    leaves none.
    """
    exact = [each for each in policies.values() if model in each.models]
    holding = exact or [
        each for each in policies.values() if covers_model(each.models, model)
    ]
    return any(each.is_automatic for each in holding)


def candidates(
    changed: Iterable[Changed],
    holds: Iterable[Hold],
    *,
    stirs: Sequence[Stir],
    policies: Mapping[str, Policy],
) -> Iterator[Due]:
    """Ask once for the newest event, or the end of a hold, that may change the choice.

    Which version it is, and whether, the registrar alone says.
    """
    activated = [stir for stir in stirs if stir.kind is Kind.POLICY]
    activated.sort(key=lambda each: each.sequence, reverse=True)
    for each in changed:
        if chooses(each.model, policies):
            cause = _newest(each, activated)
            if cause is not None:
                yield _request(each.model, cause)
    for hold in holds:
        if chooses(hold.model, policies):
            yield _request(hold.model, hold.event, hold.at)


def _newest(changed: Changed, newest_first: Sequence[Stir]) -> EventId | None:
    own = changed.cause
    for stir in newest_first:
        if own is not None and own.sequence > stir.sequence:
            break
        if covers_model(stir.models, changed.model):
            return stir.event
    return None if own is None else own.event


def _request(model: ModelName, cause: EventId, at: str | None = None) -> Due:
    about = (model,) if at is None else (at, model)
    command = RequestCandidates(model=model)
    return Due(named(cause, "candidates", *about), command, cause, at=at)
