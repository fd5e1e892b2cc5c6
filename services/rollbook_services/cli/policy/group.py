"""Which commands are there about policies?"""

import click

from rollbook_services.cli.policy import (
    explaining,
    life,
    linting,
    reading,
    template,
    trial,
)

policy = click.Group(
    "policy", help="The rules: lint, explain, trial, propose, endorse, activate…"
)
for _command in (
    linting.lint,
    explaining.explain,
    reading.diff,
    trial.trial,
    life.propose,
    life.endorse,
    life.activate,
    life.retire,
    reading.list_,
    reading.show,
    template.template,
):
    policy.add_command(_command)
