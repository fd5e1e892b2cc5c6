"""Who has to agree to rules before they hold, and who did?"""

from rollbook.catalogue.policy import PolicyEndorsed
from rollbook.commands.policy import EndorsePolicy
from rollbook.envelope import Actor, ActorKind, Stamp
from rollbook.governing import (
    already_active,
    already_endorsed,
    not_endorsed,
    self_endorsement,
    unknown_policy,
    unknown_revision,
)
from rollbook.names import Digest, PolicyName, Principal, RoleName
from rollbook.refusals import Refusal, forbidden, not_a_person
from rollbook_services.policy.document import Policy
from rollbook_services.registrar.authorise import POLICY_OWNER
from rollbook_services.registrar.governing import active, read
from rollbook_services.registrar.surroundings import (
    Access,
    KnownPolicy,
    Policies,
    Revision,
)
from rollbook_services.registrar.tying import takes_from


def endorse(
    command: EndorsePolicy, policies: Policies, access: Access, stamp: Stamp
) -> list[PolicyEndorsed] | Refusal:
    """Agree to rules that another person proposed."""
    found = proposal(policies, command.policy, command.digest)
    if isinstance(found, Refusal):
        return found
    known, revision = found
    refusal = _may_not(stamp.actor, known) or _is_no_other(
        stamp, known, revision, access
    )
    if refusal is not None:
        return refusal
    return [
        PolicyEndorsed(
            policy=known.name, digest=revision.digest, comment=command.comment
        )
    ]


def proposal(
    policies: Policies, name: PolicyName, digest: Digest
) -> tuple[KnownPolicy, Revision] | Refusal:
    """Find an open proposal."""
    known = policies.policies.get(name)
    if known is None:
        return unknown_policy(name, sorted(policies.policies))
    if digest == known.active:
        return already_active(name, digest, at=known.activated_at)
    revision = known.revisions.get(digest)
    if revision is None:
        return unknown_revision(name, digest, sorted(_open(known)))
    return known, revision


def _open(known: KnownPolicy) -> set[Digest]:
    return set(known.revisions) - {known.active}


def _may_not(actor: Actor, known: KnownPolicy) -> Refusal | None:
    if actor.kind is not ActorKind.PERSON:
        return not_a_person(actor.id)
    role = role_of(known)
    if role in actor.roles:
        return None
    return forbidden(f"endorse policy {known.name}", who=actor.id, roles=(role,))


def role_of(known: KnownPolicy) -> RoleName:
    """Say who endorses: the active revision does, about its own successor."""
    if known.active is None:
        return POLICY_OWNER
    return read(known.revisions[known.active]).spec.change_control.role


def _is_no_other(
    stamp: Stamp, known: KnownPolicy, revision: Revision, access: Access
) -> Refusal | None:
    """Refuse a person who proposed the rules, or agreed to them, as whomever."""
    who, proposer = stamp.actor.id, revision.proposed_by
    person = access.person(who)
    if person == access.person(proposer):
        return self_endorsement(who, policy=known.name, proposer=proposer)
    for by in agreed_by(known, revision, access, stamp):
        if person == access.person(by):
            return already_endorsed(who, policy=known.name, by=by)
    return None


def are_too_few(
    agreed: list[Principal],
    found: tuple[KnownPolicy, Revision],
    policy: Policy,
    policies: Policies,
) -> Refusal | None:
    """Refuse rules to which too few people agree."""
    known, revision = found
    needed = _needed(known, policy, policies)
    if len(agreed) >= needed:
        return None
    return not_endorsed(
        known.name,
        revision.digest,
        needed=needed,
        by=agreed,
        lapsed=[each for each in revision.endorsed_by if each not in agreed],
        role=role_of(known),
    )


def agreed_by(
    known: KnownPolicy, revision: Revision, access: Access, stamp: Stamp
) -> list[Principal]:
    """Count persons once, who still hold the role, never the proposer's own."""
    role, holders = role_of(known), access.holders(stamp.at)
    counted = {access.person(revision.proposed_by)}
    agreed = []
    for who in revision.endorsed_by:
        person = access.person(who)
        if person not in counted and role in holders.get(who, ()):
            counted.add(person)
            agreed.append(who)
    return agreed


def wanting(known: KnownPolicy, access: Access, stamp: Stamp) -> list[Principal]:
    """Return who wants the rules gone and still may."""
    holders = access.holders(stamp.at)
    return [who for who in known.retiring if POLICY_OWNER in holders.get(who, ())]


def _needed(known: KnownPolicy, policy: Policy, policies: Policies) -> int:
    """Say how many people besides its proposer must agree to rules.

    The active revision says so of its successor. Rules without a predecessor need as
    many as they ask for themselves; only the very first rules of an installation need
    nobody, since there is nobody yet to have agreed on who agrees. Whoever names a
    model that the pattern of another policy holds for takes it away from that one,
    and needs as many as that one asks for too.
    """
    if known.active is not None:
        before = read(known.revisions[known.active])
    elif any(each.active or each.past for each in policies.policies.values()):
        before = policy
    else:
        return 0
    robbed = [each for each in others_of(policy, policies) if takes_from(policy, each)]
    return max(each.spec.change_control.endorsements for each in (before, *robbed))


def others_of(policy: Policy, policies: Policies) -> list[Policy]:
    """Return the other policies that hold."""
    return [each for _, each in active(policies) if each.name != policy.name]
