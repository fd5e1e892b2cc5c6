"""How does a command of somebody's own make a target serve what is wanted?

It reads one JSON object: `apply` with what to serve, `observe`, or `health`.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, ClassVar, Final

from rollbook.agent import processes
from rollbook.agent.config import Seconds
from rollbook.agent.driver import (
    AgentContext,
    Fault,
    Health,
    Observed,
    Plan,
    Progress,
    Setup,
    Unapplied,
    driver,
    refuse_split,
)
from rollbook.agent.drivers._delegated import Artifacts, Delegating, shares_of
from rollbook.agent.drivers._message import observed, order, question, written
from rollbook.agent.processes import Command, Ended
from rollbook.agent.wanted import Wanted
from rollbook.commands.desired import Target

CANNOT_LOAD: Final = 10
"""The exit code that means: it is the version's fault, not the platform's."""
_PLAIN: Final = ("action", "stage", "target", "model", "revision", "promotion")
_OF_AN_ARTIFACT: Final = ("version", "digest", "uri", "path")


class CommandOptions(Delegating):
    """The table `[driver]` with `name = "command"`."""

    command: Command
    deadline: Seconds = 300.0
    fetch: bool = True
    health: bool = True
    """Whether the command can say how what runs does."""


@driver
class CommandDriver:
    """Runs one command for everything."""

    name: ClassVar[str] = "command"

    def __init__(self, setup: Setup) -> None:
        """Take the command and how long it may take."""
        self._options = options = setup.read(CommandOptions)
        self._artifacts = Artifacts(setup.root.absolute(), options)
        self.capabilities = options.capabilities(has_health=options.health)

    def plan(self, wanted: Wanted, observed: Observed) -> Plan:
        """Say what is fetched, and what the command will be told."""
        refuse_split(self, wanted)
        if observed.equals(wanted):
            return Plan(wanted, observed)
        run = f"{' '.join(self._options.command)} applies {shares_of(wanted)}"
        return Plan(wanted, observed, (*self._artifacts.lines(wanted), run))

    async def apply(
        self, plan: Plan, context: AgentContext
    ) -> AsyncGenerator[Progress]:
        """Have the bytes beside, verify them, run the command."""
        for variant in self._artifacts.needed(plan.wanted):
            yield await self._artifacts.bring(plan.target, variant, context)
        paths = self._artifacts.paths(plan.wanted)
        ended = await self._run(order(plan, paths), context.is_stopping)
        if ended.code != 0:
            raise self._refused(ended)
        await self._artifacts.forget_old(plan.wanted)
        yield Progress("applied", f"{self._options.command[0]} {ended.last_words}")

    async def observe(self, target: Target) -> Observed:
        """Ask the command what runs."""
        ended = await self._run(question("observe", target))
        if ended.code != 0:
            raise self._refused(ended)
        return observed(ended.said, self._options.command[0])

    async def health(self, target: Target) -> Health:
        """Ask the command; whatever is no clear answer is none."""
        if not self._options.health:
            return Health.UNKNOWN
        try:
            ended = await self._run(question("health", target))
        except Unapplied:
            return Health.UNKNOWN
        said = ended.said.decode(errors="replace").strip()
        is_answer = ended.code == 0 and said in {each.value for each in Health}
        return Health(said) if is_answer else Health.UNKNOWN

    async def _run(
        self,
        message: Mapping[str, Any],
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> Ended:
        return await processes.run(
            self._options.command,
            given=written(message),
            environment=_variables(message),
            deadline_seconds=self._options.deadline,
            is_stopping=is_stopping,
        )

    def _refused(self, ended: Ended) -> Unapplied:
        is_its_fault = ended.code == CANNOT_LOAD
        words = f"{self._options.command[0]}: exit {ended.code} {ended.last_words}"
        return Unapplied(
            Fault.LOAD_FAILED if is_its_fault else Fault.DRIVER_ERROR,
            words.rstrip(),
            is_passing=not is_its_fault,
        )


def _variables(message: Mapping[str, Any]) -> Mapping[str, str]:
    """Say in variables what a shell script would have to dig out of JSON.

    Of an artifact only where one version answers all requests.
    """
    said = {key: value for key, value in message.items() if key in _PLAIN}
    variants = [*message.get("variants", {}).values()]
    if len(variants) == 1:
        said |= {key: variants[0][key] or "" for key in _OF_AN_ARTIFACT}
    return {f"ROLLBOOK_{key.upper()}": str(value) for key, value in said.items()}
