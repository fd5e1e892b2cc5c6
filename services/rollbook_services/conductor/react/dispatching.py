"""Which promotion has its turn in a free lane?"""

from collections.abc import Iterable, Iterator

from rollbook.commands.promotion import DispatchPromotion
from rollbook_services.conductor.react.due import Answers, Due, named
from rollbook_services.conductor.react.memory import Lane, Trigger, Waiting


def dispatches(lanes: Iterable[Lane], answers: Answers) -> Iterator[Due]:
    """Ask, for each free lane, to dispatch the promotion that waits longest.

    After a no the next one has its turn; a no would be a no again.
    """
    for lane in lanes:
        for due in _by_age(lane):
            answer = answers.get(due.id)
            if answer is None:
                yield due
                break
            if answer.has_begun:
                break  # the ledger says so soon


def _by_age(lane: Lane) -> Iterator[Due]:
    for waiting in sorted(lane.waiting, key=lambda each: each.readied.sequence):
        yield _dispatch(waiting, lane.freed)


def _dispatch(waiting: Waiting, freed: Trigger | None) -> Due:
    readied = waiting.readied
    cause = freed if freed and freed.sequence > readied.sequence else readied
    return Due(
        # Of one event, several promotions may become due, one after the other.
        named(cause.event, "dispatch", waiting.promotion),
        DispatchPromotion(model=waiting.model, promotion=waiting.promotion),
        cause.event,
        waiting.correlation,
    )
