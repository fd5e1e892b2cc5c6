"""Does exactly one policy hold for each model, and for all that runs?"""

from collections.abc import Iterator
from typing import Final

from rollbook.names import Line, ModelName
from rollbook.refusals import all_of
from rollbook_services.policy.document import Policy, is_wild, matches
from rollbook_services.policy.fault import Fault
from rollbook_services.policy.lint.known import Known
from rollbook_services.policy.lint.places import each, fault

_APART: Final = "name the model by its own name in one of the two, or in one alone"
_SHOWN: Final = 3


def ties(policy: Policy, known: Known) -> Iterator[Fault]:
    """Find models for which another policy holds just as well (`policy_tie`)."""
    models = policy.spec.applies_to.models
    for other, patterns in sorted(known.policies.items()):
        if other == policy.name:
            continue
        for path, pattern in each("spec.applies_to.models", models):
            if pattern in patterns:
                message = f"`{policy.name}` and `{other}` both hold for `{pattern}`"
                yield fault(path, message, _APART)
        if both := _matched_by_both(models, patterns, known):
            shown = all_of([*both[:_SHOWN], *(["more"] if both[_SHOWN:] else [])])
            message = f"`{policy.name}` and `{other}` both hold for {shown}"
            yield fault("spec.applies_to.models", message, _APART)


def stages_in_use(policy: Policy, known: Known) -> Iterator[Fault]:
    """Find stages that would vanish under what is served there."""
    for stage, models in sorted(known.lanes.items()):
        left = [each for each in sorted(models) if holds_for(policy, each, known)]
        if left and policy.stage(stage) is None:
            message = (
                f"there is no stage `{stage}`, and {all_of(left[:_SHOWN])} is there"
            )
            remedy = f"keep the stage `{stage}` while something is there"
            yield fault("spec.stages", message, remedy)


def warnings(policy: Policy) -> Iterator[Fault]:
    """Find patterns that let the maker of a model choose the rules for it."""
    if not any(stage.protected for stage in policy.stages):
        return
    for path, pattern in each("spec.applies_to.models", policy.spec.applies_to.models):
        if is_wild(pattern):
            message = (
                f"a stage is protected, and whoever registers a model that matches "
                f"`{pattern}` chooses these rules for it"
            )
            yield fault(path, message, "name the models one by one")


def holds_for(policy: Policy, model: ModelName, known: Known) -> bool:
    """Tell whether the policy would govern a model; its own name beats a pattern."""
    if policy.names_exactly(model):
        return True
    others = (names for name, names in known.policies.items() if name != policy.name)
    return policy.matches(model) and not any(model in names for names in others)


def _matched_by_both(
    mine: tuple[Line, ...], theirs: tuple[Line, ...], known: Known
) -> list[ModelName]:
    """Return the models that no policy names, and that a pattern of both matches."""
    named = {name for names in known.policies.values() for name in names} | {*mine}
    shared = {*mine} & {*theirs}
    return [
        model
        for model in sorted(known.models - named)
        if matches(model, mine)
        and matches(model, theirs)
        and not matches(model, shared)
    ]
