"""What may be asked about several models that are released as one?"""

from typing import Annotated, Literal

from pydantic import Field

from rollbook.catalogue.parts import Part
from rollbook.commands.command import Command
from rollbook.names import BundleId, ModelName, Reason, StageName, Version


class Wanted(Part):
    """One model's version in a bundle, and what its requester saw running."""

    model: ModelName
    version: Version
    expected_incumbent: Version | Literal["any"] | None = "any"


class RequestBundle(Command):
    """Ask for several versions in one stage: all lanes change, or none."""

    command: Literal["RequestBundle"] = "RequestBundle"
    stage: StageName
    members: Annotated[tuple[Wanted, ...], Field(min_length=2, max_length=20)]
    reason: Reason


class DispatchBundle(Command):
    """Take every member's slot in one append, if every gate is open now."""

    command: Literal["DispatchBundle"] = "DispatchBundle"
    bundle: BundleId


class SettleBundle(Command):
    """Look at how the members stand: end the bundle, or take the others back."""

    command: Literal["SettleBundle"] = "SettleBundle"
    bundle: BundleId


class CancelBundle(Command):
    """Withdraw a bundle that still waits, with all its members."""

    command: Literal["CancelBundle"] = "CancelBundle"
    bundle: BundleId
    reason: Reason


class RollBackBundle(Command):
    """Take every lane of a bundle back to what it ran before it."""

    command: Literal["RollBackBundle"] = "RollBackBundle"
    bundle: BundleId
    reason: Reason


BundlesCommand = Annotated[
    RequestBundle | DispatchBundle | SettleBundle | CancelBundle | RollBackBundle,
    Field(discriminator="command"),
]
