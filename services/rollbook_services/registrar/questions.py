"""How is a question answered, which leaves nothing behind?"""

import asyncio
from datetime import datetime
from typing import cast

from rollbook.commands.explain import Explain
from rollbook.commands.wire import Told
from rollbook.envelope import Actor
from rollbook.refusals import Refusal, invalid_field
from rollbook.subjects import ACCESS, CALENDAR, FLEET, POLICIES, model
from rollbook_services.registrar.authorise import may
from rollbook_services.registrar.basis import Basis
from rollbook_services.registrar.cache import Cache
from rollbook_services.registrar.explaining import explain
from rollbook_services.registrar.governing import context_for
from rollbook_services.registrar.state import Model


async def tell(
    command: Explain, actor: Actor, cache: Cache, *, now: datetime
) -> Told | Refusal:
    """Explain a promotion, as things stand or as they stood at a place of the ledger.

    Raises Unavailable when that much of the ledger cannot be read.
    """
    refusal = may(actor, command)
    if refusal is not None:
        return refusal
    head = await cache.head()
    if command.as_of is not None and command.as_of > head:
        remedy = f"the ledger ends at {head}; name a place up to there, or none for now"
        return invalid_field("as_of", remedy)
    sequence = head if command.as_of is None else command.as_of
    basis = await _basis(command, cache)
    at = now if command.as_of is None else await cache.time_at(sequence)
    around = basis.around
    context = context_for(
        command.model, around.access, around.policies, around.calendar, around.fleet
    )
    state = cast("Model", basis.own.state)
    answer = explain(state, context, command, max(at, basis.not_before()))
    if isinstance(answer, Refusal):
        return answer
    return Told(sequence=sequence, answer=answer)


async def _basis(command: Explain, cache: Cache) -> Basis:
    """Read all that the answer rests on, as the ledger's leader has it."""
    read = (model(command.model), ACCESS, POLICIES, CALENDAR, FLEET)
    if command.as_of is None:
        found = await asyncio.gather(*map(cache.refresh, read))
    else:
        found = [await cache.as_of(each, command.as_of) for each in read]
    own, access, policies, calendar, fleet = found
    return Basis(own, access, policies, calendar, fleet)
