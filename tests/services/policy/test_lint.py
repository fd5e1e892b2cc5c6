"""A policy is looked over as a whole, and all that is wrong is told at once."""

from rollbook_services.policy.document import Policy
from rollbook_services.policy.lint.known import Known
from rollbook_services.policy.lint.lint import lint
from rollbook_services.policy.reading import located, read
from rollbook_services.policy.text import Written, parse
from tests.services.policy.written import (
    AS_OF,
    EXAMPLE,
    errors,
    evidence,
    glass,
    sign_off,
    soak,
    stage,
    told,
    window,
)


def test_nothing_is_wrong_with_the_example_of_the_design() -> None:
    example = read(EXAMPLE)
    assert isinstance(example, Policy)
    report = lint(example, Known(), as_of=AS_OF)
    assert report.errors == ()
    assert [fault.path for fault in report.warnings] == [
        "spec.applies_to.models[1]",
        "spec.stages[1].gates[3].valid_for",
    ]


def test_every_family_of_faults_is_told_at_once() -> None:
    found = errors(
        stage(
            targets=["eu", "eu"],
            queue="fifo",
            deadlines={"total": "1h"},
            windows=[window(rrule="FREQ=DAILY;UNTIL=20260301T000000Z")],
            gates=[soak(), evidence(expr="metric.auc > 0.5"), sign_off(mode="warn")],
            protected=True,
            break_glass=[glass(waives=["lane"])],
        ),
    )
    assert [fault.split(": ")[0] for fault in found] == [
        "spec.stages[0].targets[1]",
        "spec.stages[0].break_glass[0].waives[0]",
        "spec.stages[0].gates[0].in",
        "spec.stages[0].queue",
        "spec.stages[0].deadlines.total",
        "spec.stages[0].windows",
        "spec.stages[0].gates[2].mode",
        "spec.stages[0].gates[1].expr",
    ]


def test_a_fault_finds_its_line_in_the_text() -> None:
    text = EXAMPLE.replace("total: 96h", "total: 9h")
    rules, written = read(text), parse(text)
    assert isinstance(rules, Policy)
    assert isinstance(written, Written)
    report = lint(rules, Known(), as_of=AS_OF)
    (line,) = (n for n, said in enumerate(text.splitlines(), 1) if "total: 9h" in said)
    assert told(located(report.errors, written)) == [
        f"spec.stages[1].deadlines.total, line {line}: 9h in total end before a step "
        "of 4h and a bake of 1d can; write 1d4h or more, or shorten the two"
    ]
