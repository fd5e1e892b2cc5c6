"""Where in the file does a stage, a gate or an analysis stand?"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault
from rollbook_services.policy.gate import Gate
from rollbook_services.policy.stage import Stage
from rollbook_services.policy.strategy import Analysis

AnyGate = TypeVar("AnyGate", bound=Gate)
Item = TypeVar("Item")


def fault(path: str, message: str, remedy: str) -> Fault:
    """Find fault with a place; the line is known to those who have the text."""
    return Fault(path, None, message, remedy)


def stages(policy: Policy) -> Iterator[tuple[str, Stage]]:
    """Return every stage with its path."""
    return each("spec.stages", policy.stages)


def said_at(policy: Policy, path: str, stage: Stage, *, key: str) -> str:
    """Return where a setting of a stage is written, there or where it inherits it."""
    written = policy.spec.written[policy.stages.index(stage)]
    if key not in written.model_fields_set:
        if key in policy.spec.defaults.model_fields_set:
            return f"spec.defaults.{key}"
        if key == "mode" and key in policy.spec.model_fields_set:
            return "spec.mode"
    return f"{path}.{key}"


def gates(
    path: str, stage: Stage, kind: type[AnyGate]
) -> Iterator[tuple[str, AnyGate]]:
    """Return the gates of one kind in a stage, with their paths."""
    for inside, gate in each(f"{path}.gates", stage.gates):
        if isinstance(gate, kind):
            yield inside, gate


def rollout(path: str, stage: Stage) -> str:
    """Return where it is written how a version comes onto a stage's targets."""
    name = "all_at_once" if stage.strategy.canary is None else "canary"
    return f"{path}.strategy.{name}"


def analyses(path: str, stage: Stage) -> Iterator[tuple[str, Analysis]]:
    """Return what a version has to prove on its way, with the paths."""
    return each(f"{rollout(path, stage)}.analysis", stage.strategy.analysis)


def each(path: str, items: Iterable[Item]) -> Iterator[tuple[str, Item]]:
    """Return the items of a list with their paths."""
    for index, item in enumerate(items):
        yield f"{path}[{index}]", item
