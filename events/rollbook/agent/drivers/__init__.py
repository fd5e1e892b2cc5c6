"""Every way to make a target serve a version, one file for each."""

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Import every file of this folder, so that each driver is declared."""
    for found in iter_modules(__path__, prefix=f"{__name__}."):
        import_module(found.name)
