"""Where may an alias point?"""

from dataclasses import replace

from rollbook.catalogue.alias import AliasMoved
from rollbook.commands.alias import MoveAlias
from rollbook.names import AliasName, StageName, Version
from rollbook.refusals import Refusal
from rollbook.standing import alias_moved, version_retired
from rollbook.waiving import alias_follows, alias_protected
from rollbook_services.policy.facts import VersionStatus
from rollbook_services.registrar.authorise import RELEASE_MANAGER
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules.known import version_named
from rollbook_services.registrar.state import Alias, Mark, Model


def move(command: MoveAlias, decision: Decision) -> Refusal | None:
    """Point an alias elsewhere, if it is where the caller saw it."""
    refusal = _is_guarded(command, decision) or _is_no_aim(command, decision)
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
                protected=_is_protected(command.alias, decision),
                reason=command.reason,
            )
        )
    return None


def _is_guarded(command: MoveAlias, decision: Decision) -> Refusal | None:
    """Ask the policy who may move it: nobody, where it follows a lane."""
    followed = decision.policy.spec.aliases.follow.get(command.alias)
    if followed is not None:
        return alias_follows(
            command.alias,
            stage=followed,
            model=decision.model.name,
            version=command.version,
        )
    actor = decision.actor
    if not _is_protected(command.alias, decision) or RELEASE_MANAGER in actor.roles:
        return None
    return alias_protected(command.alias, who=actor.id, roles=(RELEASE_MANAGER,))


def _is_protected(alias: AliasName, decision: Decision) -> bool:
    return alias in decision.policy.spec.aliases.protected


def _is_no_aim(command: MoveAlias, decision: Decision) -> Refusal | None:
    if command.version is None:
        return None
    known = version_named(decision, command.version)
    if isinstance(known, Refusal):
        return known
    if known.status is VersionStatus.RETIRED:
        return version_retired(command.version)
    return None


def follow(decision: Decision, stage: StageName) -> None:
    """Let the aliases that follow a lane name its stable version, or nothing."""
    for alias, followed in decision.policy.spec.aliases.follow.items():
        stable = decision.model.lane(stage).stable
        to: Version | None = stable[-1].version if stable else None
        now = decision.model.aliases.get(alias)
        actual = now.version if now else None
        if followed == stage and actual != to:
            decision.record(
                AliasMoved(
                    alias=alias,
                    from_version=actual,
                    to_version=to,
                    protected=_is_protected(alias, decision),
                    reason=None,
                )
            )


def moved(model: Model, event: AliasMoved, mark: Mark) -> Model:
    """Remember where it points, and who moved it; also that nobody has it now."""
    alias = Alias(event.to_version, mark.actor.id, mark.at)
    return replace(model, aliases={**model.aliases, event.alias: alias})
