"""Who wants which rules, who agrees to them, and from when do they hold?"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Final

from rollbook.catalogue.policy import (
    PolicyActivated,
    PolicyEndorsed,
    PolicyProposed,
    PolicyRetired,
    PolicyRetirementRequested,
)
from rollbook.commands.policy import ActivatePolicy, ProposePolicy, RetirePolicy
from rollbook.envelope import ActorKind, Stamp
from rollbook.governing import (
    already_active,
    already_endorsed,
    already_proposed,
    policy_invalid,
    policy_tie,
    unknown_policy,
)
from rollbook.names import Digest, PolicyName
from rollbook.refusals import Refusal, not_a_person
from rollbook_services.policy.document import Policy, digest_of
from rollbook_services.policy.fault import Fault
from rollbook_services.policy.lint.known import Known
from rollbook_services.policy.lint.lint import Report, lint
from rollbook_services.policy.reading import check
from rollbook_services.registrar.governing import active, read
from rollbook_services.registrar.rules.endorsing import (
    agreed_by,
    are_too_few,
    others_of,
    proposal,
    wanting,
)
from rollbook_services.registrar.state import Mark
from rollbook_services.registrar.surroundings import (
    Access,
    KnownPolicy,
    Policies,
    Revision,
)
from rollbook_services.registrar.tying import ties

LONGEST_WARNING: Final = 2000


def propose(
    command: ProposePolicy, policies: Policies, access: Access, stamp: Stamp
) -> list[PolicyProposed] | Refusal:
    """Want rules; they hold for nothing until enough people agree."""
    policy = check(command.document)
    if not isinstance(policy, Policy):
        return _invalid(policy)
    digest = digest_of(command.document)
    refusal = _is_known(policies, policy.name, digest)
    refusal = refusal or _ties(policy, policies)
    if refusal is not None:
        return refusal
    found = _examine(policy, access, stamp)
    if found.errors:
        return _invalid(found.errors)
    return [
        PolicyProposed(
            policy=policy.name,
            digest=digest,
            document=command.document,
            warnings=tuple(str(each)[:LONGEST_WARNING] for each in found.warnings),
            trial=command.trial,
            reason=command.reason,
        )
    ]


def _invalid(faults: Sequence[Fault]) -> Refusal:
    return policy_invalid([asdict(each) for each in faults])


def _examine(policy: Policy, access: Access, stamp: Stamp) -> Report:
    known = Known(holders=access.holders(stamp.at), persons=access.persons)
    return lint(policy, known, as_of=stamp.at)


def _is_known(policies: Policies, name: PolicyName, digest: Digest) -> Refusal | None:
    known = policies.policies.get(name)
    if known is None or digest not in known.revisions:
        return None
    if digest == known.active:
        return already_active(name, digest, at=known.activated_at)
    return already_proposed(name, digest, by=known.revisions[digest].proposed_by)


def _ties(policy: Policy, policies: Policies) -> Refusal | None:
    """Refuse rules for models that another active policy holds for just as well."""
    for other in others_of(policy, policies):
        found = ties(policy, other)
        if found:
            return policy_tie(policy.name, other.name, ties=found)
    return None


def activate(
    command: ActivatePolicy, policies: Policies, access: Access, stamp: Stamp
) -> list[PolicyActivated] | Refusal:
    """Let proposed rules hold, once as many people agree as `endorsing` says.

    Everything is looked at again: roles, persons and other policies may have changed.
    """
    found = proposal(policies, command.policy, command.digest)
    if isinstance(found, Refusal):
        return found
    known, revision = found
    policy = check(revision.document)
    if not isinstance(policy, Policy):
        return _invalid(policy)
    agreed = agreed_by(known, revision, access, stamp)
    refusal = are_too_few(agreed, found, policy, policies) or _ties(policy, policies)
    if refusal is not None:
        return refusal
    errors = _examine(policy, access, stamp).errors
    if errors:
        return _invalid(errors)
    return [
        PolicyActivated(
            policy=known.name,
            digest=revision.digest,
            supersedes=known.active,
            models=policy.spec.applies_to.models,
            endorsed_by=tuple(agreed),
        )
    ]


def retire(
    command: RetirePolicy, policies: Policies, access: Access, stamp: Stamp
) -> list[PolicyRetired | PolicyRetirementRequested] | Refusal:
    """Let rules hold for nothing; other policies, or the built-in one, take over.

    It takes one who asks and as many more as the rules want endorsements.
    """
    known = policies.policies.get(command.policy)
    if known is None or known.active is None:
        held = sorted(policy.name for _, policy in active(policies))
        return unknown_policy(command.policy, held)
    asked = wanting(known, access, stamp)
    who = stamp.actor.id
    for by in asked:
        if access.person(by) == access.person(who):
            return already_endorsed(who, policy=known.name, by=by)
    needed = read(known.revisions[known.active]).spec.change_control.endorsements
    if needed and stamp.actor.kind is not ActorKind.PERSON:
        return not_a_person(who)
    kind = PolicyRetired if len(asked) >= needed else PolicyRetirementRequested
    return [kind(policy=known.name, digest=known.active, reason=command.reason)]


def proposed(policies: Policies, event: PolicyProposed, mark: Mark) -> Policies:
    """Remember a proposal, under its digest."""
    known = policies.policies.get(event.policy, KnownPolicy(event.policy))
    revision = Revision(event.digest, event.document, mark.actor.id)
    return _with(policies, known, revision)


def endorsed(policies: Policies, event: PolicyEndorsed, mark: Mark) -> Policies:
    """Remember who agreed."""
    known = policies.policies[event.policy]
    revision = known.revisions[event.digest]
    by = (*revision.endorsed_by, mark.actor.id)
    return _with(policies, known, replace(revision, endorsed_by=by))


def activated(policies: Policies, event: PolicyActivated, mark: Mark) -> Policies:
    """Let the rules hold; what they supersede is past, other proposals stay open."""
    known = replace(
        _without_active(policies.policies[event.policy]),
        active=event.digest,
        activated_by=mark.actor.id,
        activated_at=mark.at,
    )
    return _put(policies, known)


def retirement_requested(
    policies: Policies, event: PolicyRetirementRequested, mark: Mark
) -> Policies:
    """Remember who wants them gone."""
    known = policies.policies[event.policy]
    return _put(policies, replace(known, retiring=(*known.retiring, mark.actor.id)))


def retired(policies: Policies, event: PolicyRetired, mark: Mark) -> Policies:
    """Let them hold for nothing; open proposals stay open."""
    return _put(policies, _without_active(policies.policies[event.policy]))


def _without_active(known: KnownPolicy) -> KnownPolicy:
    if known.active is None:
        return known
    left = {key: each for key, each in known.revisions.items() if key != known.active}
    return replace(
        known,
        active=None,
        activated_by=None,
        activated_at=None,
        retiring=(),
        revisions=left,
        past=known.past | {known.active},
    )


def _with(policies: Policies, known: KnownPolicy, revision: Revision) -> Policies:
    revisions = {**known.revisions, revision.digest: revision}
    return _put(policies, replace(known, revisions=revisions))


def _put(policies: Policies, known: KnownPolicy) -> Policies:
    return replace(policies, policies={**policies.policies, known.name: known})
