"""Who did better, when is that known, and what is it evidence of?

Three-valued: where too little was measured, nobody won and nothing is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rollbook.catalogue.experiment import ExperimentStarted, Winner
from rollbook.catalogue.parts import GateStatus, Verdict
from rollbook.catalogue.promotion import CANDIDATE, CHAMPION, GateResult
from rollbook.names import EventId, GateName
from rollbook_services.policy import expression
from rollbook_services.policy.shape import Mode
from rollbook_services.policy.strategy import Challenger
from rollbook_services.registrar.state import Measured

_SIDES: Final = (CANDIDATE, CHAMPION)
LONGEST_LINE: Final = 200  # of `rollbook.names.Line`
MOST_METRICS: Final = 50  # of each side: the evidence of both has to fit one event
STOP: Final = GateName("or_when")
_VERDICTS: Final = {
    Winner.CHALLENGER: Verdict.PASS,
    Winner.CHAMPION: Verdict.FAIL,
    Winner.NONE: Verdict.INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True)
class Result:
    """What a comparison showed."""

    winner: Winner
    verdict: Verdict
    samples: int
    metrics: dict[str, float]
    """Of the candidate, beside them the champion's as `champion_<name>`."""
    summary: dict[str, dict[str, float]]


def result_of(
    found: ExperimentStarted, last: Measured | None, rule: Challenger | None
) -> Result:
    """Judge by the last measurement; `rule` says which direction is better."""
    sides = {} if last is None else last.metrics
    samples = 0 if last is None else last.samples
    is_enough = bool(sides.get(CANDIDATE)) and samples >= found.min_samples
    winner = Winner.NONE
    if found.metric is not None and is_enough and rule is not None:
        values = [sides.get(side, {}).get(found.metric) for side in _SIDES]
        winner = _better(*values, is_lower_better=rule.better == "lower")
    verdict = _VERDICTS[winner]
    if found.metric is None and is_enough:
        verdict = Verdict.PASS  # a shadow has nobody to beat: gates read its metrics
    named = {f"{CHAMPION}_{name}": name for name in sides.get(CHAMPION, {})}
    return Result(
        winner=winner,
        verdict=verdict,
        samples=samples,
        metrics={
            **sides.get(CANDIDATE, {}),
            **{
                longer: sides[CHAMPION][name]
                for longer, name in named.items()
                if len(longer) <= LONGEST_LINE
            },
            "samples": float(samples),
        },
        summary={each: dict(sides[each]) for each in _SIDES if each in sides},
    )


def _better(
    candidate: float | None, champion: float | None, *, is_lower_better: bool
) -> Winner:
    if candidate is None or champion is None or candidate == champion:
        return Winner.NONE
    won = (candidate < champion) is is_lower_better
    return Winner.CHALLENGER if won else Winner.CHAMPION


def stops(
    found: ExperimentStarted,
    rule: Challenger | None,
    metrics: Mapping[str, Mapping[str, float]],
    samples: int,
) -> GateResult | None:
    """Say whether a measurement ends a comparison early; None: nobody asks that."""
    if rule is None or rule.stop.or_when is None or found.metric is None:
        return None
    value, champion = (metrics.get(side, {}).get(found.metric) for side in _SIDES)
    known = {"value": value, "champion": champion, "samples": float(samples)}
    told = {name: said for name, said in known.items() if said is not None}
    status, detail = _word(rule.stop.or_when, told, samples, found.min_samples)
    return GateResult(
        gate=STOP,
        kind="experiment",
        mode=Mode.ENFORCE,
        status=status,
        detail=detail,
        values={name: f"{said:g}" for name, said in told.items()},
    )


def _word(
    expr: str, told: Mapping[str, float], samples: int, least: int
) -> tuple[GateStatus, str]:
    if samples < least:
        return GateStatus.WAIT, f"{samples} of {least} samples"
    said = expression.evaluate(expr, told)
    if isinstance(said, expression.Unknown):
        return GateStatus.UNKNOWN, f"{expr}: {said.why}"[:2000]
    return (GateStatus.PASS if said else GateStatus.WAIT), expr


def is_to_stop(said: Mapping[str, tuple[GateStatus, EventId]]) -> bool:
    """Tell whether the last measurement ends it."""
    word = said.get(STOP)
    return word is not None and word[0] is GateStatus.PASS
