"""Which tables hold the stage view, one file for each noun."""

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Import every file of this folder, so that each table is declared."""
    for found in iter_modules(__path__, prefix=f"{__name__}."):
        import_module(found.name)
