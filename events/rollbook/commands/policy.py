"""What may be asked about the rules themselves?"""

from typing import Annotated, Any, Literal

from pydantic import Field

from rollbook.catalogue.policy import TrialSummary
from rollbook.commands.command import Command
from rollbook.names import Digest, PolicyName, Reason


class ProposePolicy(Command):
    """Want these rules; `document` is the policy file as an object."""

    command: Literal["ProposePolicy"] = "ProposePolicy"
    document: dict[str, Any]
    trial: TrialSummary | None = None
    reason: Reason


class EndorsePolicy(Command):
    """Agree to rules that somebody else proposed."""

    command: Literal["EndorsePolicy"] = "EndorsePolicy"
    policy: PolicyName
    digest: Digest
    comment: Reason | None = None


class ActivatePolicy(Command):
    """Let proposed rules hold."""

    command: Literal["ActivatePolicy"] = "ActivatePolicy"
    policy: PolicyName
    digest: Digest


class RetirePolicy(Command):
    """Let rules hold for nothing any more, once as many people as they say ask for it.

    Taking rules away is as grave as changing them.
    """

    command: Literal["RetirePolicy"] = "RetirePolicy"
    policy: PolicyName
    reason: Reason


PoliciesCommand = Annotated[
    ProposePolicy | EndorsePolicy | ActivatePolicy | RetirePolicy,
    Field(discriminator="command"),
]
