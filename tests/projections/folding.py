"""How does a test fold a history into a view, in either database?"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import pytest
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.pool import NullPool, StaticPool

from rollbook.ledger.protocol import Message
from rollbook_projections import generation
from rollbook_projections.fold import Fold
from rollbook_projections.lineage.declaration import LINEAGE
from rollbook_projections.projection import Projection
from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.view import View
from tests.projections.story import Story

Empty = Callable[[], AbstractContextManager[Connection]]
"""Opens a connection to an empty database; what is written is gone afterwards."""
VIEWS: Final = (STAGE, LINEAGE)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest) -> Iterator[Empty]:
    """Offer empty databases of both kinds.

    PostgreSQL takes long to make tables: they are made once, and emptied by going
    back to a savepoint.
    """
    if request.param == "sqlite":
        yield _sqlite
        return
    url = make_url(request.getfixturevalue("postgres_url"))
    engine = create_engine(url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        scratch = f"scratch_{uuid.uuid4().hex}"
        connection.info["scratch"] = scratch
        for projection in VIEWS:
            connection.exec_driver_sql(f"CREATE SCHEMA {scratch}_{projection.name}")
            _enter(connection, projection)
            _make(connection, projection)
        yield lambda: _rolled_back(connection)
        connection.rollback()


@contextmanager
def _sqlite() -> Iterator[Connection]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _rolled_back(connection: Connection) -> Iterator[Connection]:
    with connection.begin_nested() as savepoint:
        yield connection
        savepoint.rollback()


def _enter(connection: Connection, projection: Projection) -> None:
    schema = f"{connection.info['scratch']}_{projection.name}"
    connection.exec_driver_sql(f"SET LOCAL search_path TO {schema}")


def _make(connection: Connection, projection: Projection) -> None:
    tables = generation.live(projection)
    tables.create(connection)
    tables.index(connection)


class Folding:
    """One view in an empty database, which takes messages as they come."""

    def __init__(self, projection: Projection, connection: Connection) -> None:
        """Stand on the view's tables, which are empty."""
        if connection.dialect.name == "postgresql":
            _enter(connection, projection)
        else:
            _make(connection, projection)
        self.connection = connection
        self._fold = Fold(projection, generation.live(projection).tables, connection)
        self._fold.read_from(connection)

    def take(self, messages: Sequence[Message]) -> "Folding":
        """Fold what is new, as one batch."""
        for message in messages:
            if message.sequence > self._fold.position:
                self._fold.take(message)
        self._fold.write(self.connection)
        return self

    def view(self, as_of: int | None = None) -> View:
        """Look at it, as of a sequence."""
        return View(self.connection, as_of)


def told(projection: Projection, connection: Connection, story: Story) -> View:
    """Fold a whole ledger and look at the end of it."""
    return Folding(projection, connection).take(story.ledger.messages).view()
