"""Everything that followed by rule follows again, from the ledger alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypeVar, cast

import pytest
from pydantic import BaseModel

from rollbook.catalogue.access import IdentityLinked
from rollbook.catalogue.approval import ApprovalRejected
from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import (
    Engine,
    GateEvaluated,
    PromotionBlocked,
    PromotionDispatched,
    PromotionReadied,
    PromotionRebound,
    PromotionRejected,
)
from rollbook.commands.promotion import EvaluatePromotion
from rollbook.envelope import Actor, Envelope, Stamp
from rollbook.event import Event
from rollbook.names import CommandId, PromotionId
from rollbook.subjects import ACCESS, POLICIES
from rollbook_services.policy.document import Policy
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.evolve import evolve, fold
from rollbook_services.registrar.hindsight.history import History
from rollbook_services.registrar.hindsight.recompute import Report, recompute
from rollbook_services.registrar.rules.dispatch import start
from rollbook_services.registrar.seeing import explain
from tests.services.registrar.ledgers import NONE, WHY, Book, registered
from tests.support.governed import PRODUCTION as SPEC
from tests.support.governed import STAGING as STAGING_SPEC
from tests.support.governed import policy
from tests.support.scenario import (
    ALICE,
    BOB,
    CAROL,
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    Scenario,
    approve,
    envelopes,
    promote,
    reject,
    roll_back,
)

E = TypeVar("E", bound=Event)
P = TypeVar("P", bound=BaseModel)

REVIEWED: Final = {
    "id": "sign-off",
    "kind": "approvals",
    "slots": [{"role": "reviewer"}],
}
SOAK: Final = {"id": "soak", "kind": "soak", "in": "staging", "for": "2h"}


TWICE: Final = policy(
    STAGING_SPEC, {**SPEC, "gates": [{**REVIEWED, "reject": {"count": 2}}]}
)


def begun() -> Book:
    """1 runs in production, 2 in staging."""
    book = Book()
    book.tell(registered(3))
    book.tell(lambda model: model.in_production(1).in_staging(2))
    return book


def waiting() -> Book:
    """Version 2 waits for a vote in production: promotion 4."""
    book = begun()
    book.tell(lambda model: model.given(promote(2, PRODUCTION), by=PIPELINE))
    return book


def dispatched() -> Book:
    """Promotion 4 was approved and dispatched."""
    book = waiting()
    book.tell(lambda model: model.given(approve(4, model), by=BOB).dispatched(4))
    return book


def evaluated(model: Scenario) -> Scenario:
    """Let the conductor ask for promotion 4."""
    command = EvaluatePromotion(model=FRAUD, promotion=PromotionId(4))
    return model.given(command, by=CONDUCTOR)


def last(book: Book, kind: type[E]) -> Envelope[E]:
    """Find the newest event of a kind."""
    for each in reversed(book.envelopes):
        if isinstance(each.event, kind):
            return cast("Envelope[E]", each)
    raise AssertionError(f"no {kind.__name__}")


def other(part: P, **fields: Any) -> P:
    """Say something else."""
    return type(part)(**{**dict(part), **fields})


def forged(book: Book, changes: Sequence[tuple[Envelope[Event], Event]]) -> Report:
    """Take a ledger again in which some events say something else."""
    events = {each.sequence: event for each, event in changes}
    return recompute(
        replace(each, event=events.get(each.sequence, each.event))
        for each in book.envelopes
    )


def written(model: Scenario, events: Sequence[Any], stamp: Stamp) -> Scenario:
    """Write events that nobody decided."""
    new = envelopes(events, stamp, rev=len(model.history))
    then = model.model
    for each in new:
        then = evolve(then, each)
    return replace(model, model=then, history=(*model.history, *new))


def test_a_changed_word_in_a_snapshot_is_named_with_its_place() -> None:
    book = dispatched()
    snapshot = last(book, PromotionDispatched)
    gates = [
        other(each, status=GateStatus.WAIT) if each.gate == "sign-off" else each
        for each in snapshot.event.gates
    ]
    (found,) = forged(
        book, [(snapshot, other(snapshot.event, gates=gates))]
    ).disagreements
    assert (found.sequence, found.aggregate) == (snapshot.sequence, snapshot.aggregate)
    assert found.what == "promotion.dispatched: gates.sign-off.status"
    assert (found.recorded, found.recomputed) == ('"wait"', '"pass"')


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("voters", ()),
        ("token", 7),
        ("warnings", ("lane",)),
        ("deadlines", None),
        ("policy_digest", "sha256:" + "7" * 64),
    ],
)
def test_whatever_else_a_dispatch_says_has_to_follow_too(
    field: str, value: object
) -> None:
    book = dispatched()
    snapshot = last(book, PromotionDispatched)
    found = forged(
        book, [(snapshot, other(snapshot.event, **{field: value}))]
    ).disagreements
    assert found[0].sequence == snapshot.sequence
    assert found[0].what == f"promotion.dispatched: {field}"


def test_a_changed_word_of_a_gate_is_named() -> None:
    book = waiting()
    said = last(book, GateEvaluated)
    result = other(said.event.result, detail="all is well")
    report = forged(book, [(said, other(said.event, result=result))])
    (found,) = report.disagreements
    assert found.sequence == said.sequence
    assert found.what == "gate.evaluated: result.detail"
    assert report.agreed == report.decisions - 1


def test_a_dispatch_of_what_waits_is_found_even_if_it_tells_the_truth() -> None:
    book = waiting()
    model, context = book.scenario.model, book.context()
    stamp = Stamp(book.scenario.at, CONDUCTOR, CommandId("forged"), NONE)
    decision = Decision(model, context, stamp, fold=fold)
    promotion = model.promotions[PromotionId(4)]
    start(decision, promotion.id, explain(model, promotion, context, decision.at))
    book.tell(lambda model: written(model, decision.events, stamp))
    (found,) = recompute(book.envelopes).disagreements
    assert found.what == "promotion.dispatched in spite of its gates"
    assert found.recomputed == "is GATING"


def test_what_does_not_follow_and_what_is_missing_are_found() -> None:
    book = dispatched()
    readied = last(book, PromotionReadied)
    without = [each for each in book.envelopes if each is not readied]
    whats = [each.what for each in recompute(without).disagreements]
    assert whats[0] == "promotion.readied is missing"
    blocked = PromotionBlocked(promotion=PromotionId(4), gates=("lane",))
    instead = [
        replace(each, event=blocked) if each is readied else each
        for each in book.envelopes
    ]
    whats = [each.what for each in recompute(instead).disagreements]
    assert "promotion.blocked does not follow" in whats


def test_a_word_that_is_missing_between_others_is_found() -> None:
    book = waiting()
    said = [each for each in book.envelopes if isinstance(each.event, GateEvaluated)]
    without = [each for each in book.envelopes if each is not said[-3]]
    (found,) = recompute(without).disagreements
    assert (found.sequence, found.what) == (
        said[-2].sequence,
        "gate.evaluated is missing",
    )


def test_what_is_missing_before_another_matter_is_found_there() -> None:
    book = begun()
    book.tell(lambda model: model.in_production(2))
    book.tell(lambda model: model.given(roll_back(PRODUCTION), by=DAVE))
    readied, moved = last(book, PromotionReadied), last(book, PromotionDispatched)
    without = [each for each in book.envelopes if each is not readied]
    found = recompute(without).disagreements
    assert (found[0].sequence, found[0].what) == (
        moved.sequence,
        "promotion.readied is missing",
    )


def disputed(rules: Policy) -> Book:
    """Promotion 2 waits for votes in production."""
    book = Book()
    book.rule(rules)
    book.tell(registered(1))
    book.tell(lambda model: model.in_staging(1))
    book.tell(lambda model: model.given(promote(1, PRODUCTION), by=PIPELINE))
    return book


def test_an_end_by_votes_needs_as_many_as_the_policy_says() -> None:
    book = disputed(TWICE)
    book.tell(lambda model: model.given(reject(2, model), by=BOB))
    book.tell(lambda model: model.given(reject(2, model), by=CAROL))
    ended = last(book, PromotionRejected)
    assert recompute(book.envelopes).disagreements == ()
    alone = [each for each in book.envelopes if not _is_no_of(each, BOB)]
    (found, *_) = recompute(alone).disagreements
    assert found.sequence == ended.sequence
    assert found.what == "promotion.rejected does not follow"


def _is_no_of(envelope: Envelope[Event], actor: Actor) -> bool:
    return isinstance(envelope.event, ApprovalRejected) and envelope.actor == actor


def test_two_noes_of_one_person_are_one() -> None:
    book = disputed(TWICE)
    book.tell(lambda model: model.given(reject(2, model), by=BOB))
    seen = book.context()
    one = IdentityLinked(principals=(BOB.id, CAROL.id), reason=WHY)
    book.write(ACCESS, one)
    book.issue(ALICE)
    book.tell(lambda model: model.given(reject(2, model), by=CAROL), seen=seen)
    (found,) = recompute(book.envelopes).disagreements
    assert found.what == "promotion.rejected does not follow"


def test_a_registrar_may_not_have_heard_of_the_last_change_yet() -> None:
    book = disputed(policy(STAGING_SPEC, {**SPEC, "gates": [REVIEWED]}))
    seen = book.context()
    book.rule(TWICE)
    book.tell(lambda model: model.given(reject(2, model), by=BOB), seen=seen)
    assert last(book, PromotionRejected).event.reason_code == "votes"
    assert recompute(book.envelopes).disagreements == ()


def test_what_another_rule_ended_is_left_to_it() -> None:
    book = waiting()
    stamp = Stamp(book.scenario.at, CONDUCTOR, CommandId("bundle"), NONE)
    fields = {"promotion": PromotionId(4), "inputs": ()}
    ended = PromotionRejected(reason_code="bundle_failed", **fields)
    book.tell(lambda model: written(model, [ended], stamp))
    assert recompute(book.envelopes).disagreements == ()


@pytest.mark.parametrize("part", ["rules", "cel", "tzdata"])
def test_what_another_engine_decided_is_not_comparable(part: str) -> None:
    book = dispatched()
    snapshot = last(book, PromotionDispatched)
    engine = Engine(**{**dict(snapshot.event.engine), part: "another"})
    report = forged(book, [(snapshot, other(snapshot.event, engine=engine))])
    assert report.disagreements == ()
    assert report.not_comparable == 1
    assert report.agreed == report.decisions - 1


def test_between_dispatches_of_another_engine_no_word_is_doubted() -> None:
    book = dispatched()
    snapshot, said = last(book, PromotionDispatched), last(book, GateEvaluated)
    foreign = other(snapshot.event, engine=Engine(rules="2"))
    word = other(said.event, result=other(said.event.result, detail="in other words"))
    report = forged(book, [(snapshot, foreign), (said, word)])
    assert report.disagreements == ()
    assert report.not_comparable == 2


def test_a_decision_is_judged_by_what_it_had_seen_not_by_what_was_there() -> None:
    book = waiting()
    seen = book.context()
    token = book.issue(BOB)
    book.tell(lambda model: model.given(approve(4, model), by=BOB))
    for id_ in tuple(seen.access.tokens):
        book.revoke(id_)
    book.revoke(token)
    book.tell(lambda model: model.dispatched(4), seen=seen)
    assert last(book, PromotionDispatched).event.seen == seen.seen
    assert recompute(book.envelopes).disagreements == ()


def test_a_decision_on_what_was_not_read_is_not_comparable() -> None:
    book = dispatched()
    models = [each for each in book.envelopes if each.aggregate != ACCESS]
    report = recompute(models)
    assert report.disagreements == ()
    assert report.not_comparable == report.decisions > 0


def test_an_event_of_an_older_release_is_compared_in_what_it_says() -> None:
    book = dispatched()
    snapshot = last(book, PromotionDispatched)
    unknown = dict.fromkeys(("seen", "policy_digest", "deadlines", "wake_at"))
    event = other(snapshot.event, **unknown)
    data = event.model_dump(mode="json", exclude={*unknown, "warnings"})
    old = [
        replace(each, event=event, raw={"data": data}) if each is snapshot else each
        for each in book.envelopes
    ]
    assert recompute(old).agreed == recompute(book.envelopes).agreed


def test_a_policy_change_is_followed_and_its_absence_found() -> None:
    book = waiting()
    book.rule(policy(STAGING_SPEC, {**SPEC, "gates": [REVIEWED, SOAK]}))
    book.tell(evaluated)
    assert isinstance(last(book, PromotionRebound).event, PromotionRebound)
    assert recompute(book.envelopes).disagreements == ()
    without = [each for each in book.envelopes if each.aggregate != POLICIES]
    report = recompute(without)
    assert (report.disagreements, report.not_comparable) == ((), 1)


def test_tokens_that_ran_out_long_ago_are_left_out_and_change_nothing() -> None:
    book = waiting()
    old = [book.issue(CAROL, until=timedelta(hours=1)) for _ in range(80)]
    book.tell(lambda model: replace(model, at=model.at + timedelta(days=3)))
    for _ in range(80):
        book.issue(CAROL)
    for token in old:
        book.revoke(token)
    book.tell(lambda model: model.given(approve(4, model), by=BOB).dispatched(4))
    report = recompute(book.envelopes)
    assert report.disagreements == ()
    assert report.agreed == report.decisions
    history = History()
    for envelope in book.envelopes:
        history.take(envelope)
    assert len(history.present(FRAUD).access.tokens) < 100
