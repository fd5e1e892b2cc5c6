"""Every object is answered, and every policy is written and read back."""

import json
from datetime import timedelta
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from rollbook_services.policy.document import Policy
from rollbook_services.policy.lint.known import Known
from rollbook_services.policy.lint.lint import lint
from rollbook_services.policy.reading import check, read
from rollbook_services.policy.shape import Mode, write_duration
from rollbook_services.policy.text import Written, parse, write
from tests.services.policy.written import (
    AS_OF,
    BY_STEPS,
    EXAMPLE,
    analysis,
    canary,
    challenger,
    document,
    evidence,
    glass,
    shadow,
    sign_off,
    soak,
    stage,
    told,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def object_of(text: str) -> dict[str, Any]:
    written = parse(text)
    assert isinstance(written, Written)
    return written.document


RICH: Final = [object_of(text) for text in (EXAMPLE, BY_STEPS)]


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the way to every value of an object."""
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inside = [*value.items()]
    elif isinstance(value, list):
        inside = [*enumerate(value)]
    deeper = [each for key, item in inside for each in places(item, (*path, key))]
    return [path, *deeper] if path else deeper


def with_another(value: Any, path: tuple[str | int, ...], other: Any) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(value))
    at: Any = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = other
    return changed


@given(
    st.sampled_from([(rich, path) for rich in RICH for path in places(rich)]),
    json_values,
)
def test_nothing_in_a_policy_is_too_strange_to_be_answered(
    place: tuple[dict[str, Any], tuple[str | int, ...]], other: Any
) -> None:
    found = check(with_another(*place, other))
    if not isinstance(found, Policy):
        assert found
        for fault in found:
            assert fault.message
            assert fault.remedy


names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,9}", fullmatch=True)
lines = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
durations = st.integers(1, 10**6).map(lambda n: write_duration(timedelta(seconds=n)))
modes = st.sampled_from([*Mode]).map(str)


def keyed(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Leave out any of the keys."""
    return st.fixed_dictionaries({}, optional=values)


any_gate = st.one_of(
    st.builds(soak, names, durations, id=names, mode=modes),
    st.builds(evidence, id=names, dataset=lines, max_age=durations),
    st.builds(
        sign_off,
        slots=st.lists(keyed(count=st.integers(1, 20)), min_size=1, max_size=3).map(
            lambda slots: [{"role": "reviewer", **slot} for slot in slots]
        ),
        reject=st.just("any") | st.builds(lambda n: {"count": n}, st.integers(1, 9)),
    ),
)
shares = st.integers(1, 100).map(lambda percent: f"{percent}%")
measured = st.lists(
    st.builds(
        analysis,
        metric=names,
        query=lines | st.none(),
        every=durations | st.none(),
        mode=modes | st.none(),
    ),
    max_size=2,
)
any_step = st.builds(
    lambda weight, bake: {"weight": weight, "bake": bake},
    st.integers(1, 100),
    durations,
) | st.builds(lambda role: {"pause": role}, names)
any_strategy = st.one_of(
    st.builds(
        lambda said: {"all_at_once": said}, keyed(bake=durations, analysis=measured)
    ),
    st.builds(
        lambda steps, said: canary(*steps, **said),
        st.lists(any_step, max_size=3),
        keyed(
            waves=st.lists(st.lists(names, min_size=1, max_size=2), max_size=2),
            min_success=st.just("all") | st.integers(1, 9) | shares,
            split_key=lines,
            analysis=measured,
        ),
    ),
    st.builds(shadow, sample=shares, duration=durations),
    st.builds(challenger, durations, share=shares, metric=names),
)
any_stage = st.builds(
    lambda name, said: stage(name, **said),
    names,
    keyed(
        targets=st.lists(names, max_size=3),
        protected=st.booleans(),
        gates=st.lists(any_gate, max_size=3),
        after=st.builds(lambda name: {"stages": [name]}, names) | st.none(),
        expires_after=durations,
        break_glass=st.lists(st.builds(glass, name=lines), max_size=2),
        strategy=any_strategy,
        beside=names | st.none(),
        drift=st.sampled_from(["alert", "correct", "require_acceptance"]),
        rollback=keyed(profile=st.sampled_from(["fast", "same"])),
    ),
)
policies = st.builds(
    lambda stages, said: document(*stages, **said),
    st.lists(any_stage, min_size=1, max_size=4),
    keyed(mode=modes, freeze_by=st.lists(names, max_size=2)),
)


@given(policies)
def test_a_valid_policy_is_written_and_read_back(document: dict[str, Any]) -> None:
    checked = check(document)
    assert isinstance(checked, Policy), told(checked)
    written = parse(write(document))
    assert isinstance(written, Written)
    assert written.document == document
    assert read(write(document)) == checked


@given(policies)
def test_what_can_be_read_can_be_looked_over(document: dict[str, Any]) -> None:
    rules = check(document)
    assert isinstance(rules, Policy), told(rules)
    report = lint(rules, Known(), as_of=AS_OF)
    for fault in (*report.errors, *report.warnings):
        assert fault.path.startswith("spec.")
        assert fault.message
        assert fault.remedy
