"""Which modules does an agent never need, that others import where they are there?

nats-py imports aiohttp for WebSockets and structlog imports rich for coloured
tracebacks: 16 MiB in a process that stays under 60.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

UNNEEDED: Final = ("aiohttp", "rich")


@contextmanager
def without_the_unneeded() -> Iterator[None]:
    """Hide them from what is imported in this block; not where they are in use."""
    hidden = [name for name in UNNEEDED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
