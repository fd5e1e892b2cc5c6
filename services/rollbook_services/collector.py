"""How often does the garbage collector look through a process that serves?

By default after every 700 new objects, which is every few commands, and what lives
long is looked through again and again: a tenth of a registrar's time.
"""

import gc
from typing import Final

NEW_OBJECTS: Final = 50_000


def relax() -> None:
    """Leave alone what the start made, and look seldom at what comes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 10, 10)
