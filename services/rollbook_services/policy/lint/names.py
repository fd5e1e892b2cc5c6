"""Is every name given once, and does every reference name something?"""

from collections.abc import Iterable, Iterator
from typing import Final

from rollbook.catalogue.lane import DriftPolicy
from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault, nearest
from rollbook_services.policy.gate import declared
from rollbook_services.policy.lint.places import each, fault, stages
from rollbook_services.policy.stage import NOT_WRITTEN, Stage

_NEVER_WAIVED: Final = frozenset({"artifact", "quarantine", "lane", "hold"})
_NEVER_LEFT_OUT: Final = frozenset({"artifact", "quarantine", "lane"})


def faults(policy: Policy) -> Iterator[Fault]:
    """Find names given twice, and references to nothing."""
    named = ((f"{path}.name", stage.name) for path, stage in stages(policy))
    yield from _twice(named, "a stage")
    yield from _aliases(policy)
    for path, stage in stages(policy):
        yield from _gates(path, stage)
        windows = each(f"{path}.windows", stage.windows)
        yield from _twice(((f"{at}.name", it.name) for at, it in windows), "a window")
        yield from _twice(each(f"{path}.targets", stage.targets), "a target")
        yield from _rollback(path, stage)
        yield from _break_glass(path, stage)


def _twice(named: Iterable[tuple[str, str]], what: str) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for path, name in named:
        if name in first:
            message = f"{what} is called `{name}` already: {first[name]}"
            yield fault(path, message, "give one of the two another name")
        first.setdefault(name, path)


def _aliases(policy: Policy) -> Iterator[Fault]:
    aliases = policy.spec.aliases
    for alias, stage in aliases.follow.items():
        path = f"spec.aliases.follow.{alias}"
        if policy.stage(stage) is None:
            message = f"there is no stage `{stage}` to follow"
            yield fault(path, message, nearest(stage, policy.names()))
        if alias in aliases.protected:
            message = f"`{alias}` follows a stage and is protected too"
            yield fault(path, message, "leave it out of `protected`: nobody moves it")


def _gates(path: str, stage: Stage) -> Iterator[Fault]:
    named = [(f"{at}.id", gate.id) for at, gate in each(f"{path}.gates", stage.gates)]
    yield from _twice(named, "a gate of this stage")
    for at, name in named:
        if name in _present(stage):
            message = f"`{name}` is the id of a gate that each stage has by itself"
            yield fault(at, message, "give it another id")


def _present(stage: Stage) -> frozenset[str]:
    """Return the gates a stage has by itself; drift keeps back where it says so."""
    if stage.drift is DriftPolicy.REQUIRE_ACCEPTANCE:
        return NOT_WRITTEN
    return NOT_WRITTEN - {"drift"}


def _rollback(path: str, stage: Stage) -> Iterator[Fault]:
    ids = {gate.id for gate in stage.gates} | (_present(stage) - _NEVER_LEFT_OUT)
    for at, name in each(f"{path}.rollback.gates", stage.rollback.gates):
        if name in _NEVER_LEFT_OUT:
            message = f"a rollback has to pass `{name}` in any case"
            yield fault(at, message, "leave it out")
        elif name not in ids:
            message = f"there is no gate `{name}` that a rollback could pass"
            yield fault(at, message, nearest(name, ids))


def _break_glass(path: str, stage: Stage) -> Iterator[Fault]:
    classes = list(each(f"{path}.break_glass", stage.break_glass))
    yield from _twice(((f"{at}.name", it.name) for at, it in classes), "a break-glass")
    waivable = declared().keys() - _NEVER_WAIVED
    for at, glass in classes:
        for inside, kind in each(f"{at}.waives", glass.waives):
            if kind in _NEVER_WAIVED:
                message = f"nobody may waive `{kind}`"
                yield fault(inside, message, "leave it out")
            elif kind not in waivable:
                message = f"`{kind}` is no kind of gate"
                yield fault(inside, message, nearest(kind, waivable))
