"""Which drivers are there, and how is one loaded without loading the others?

A built-in driver is the file or folder of its name beside this one; what begins with
an underscore is a part of several. Another distribution's is an entry point of the
group `rollbook.drivers`; it cannot take the name of a built-in one.
"""

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Final

from rollbook.agent.driver import driver
from rollbook.errors import Misconfigured

GROUP: Final = "rollbook.drivers"
_ASKED_OF_A_DRIVER: Final = ("name", "plan", "apply", "observe", "health")


def known() -> tuple[str, ...]:
    """List the names of all drivers; none of them is imported."""
    others = (entry.name for entry in entry_points(group=GROUP))
    return tuple(sorted({*_built_in(), *others}))


def load(name: str) -> None:
    """Import the driver of this name, and no other, so that it is declared.

    Raises Misconfigured: nobody has it, what it needs is not installed, or its
    distribution, which is named, is broken.
    """
    if name in _built_in():
        _import_built_in(name)
        return
    match [*entry_points(group=GROUP, name=name)]:
        case []:
            every = ", ".join(known())
            raise Misconfigured(f"driver {name}", f"it is unknown: take one of {every}")
        case [entry]:
            _declare(entry)
        case several:
            owners = " and ".join(sorted(_distribution(each) for each in several))
            raise Misconfigured(f"driver {name}", f"{owners} have it: uninstall one")


def _built_in() -> frozenset[str]:
    names = (found.name for found in iter_modules(__path__))
    return frozenset(name for name in names if not name.startswith("_"))


def _import_built_in(name: str) -> None:
    try:
        import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        needed = (error.name or "").partition(".")[0]
        if needed == "rollbook":
            raise
        raise Misconfigured(
            f"driver {name}",
            f"it needs {needed}: python -m pip install 'rollbook[{name}]'",
        ) from error


def _declare(entry: EntryPoint) -> None:
    setting = f"driver {entry.name} of {_distribution(entry)}"
    try:
        found = entry.load()
    except Exception as error:
        raise Misconfigured(
            setting,
            f"{entry.value} cannot be imported, {type(error).__name__}: {error}; "
            "update or uninstall it",
        ) from error
    lacking = [each for each in _ASKED_OF_A_DRIVER if not hasattr(found, each)]
    if lacking:
        raise Misconfigured(
            setting, f"{entry.value} is no driver: it lacks {', '.join(lacking)}"
        )
    if found.name != entry.name:
        raise Misconfigured(
            setting, f"the class calls itself {found.name}: give both one name"
        )
    try:
        driver(found)
    except TypeError:
        return  # it declared itself when it was imported


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown one"
