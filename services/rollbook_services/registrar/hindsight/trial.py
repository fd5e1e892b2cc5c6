"""What would a policy have said of the decisions of a ledger?

Each is judged on what really happened until then (design/promotion.md §4.4).
"""

from collections.abc import Iterable
from datetime import datetime

from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook.names import ModelName
from rollbook_services.policy.document import Policy
from rollbook_services.registrar.governing import active
from rollbook_services.registrar.hindsight.history import decisions
from rollbook_services.registrar.hindsight.verdict import Trial, Verdict
from rollbook_services.registrar.hindsight.watching import Watch
from rollbook_services.registrar.surroundings import Policies

Moment = int | datetime
"""A sequence, or an instant."""


def trial(
    policy: Policy,
    envelopes: Iterable[Envelope[Event]],
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    models: Iterable[str] | None = None,
) -> Trial:
    """Judge the decisions of a ledger by a policy; it is read from its first event on.

    `since`, `until` and `models` (names or patterns) choose whose verdicts are given.
    """
    named = None if models is None else tuple(models)
    watch, until_sequence = Watch(policy, named), 0
    for run in decisions(envelopes):
        watch.take(run)
        if not _is_after(run[-1], until):
            until_sequence = run[-1].sequence
    held = watch.history.policies()
    return Trial(
        until_sequence,
        tuple(
            each
            for each in watch.verdicts
            if not _is_before(each, since)
            and not _is_after(each, until)
            and _would_hold(policy, each.model, held)
        ),
    )


def _is_before(of: Envelope[Event] | Verdict, bound: Moment | None) -> bool:
    if isinstance(bound, datetime):
        return of.at < bound
    return bound is not None and of.sequence < bound


def _is_after(of: Envelope[Event] | Verdict, bound: Moment | None) -> bool:
    if isinstance(bound, datetime):
        return of.at > bound
    return bound is not None and of.sequence > bound


def _would_hold(policy: Policy, model: ModelName, held: Policies) -> bool:
    """Tell whether it, and no other that is active now, would hold for a model."""
    others = (each for _, each in active(held) if each.name != policy.name)
    return policy.names_exactly(model) or not any(
        each.names_exactly(model) for each in others
    )
