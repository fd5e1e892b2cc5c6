"""How does a test say what is known in few words, or read what a view remembers?"""

from datetime import datetime, timedelta

from rollbook.names import EventId, ModelName, PromotionId, StageName
from rollbook_projections.projector import Projector
from rollbook_services.conductor.queries import moment
from rollbook_services.conductor.queries.moment import Looked
from rollbook_services.conductor.react.instants import sortable
from rollbook_services.conductor.react.memory import (
    Memory,
    Open,
    Timer,
    Trigger,
    Waiting,
)
from tests.support.agents import MODEL
from tests.support.conducting import Registrar
from tests.support.recorder import BEGIN

STORY = f"{MODEL}:1"


def event(sequence: int) -> EventId:
    return EventId(f"01990000-0000-7000-8000-{sequence:012d}")


def trigger(sequence: int) -> Trigger:
    return Trigger(event(sequence), sequence)


def minute(number: int) -> datetime:
    return BEGIN + timedelta(minutes=number)


def at(number: int) -> str:
    """Name a minute as memory writes it."""
    return sortable(minute(number))


def waiting(promotion: int, readied: int) -> Waiting:
    return Waiting(
        ModelName(MODEL),
        StageName("prod"),
        PromotionId(promotion),
        trigger(readied),
        STORY,
    )


def timer(name: str, number: int, *, promotion: int = 1, said_by: int = 7) -> Timer:
    return Timer(
        ModelName(MODEL),
        PromotionId(promotion),
        name,
        at(number),
        event(said_by),
        STORY,
    )


def promotion(
    number: int = 1,
    *,
    of: str = MODEL,
    stage: str = "prod",
    is_running: bool = False,
    requested: int = 5,
) -> Open:
    """A promotion that was requested in the minute of its sequence."""
    return Open(
        ModelName(of),
        StageName(stage),
        PromotionId(number),
        is_running,
        requested,
        at(requested),
        STORY,
    )


NEVER = minute(100_000)


async def remembered(
    view: Projector,
    registrar: Registrar,
    now: datetime = NEVER,
    *,
    looked: Looked | None = None,
) -> Memory:
    """Follow the ledger, and read what is new since a look."""
    await view.catch_up(registrar.ledger)
    look = looked or Looked()
    return await view.database.read(
        moment.memory, looked=look, swept=look, now=sortable(now)
    )
