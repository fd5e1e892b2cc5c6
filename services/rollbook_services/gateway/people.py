"""Who is behind a pseudonym? Names stay out of the ledger, so they can be forgotten."""

import base64
import re
import secrets
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Engine, MetaData, String, Table, create_engine, select
from sqlalchemy.dialects.sqlite import insert

from rollbook.names import Principal

LONGEST_NAME: Final = 100
_PSEUDONYM_CHARACTERS: Final = 13
_PERSON: Final = re.compile(rb"prn:[a-z2-7]{13}")

_metadata: Final = MetaData()
_people: Final = Table(
    "people",
    _metadata,
    Column("principal", String(17), primary_key=True),
    Column("name", String(LONGEST_NAME), nullable=False, unique=True),
)


def persons_in(text: bytes) -> set[str]:
    """Find the pseudonyms in what is about to be shown."""
    return {found.decode() for found in _PERSON.findall(text)}


class People:
    """The table of pseudonyms and names; its calls block, for a few microseconds."""

    def __init__(self, engine: Engine) -> None:
        """Hold the database; what was read once is remembered."""
        self._engine = engine
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()

    def find_or_make(self, name: str) -> Principal:
        """Return the pseudonym of a person; the same one for the same name.

        Raises ValueError for what is no name.
        """
        clean = _clean(name)
        with self._engine.begin() as connection:
            connection.execute(
                insert(_people)
                .values(principal=_pseudonym(), name=clean)
                .on_conflict_do_nothing()
            )
            found = connection.execute(
                select(_people.c.principal).where(_people.c.name == clean)
            ).scalar_one()
        return Principal(found)

    def principal(self, told: str) -> str:
        """Return whom a principal, a person's name or a program's name stands for."""
        if ":" in told:
            return told
        clean = unicodedata.normalize("NFC", told).strip()
        query = select(_people.c.principal).where(_people.c.name == clean)
        with self._engine.connect() as connection:
            found: str | None = connection.execute(query).scalar_one_or_none()
        return found or f"svc:{told}"

    def names(self, principals: Iterable[str]) -> dict[str, str]:
        """Return the names of those principals who have one here."""
        wanted = set(principals)
        with self._lock:
            if not wanted <= self._names.keys():
                self._names = self.all()
            return {who: self._names[who] for who in wanted if who in self._names}

    def all(self) -> dict[str, str]:
        """Return every pseudonym with its name."""
        query = select(_people.c.principal, _people.c.name).order_by(_people.c.name)
        with self._engine.connect() as connection:
            return {row.principal: row.name for row in connection.execute(query)}


@contextmanager
def people(path: Path) -> Iterator[People]:
    """Open the table in an SQLite file that only we may read."""
    path.touch(mode=0o600, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}")
    try:
        _metadata.create_all(engine)
        yield People(engine)
    finally:
        engine.dispose()


def _clean(name: str) -> str:
    clean = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(clean) <= LONGEST_NAME or not clean.isprintable():
        raise ValueError(
            f"a person's name has 1 to {LONGEST_NAME} printable characters"
        )
    return clean


def _pseudonym() -> str:
    """Make a pseudonym that says nothing about the person (65 random bits)."""
    chance = base64.b32encode(secrets.token_bytes(9)).decode().lower()
    return f"prn:{chance[:_PSEUDONYM_CHARACTERS]}"
