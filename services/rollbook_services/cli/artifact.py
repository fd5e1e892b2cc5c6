"""How does the command line speak of a path that cannot be hashed?"""

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def hashing() -> Iterator[None]:
    """Hash what options name; a path that cannot be hashed is bad input."""
    try:
        yield
    except OSError as error:
        raise click.UsageError(f"cannot be hashed: {error}") from error
