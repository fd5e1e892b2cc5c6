"""What an agent may report."""

from enum import StrEnum
from typing import Literal

from rollbook.catalogue.target import Report
from rollbook.commands.command import ModelScoped
from rollbook.names import Line, Uri


class ReportedState(StrEnum):
    """What an agent says happened to the desired document."""

    ACKNOWLEDGED = "acknowledged"
    APPLIED = "applied"
    UNAPPLIED = "unapplied"


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
