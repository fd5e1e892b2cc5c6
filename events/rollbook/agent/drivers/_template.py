"""How is a driver's option, such as `{stage}-{name}`, filled in for one place?"""

from collections.abc import Iterable
from string import Formatter
from typing import Annotated, Final

from pydantic import AfterValidator

from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.names import DEFAULT_TEAM

_OF_A_PLACE: Final = ("stage", "target", "team", "name", "model")
_OF_A_VERSION: Final = (*_OF_A_PLACE, "version", "digest", "hex", "uri")


def _check(template: str, known: Iterable[str]) -> str:
    """Raise ValueError for what could not be filled in."""
    for _, field, form, conversion in Formatter().parse(template):
        if field is not None and (field not in known or form or conversion):
            every = ", ".join(f"{{{each}}}" for each in known)
            raise ValueError(f"{{{field}}} is unknown: take some of {every}")
    return template


PlaceTemplate = Annotated[str, AfterValidator(lambda each: _check(each, _OF_A_PLACE))]
VersionTemplate = Annotated[
    str, AfterValidator(lambda each: _check(each, _OF_A_VERSION))
]


def for_place(template: str, target: Target, *, joiner: str) -> str:
    """Fill in a `PlaceTemplate`; `joiner` stands for the slash in `{model}`."""
    return template.format_map(_place(target, joiner))


def for_version(template: str, target: Target, variant: Variant, *, joiner: str) -> str:
    """Fill in a `VersionTemplate`; `{hex}` is the digest without its kind."""
    return template.format_map(
        {
            **_place(target, joiner),
            "version": str(variant.version),
            "digest": variant.digest,
            "hex": variant.digest.partition(":")[2],
            "uri": variant.uri,
        }
    )


def _place(target: Target, joiner: str) -> dict[str, str]:
    team, _, name = target.model.rpartition("/")
    return {
        "stage": target.stage,
        "target": target.target,
        "team": team or DEFAULT_TEAM,
        "name": name,
        "model": target.model.replace("/", joiner),
    }
