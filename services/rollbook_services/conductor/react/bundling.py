"""Which bundles can go, and which have to be looked at because a member ended?"""

from collections.abc import Iterable, Iterator, Sequence

from rollbook.commands.bundle import DispatchBundle, SettleBundle
from rollbook_services.conductor.react.due import Due, named
from rollbook_services.conductor.react.memory import Bundle, Member, Trigger


def bundles(known: Iterable[Bundle]) -> Iterator[Due]:
    """Ask to settle a bundle when a member ended, to dispatch it when all can go."""
    for bundle in known:
        ended = _ended(bundle)
        if ended is not None:
            yield Due(
                named(ended.event, "settle", bundle.bundle),
                SettleBundle(bundle=bundle.bundle),
                ended.event,
            )
            continue
        opened = None if bundle.is_dispatched else _opened(bundle.members)
        if opened is not None:
            yield Due(
                named(opened.event, "dispatch-bundle", bundle.bundle),
                DispatchBundle(bundle=bundle.bundle),
                opened.event,
            )


def _ended(bundle: Bundle) -> Trigger | None:
    """Return the last end that matters: after dispatch, a success alone does not."""
    members = bundle.members
    is_over = all(member.has_succeeded for member in members)
    return _last(
        member.ended
        for member in members
        if is_over or not (bundle.is_dispatched and member.has_succeeded)
    )


def _opened(members: Sequence[Member]) -> Trigger | None:
    """Return what made the last of all members able to go."""
    if not all(member.readied and member.is_lane_free for member in members):
        return None
    return _last(
        trigger for member in members for trigger in (member.readied, member.freed)
    )


def _last(triggers: Iterable[Trigger | None]) -> Trigger | None:
    there = [trigger for trigger in triggers if trigger is not None]
    return max(there, key=lambda each: each.sequence, default=None)
