"""Where may an alias point?"""

from dataclasses import replace

from rollbook.catalogue.alias import AliasMoved
from rollbook.commands.alias import MoveAlias
from rollbook.refusals import Refusal
from rollbook.standing import alias_moved, version_retired
from rollbook_services.policy.facts import VersionStatus
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules.known import version_named
from rollbook_services.registrar.state import Alias, Mark, Model


def move(command: MoveAlias, decision: Decision) -> Refusal | None:
    """Point an alias elsewhere, if it is where the caller saw it."""
    refusal = _is_no_aim(command, decision)
    if refusal is not None:
        return refusal
    now = decision.model.aliases.get(command.alias)
    actual = now.version if now else None
    if actual != command.expected_previous:
        return alias_moved(
            command.alias,
            expected=command.expected_previous,
            actual=actual,
            by=now.by if now else None,
            at=now.at if now else None,
        )
    if actual != command.version:
        decision.record(
            AliasMoved(
                alias=command.alias,
                from_version=actual,
                to_version=command.version,
                protected=False,
                reason=command.reason,
            )
        )
    return None


def _is_no_aim(command: MoveAlias, decision: Decision) -> Refusal | None:
    if command.version is None:
        return None
    known = version_named(decision, command.version)
    if isinstance(known, Refusal):
        return known
    if known.status is VersionStatus.RETIRED:
        return version_retired(command.version)
    return None


def moved(model: Model, event: AliasMoved, mark: Mark) -> Model:
    """Remember where it points, and who moved it; also that nobody has it now."""
    alias = Alias(event.to_version, mark.actor.id, mark.at)
    return replace(model, aliases={**model.aliases, event.alias: alias})
