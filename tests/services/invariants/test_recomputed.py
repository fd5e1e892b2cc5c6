"""After any history every decision is recomputed from the ledger alone, and agrees."""

from datetime import timedelta
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from rollbook.names import StageName
from rollbook.subjects import CALENDAR
from rollbook_services.policy.document import BUILT_IN
from rollbook_services.registrar.hindsight.recompute import recompute
from rollbook_services.registrar.hindsight.trial import trial
from rollbook_services.registrar.hindsight.verdict import Outcome
from tests.services.invariants.requests import Step, steps
from tests.services.invariants.rules import DUEL
from tests.services.registrar.ledgers import Book, registered
from tests.support.governed import PRODUCTION as SPEC
from tests.support.governed import STAGING as STAGING_SPEC
from tests.support.governed import policy
from tests.support.scenario import BOB, CAROL, PIPELINE, promote

DUELS: Final = StageName("duel")
REVIEWED: Final = {
    "id": "sign-off",
    "kind": "approvals",
    "slots": [{"role": "reviewer"}],
}
SOAK: Final = {"id": "soak", "kind": "soak", "in": "staging", "for": "2h"}
QUALITY: Final = {
    "id": "quality",
    "kind": "evidence",
    "evidence": "eval",
    "expr": "metrics.auc >= 0.9",
    "on_missing": "wait",
}
NIGHTS: Final = {
    "name": "nights",
    "kind": "deny",
    "zone": "Europe/Berlin",
    "start": "2026-01-01T22:00",
    "lasts": "8h",
    "rrule": "FREQ=DAILY",
}
RULES: Final = (
    policy(
        {**STAGING_SPEC, "gates": [QUALITY]},
        {**SPEC, "gates": [SOAK, {**REVIEWED, "valid_for": "3h"}], "windows": [NIGHTS]},
        {"name": "development"},
    ),
    policy(
        {**STAGING_SPEC, "on_rebase": "revalidate", "mode": "warn"},
        {**SPEC, "gates": [REVIEWED], "on_rebase": "revalidate", "expires_after": "9h"},
        {"name": "development"},
    ),
    policy(STAGING_SPEC, {"name": "development"}),
    policy(
        {
            **STAGING_SPEC,
            "strategy": {"canary": {"steps": [{"weight": 20}, {"weight": 100}]}},
        },
        {**SPEC, "gates": [REVIEWED]},
        {**DUEL, "after": {"stages": ["staging"]}},
        {"name": "development"},
    ),
)


def begun() -> Book:
    """1 runs in production, 2 in staging."""
    book = Book()
    book.tell(registered(3))
    book.tell(lambda model: model.in_production(1).in_staging(2))
    return book


def move(book: Book, what: Step | int) -> None:
    """Let the model go on, or something around it change."""
    if isinstance(what, Step):
        book.tell(what.ask)
    elif what < len(RULES):
        book.rule(RULES[what])
    elif what < len(RULES) + 2:
        book.issue((BOB, CAROL)[what % 2], until=timedelta(hours=2))
    else:
        frozen = [each for each in book.envelopes if each.aggregate == CALENDAR]
        book.lift(frozen[-1].id) if len(frozen) % 2 else book.freeze()


moves: Final = st.one_of(*[steps] * 8, st.integers(0, len(RULES) + 3))


@given(history=st.lists(steps, min_size=10, max_size=60))
def test_every_decision_of_any_history_is_recomputed_and_agrees(
    history: list[Step],
) -> None:
    book = begun()
    for step in history:
        book.tell(step.ask)
    report = recompute(book.envelopes)
    assert report.disagreements == ()
    assert report.agreed == report.decisions > 0


@given(history=st.lists(moves, min_size=10, max_size=60))
def test_so_it_is_while_rules_freezes_and_tokens_come_and_go(
    history: list[Step | int],
) -> None:
    book = begun()
    for what in history:
        move(book, what)
    report = recompute(book.envelopes)
    assert report.disagreements == ()
    assert report.agreed == report.decisions


@given(history=st.lists(steps, min_size=10, max_size=40))
def test_so_it_is_by_steps_and_beside_what_is_live(history: list[Step]) -> None:
    book = begun()
    book.rule(RULES[-1])
    book.tell(lambda model: model.given(promote(2, DUELS), by=PIPELINE).dispatched(4))
    for step in history:
        book.tell(step.ask)
    report = recompute(book.envelopes)
    assert report.disagreements == ()
    assert report.agreed == report.decisions > 0


@given(history=st.lists(steps, min_size=10, max_size=60))
def test_the_policy_that_held_would_have_changed_nothing(history: list[Step]) -> None:
    book = begun()
    for step in history:
        book.tell(step.ask)
    tried = trial(BUILT_IN, book.envelopes)
    turned = [each for each in tried.verdicts if each.outcome is not Outcome.SAME]
    assert tried.verdicts
    assert turned == []
