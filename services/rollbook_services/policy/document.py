"""What must be true before a version enters which stage? A policy, as it is written.

A document means the same for ever: defaults of `rollbook/v1` never change.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from rollbook import canonical
from rollbook.names import (
    DEFAULT_TEAM,
    AliasName,
    Count,
    Digest,
    Line,
    ModelName,
    PolicyName,
    RoleName,
    StageName,
    TargetName,
)
from rollbook_services.policy.shape import Duration, Mode, OnRebase, Queue, Shape
from rollbook_services.policy.stage import SeparationOfDuties, Stage

_PART: Final = r"[A-Za-z0-9_*?\[\]!-]{1,100}"
_PATTERN: Final = re.compile(rf"({_PART}/)?{_PART}")
_WILD: Final = frozenset("*?[")


def is_wild(pattern: str) -> bool:
    """Tell whether a pattern names more than one model."""
    return not _WILD.isdisjoint(pattern)


def matches(model: ModelName, patterns: Iterable[str]) -> bool:
    """Tell whether a model is among those that names and patterns mean."""
    return any(fnmatchcase(model, each) for each in patterns)


def _is_pattern(written: str) -> str:
    if _PATTERN.fullmatch(written) is None:
        raise ValueError(
            "no model is named like this; "
            "write a model as `team/name`, with `*` for any text in it"
        )
    short = written.removeprefix(f"{DEFAULT_TEAM}/")
    if short != written and is_wild(short):
        raise ValueError(
            "models of the default team carry no team in their name; "
            f"write `{short}`, which may match models of other teams too"
        )
    return short


ModelPattern = Annotated[Line, AfterValidator(_is_pattern)]
"""A model's name, or a pattern of names: `acme/credit-*`."""


class Metadata(Shape):
    """What a policy is called, and whose it is."""

    name: PolicyName
    owners: tuple[Line, ...] = ()


class AppliesTo(Shape):
    """The models a policy holds for; an exact name beats a pattern."""

    models: tuple[ModelPattern, ...] = Field(min_length=1)


class ChangeControl(Shape):
    """How many people, besides its proposer, must agree to the next revision."""

    endorsements: Count = 1
    role: RoleName = RoleName("policy-owner")


class Aliases(Shape):
    """Aliases that not everybody may move, and aliases that follow a lane."""

    protected: tuple[AliasName, ...] = ()
    follow: dict[AliasName, StageName] = Field(default_factory=dict)
    """By alias, the stage whose stable version it always names."""


class Defaults(Shape):
    """What a stage says where it does not say it itself; only what is written here."""

    expires_after: Duration = timedelta(days=7)
    queue: Queue = Queue.LATEST
    on_rebase: OnRebase = OnRebase.END
    separation_of_duties: SeparationOfDuties = SeparationOfDuties()


class Spec(Shape):
    """The rules of a policy."""

    applies_to: AppliesTo
    mode: Mode = Mode.ENFORCE
    change_control: ChangeControl = ChangeControl()
    freeze_by: tuple[RoleName, ...] = ()
    """Roles that may declare freezes for these models."""
    aliases: Aliases = Aliases()
    defaults: Defaults = Defaults()
    written: Annotated[
        tuple[Stage, ...], Field(alias="stages", min_length=1, max_length=20)
    ]
    """The stages without what they inherit."""

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """Return the stages, each with all that holds for it."""
        inherited = _said(self.defaults)
        if "mode" in self.model_fields_set:
            inherited["mode"] = self.mode
        return tuple(Stage(**{**inherited, **_said(each)}) for each in self.written)


class Policy(Shape):
    """A policy file: `apiVersion: rollbook/v1`, `kind: ReleasePolicy`."""

    api_version: Annotated[Literal["rollbook/v1"], Field(alias="apiVersion")]
    kind: Literal["ReleasePolicy"]
    metadata: Metadata
    spec: Spec

    @property
    def name(self) -> PolicyName:
        """Return its name."""
        return self.metadata.name

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Return its stages, in order."""
        return self.spec.stages

    @cached_property
    def _by_name(self) -> dict[StageName, Stage]:
        return {stage.name: stage for stage in self.spec.stages}

    def stage(self, name: StageName) -> Stage | None:
        """Find a stage by its name."""
        return self._by_name.get(name)

    def names(self) -> list[StageName]:
        """Return the names of the stages, in order."""
        return [stage.name for stage in self.spec.stages]

    def names_exactly(self, model: ModelName) -> bool:
        """Tell whether it holds for the model by its own name."""
        return model in self.spec.applies_to.models

    def matches(self, model: ModelName) -> bool:
        """Tell whether it holds for the model by name or pattern."""
        return matches(model, self.spec.applies_to.models)


def _said(part: Shape) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.model_fields_set}


def digest_of(document: Mapping[str, Any]) -> Digest:
    """Name a document by the hash of its canonical form."""
    return Digest(canonical.digest(dict(document)))


DEVELOPMENT: Final = StageName("development")
STAGING: Final = StageName("staging")
PRODUCTION: Final = StageName("production")
DEFAULT_TARGET: Final = TargetName("default")
REVIEWER: Final = RoleName("reviewer")

BUILT_IN: Final = Policy.model_validate(
    {
        "apiVersion": "rollbook/v1",
        "kind": "ReleasePolicy",
        "metadata": {"name": "built-in"},
        "spec": {
            "applies_to": {"models": ["*"]},
            "stages": [
                {"name": DEVELOPMENT},
                {"name": STAGING, "targets": [DEFAULT_TARGET]},
                {
                    "name": PRODUCTION,
                    "targets": [DEFAULT_TARGET],
                    "after": {"stages": [STAGING]},
                    "gates": [
                        {
                            "kind": "approvals",
                            "id": "sign-off",
                            "slots": [{"role": REVIEWER}],
                        }
                    ],
                },
            ],
        },
    }
)
