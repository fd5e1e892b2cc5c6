"""One file for each gate."""

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Import every file of this folder, so that each gate is declared."""
    for found in iter_modules(__path__, prefix=f"{__name__}."):
        import_module(found.name)
