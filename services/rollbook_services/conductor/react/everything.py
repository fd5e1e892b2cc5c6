"""What is due now, all of it, the most urgent first?"""

from collections.abc import Iterator

from rollbook_services.conductor.react.bundling import bundles
from rollbook_services.conductor.react.choosing import candidates
from rollbook_services.conductor.react.dispatching import dispatches
from rollbook_services.conductor.react.due import Answers, Due
from rollbook_services.conductor.react.memory import Memory
from rollbook_services.conductor.react.stirring import stirred
from rollbook_services.conductor.react.timing import timed


def due(memory: Memory, answers: Answers) -> Iterator[Due]:
    """Ask every rule; what was answered before may come again."""
    yield from dispatches(memory.lanes, answers)
    yield from bundles(memory.bundles)
    yield from timed(memory.timers)
    yield from candidates(
        memory.changed, memory.holds, stirs=memory.stirs, policies=memory.policies
    )
    yield from stirred(memory.stirs, memory.open)
