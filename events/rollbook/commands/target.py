"""What an agent may report."""

from enum import StrEnum
from typing import Literal

from rollbook.catalogue.target import Report
from rollbook.commands.command import ModelScoped
from rollbook.names import Line, Reason, StageName, TargetName, Uri


class ReportedState(StrEnum):
    """What an agent says happened to the desired document."""

    ACKNOWLEDGED = "acknowledged"
    APPLIED = "applied"
    UNAPPLIED = "unapplied"
    DRIFTED = "drifted"
    """It runs something else, and no change is under way."""
    CONVERGED = "converged"
    """What had drifted runs again as desired."""


class ReportTarget(ModelScoped):
    """Report what a target does; `reason_code` says why it is not applied.

    The registrar, not the agent, decides whether the version or the platform is
    at fault.
    """

    command: Literal["ReportTarget"] = "ReportTarget"
    state: ReportedState
    report: Report
    reason_code: Line | None = None
    log_uri: Uri | None = None


class AcceptDrift(ModelScoped):
    """Say that a target may run something else for now, and let the lane move on."""

    command: Literal["AcceptDrift"] = "AcceptDrift"
    stage: StageName
    target: TargetName
    reason: Reason
