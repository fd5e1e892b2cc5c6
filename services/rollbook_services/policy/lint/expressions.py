"""Are a policy's expressions such that they can be true and false?"""

from collections.abc import Iterator

from rollbook_services.policy import expression
from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault
from rollbook_services.policy.gates.evidence import Evidence
from rollbook_services.policy.lint.known import Known
from rollbook_services.policy.lint.places import analyses, each, fault, gates, stages
from rollbook_services.policy.stage import Stage


def faults(policy: Policy) -> Iterator[Fault]:
    """Find expressions that are broken, or mean what nobody meant."""
    for path, stage in stages(policy):
        for at, text, variables in written(path, stage):
            for said in expression.faults(text, variables=variables):
                message, _, remedy = said.rpartition(": ")
                yield fault(at, message or said, remedy if message else "correct it")


def warnings(policy: Policy, known: Known) -> Iterator[Fault]:
    """Find metrics that no evidence has ever carried."""
    if not known.metrics:
        return
    for path, stage in stages(policy):
        for at, gate in gates(path, stage, Evidence):
            if gate.expr is None:
                continue
            carried = known.metrics.get(gate.evidence, frozenset())
            for name in sorted(expression.metrics_named(gate.expr) - carried):
                message = f"no evidence of kind `{gate.evidence}` ever carried `{name}`"
                remedy = "check the spelling, or record it before it is asked for"
                yield fault(f"{at}.expr", message, remedy)


def written(path: str, stage: Stage) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Return each expression of a stage: where it stands, and what it may name."""
    for at, gate in each(f"{path}.gates", stage.gates):
        if gate.when is not None:
            yield f"{at}.when", gate.when, expression.WHEN
        if isinstance(gate, Evidence) and gate.expr is not None:
            yield f"{at}.expr", gate.expr, expression.CONTEXT
    for at, analysis in analyses(path, stage):
        yield f"{at}.expr", analysis.expr, expression.ANALYSIS
    challenger = stage.strategy.challenger
    if challenger is not None and challenger.stop.or_when is not None:
        at = f"{path}.strategy.challenger.stop.or_when"
        yield at, challenger.stop.or_when, expression.ANALYSIS
