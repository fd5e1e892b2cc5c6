"""No gate changes its word before the moment at which it said time alone may (I14).

Also not the moment itself: a gate that named another one at each question would have
every question recorded.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.catalogue.calendar import InFlight
from rollbook.catalogue.parts import PromotionKind, Verdict
from rollbook.names import EvidenceKind, GateName, Principal, RoleName, Version
from rollbook_services.policy import gates
from rollbook_services.policy.facts import (
    AboutModel,
    Attested,
    Champion,
    Facts,
    Freeze,
    Hold,
    LaneStatus,
    Record,
    Stay,
    Vote,
    Waived,
)
from rollbook_services.policy.gate import Gate, Judged, declared, judge
from tests.services.policy.cases import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    FACTS,
    STAGING,
    START,
    digest,
    event,
    version,
)
from tests.services.policy.records import KEY, PROVENANCE

gates.load()

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MOMENT = timedelta(milliseconds=1)
ROLES = tuple(RoleName(each) for each in ("owner", "risk"))
GATES = tuple(GateName(each) for each in ("sign-off", "freeze", "windows", "rate"))

hours = st.sampled_from((1, 2, 5, 24, 48)).map(lambda n: f"{n}h")
before = st.integers(-4 * 1440, 0).map(lambda n: START + n * MINUTE)
around = st.integers(-2880, 2880).map(lambda n: START + n * MINUTE)
ends = st.one_of(st.none(), around)
ids = st.sampled_from("0123456789abcdef").map(event)
people = st.sampled_from((ALICE, BOB, CAROL, DAVE, Principal("svc:pipeline")))
roles = st.lists(st.sampled_from(ROLES), max_size=2, unique=True).map(tuple)
kinds = st.sampled_from(PromotionKind)

rules = st.sampled_from(
    (
        "FREQ=DAILY",
        "FREQ=DAILY;COUNT=400",
        "FREQ=WEEKLY;BYDAY=MO,WE,FR",
        "FREQ=MONTHLY;BYDAY=-1TU",
        "FREQ=YEARLY",
        "FREQ=DAILY;UNTIL=20261126T000000Z",
        "FREQ=DAILY;BYHOUR=2,3,14",
    )
)
windows = st.fixed_dictionaries(
    {
        "name": st.sampled_from(("office", "night", "year-end")),
        "kind": st.sampled_from(("allow", "deny")),
        "zone": st.sampled_from(("Europe/Berlin", "America/New_York", "UTC")),
        "start": st.sampled_from(("2026-01-05T09:00", "2026-11-23T02:30")),
        "lasts": st.one_of(hours, st.just("24h")),
        "rrule": rules,
    }
)
slots = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(ROLES)}), min_size=1, max_size=3
)
expressions = st.sampled_from(
    (
        None,
        "metrics.auc >= 0.9",
        "metrics.auc >= champion.metrics.auc",
        'age < duration("5h")',
        'metrics.auc >= 0.9 || age > duration("24h")',
    )
)
SETTINGS: dict[str, st.SearchStrategy[dict[str, object]]] = {
    "artifact": st.just({}),
    "quarantine": st.just({}),
    "lane": st.just({}),
    "hold": st.just({}),
    "drift": st.just({}),
    "freeze": st.just({}),
    "predecessor": st.fixed_dictionaries(
        {"after": st.just([STAGING]), "still_live": st.booleans()}
    ),
    "windows": st.fixed_dictionaries(
        {"windows": st.lists(windows, min_size=1, max_size=3)}
    ),
    "soak": st.fixed_dictionaries({"in": st.just(STAGING), "for": hours}),
    "rate": st.fixed_dictionaries({"max": st.integers(1, 3), "per": hours}),
    "approvals": st.fixed_dictionaries({"slots": slots}),
    "evidence": st.fixed_dictionaries(
        {
            "evidence": st.just("eval"),
            "expr": expressions,
            "max_age": st.one_of(st.none(), hours),
            "on_missing": st.sampled_from(("wait", "fail")),
        }
    ),
    "attestation": st.fixed_dictionaries(
        {
            "predicate": st.just(PROVENANCE),
            "issuers": st.just(["ci-main"]),
            "max_age": st.one_of(st.none(), hours),
        }
    ),
}

records = st.builds(
    Record,
    id=ids,
    kind=st.just(EvidenceKind("eval")),
    dataset=st.none(),
    subject_digest=st.sampled_from((digest(1), digest(1), digest(2))),
    verdict=st.sampled_from(Verdict),
    metrics=st.sampled_from(({"auc": 0.8}, {"auc": 0.95}, {})),
    produced_at=before,
    valid_until=ends,
    attested=st.one_of(
        st.none(),
        st.builds(
            Attested,
            st.just(KEY),
            st.sampled_from(("ci-main", "laptop")),
            st.just(PROVENANCE),
        ),
    ),
)
recorded = st.lists(records, max_size=4).map(tuple)
votes = st.builds(
    Vote,
    id=ids,
    gate=st.sampled_from((GateName("sign-off"), GateName("other"))),
    who=people,
    roles=roles,
    binding=st.sampled_from((FACTS.binding, FACTS.binding, digest(9))),
    valid_until=ends,
    is_rejection=st.sampled_from((False, False, True)),
)
freezes = st.builds(
    Freeze,
    id=ids,
    by=st.just(DAVE),
    reason=st.just("stocktaking"),
    from_at=around,
    until=ends,
    in_flight=st.just(InFlight.FINISH),
    exempt=st.lists(kinds, max_size=1).map(tuple),
    waivable=st.booleans(),
)
holds = st.builds(
    Hold,
    id=ids,
    by=st.just(DAVE),
    by_promotion=st.none(),
    until=ends,
    reason=st.just("incident"),
)
waivers = st.builds(
    Waived,
    id=ids,
    gate=st.sampled_from(GATES),
    break_glass=st.just("sev1"),
    by=st.just(DAVE),
    second_person=st.none(),
    until=around,
)


@st.composite
def stays(draw: st.DrawFn) -> tuple[Stay, ...]:
    times = sorted(draw(st.lists(before, max_size=4, unique=True)))
    versions = draw(st.lists(st.integers(1, 2), min_size=4, max_size=4))
    until: list[datetime | None] = [*times[1:], None]
    return tuple(
        Stay(Version(number), since, end)
        for number, since, end in zip(versions, times, until, strict=False)
    )


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    seen = version(
        records=draw(recorded),
        proven_in=draw(st.sampled_from(({}, {STAGING: event("5")}))),
    )
    lane = replace(
        seen.lane,
        status=draw(st.sampled_from(LaneStatus)),
        hold=draw(st.one_of(st.none(), holds)),
        dispatched_at=tuple(sorted(draw(st.lists(before, max_size=5)))),
    )
    champion = st.builds(Champion, st.just(Version(6)), st.none(), recorded)
    return replace(
        seen,
        kind=draw(kinds),
        automatic=draw(st.booleans()),
        lane=lane,
        votes=tuple(draw(st.lists(votes, max_size=5))),
        holders=draw(st.dictionaries(people, roles.map(frozenset), max_size=5)),
        persons=draw(st.sampled_from(({}, {BOB: ALICE}, {BOB: CAROL}))),
        barred=draw(st.sampled_from(({}, {ALICE: "requester"}))),
        champion=draw(st.one_of(st.none(), champion)),
        stays={STAGING: draw(stays())},
        freezes=tuple(draw(st.lists(freezes, max_size=3))),
        waivers=tuple(draw(st.lists(waivers, max_size=2))),
        live_in=draw(st.sampled_from((frozenset(), frozenset({STAGING})))),
        model=AboutModel(seen.model.name, draw(st.sampled_from((None, "tier-1")))),
    )


def moments(seen: Facts) -> set[datetime]:
    """Return when something of the facts begins or ends, or has lasted some hours."""
    ends: list[datetime | None] = [
        *(each.until for each in seen.freezes),
        *(each.from_at for each in seen.freezes),
        *(each.until for each in seen.waivers),
        *(each.valid_until for each in seen.votes),
        *(seen.lane.dispatched_at),
        *(each.since for each in seen.stays[STAGING]),
        seen.lane.hold.until if seen.lane.hold else None,
    ]
    for champion in (seen.champion, seen.registered):
        for each in champion.records if champion else ():
            ends += [each.valid_until, each.produced_at]
    known = {end for end in ends if end is not None}
    return known | {
        at + timedelta(hours=many) for at in known for many in (1, 2, 5, 24, 48)
    }


def said(gate: Gate, seen: Facts, at: datetime) -> Judged:
    (judged,) = judge([gate], seen, at)
    return judged


def made(kind: str, data: st.DataObject) -> Gate:
    settings = data.draw(SETTINGS[kind])
    made: Gate = declared()[kind].model_validate(settings)  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize("kind", sorted(declared()))
@given(seen=facts(), data=st.data())
def test_no_gate_changes_its_word_before_it_said(
    kind: str, seen: Facts, data: st.DataObject
) -> None:
    gate = made(kind, data)
    first = said(gate, seen, START).result
    assert first.recheck_at is None or first.recheck_at > START
    later = data.draw(st.lists(st.integers(1, 2 * 365 * 1440), max_size=20))
    sooner = data.draw(st.lists(st.integers(1, 3 * 1440), max_size=20))
    asked = moments(seen) | {START + each * MINUTE for each in later + sooner}
    if first.recheck_at is not None:
        asked |= {first.recheck_at}
    for at in sorted(asked | {each - MOMENT for each in asked}):
        if at > START and (first.recheck_at is None or at < first.recheck_at):
            then = said(gate, seen, at).result
            assert (then.status, then.recheck_at) == (first.status, first.recheck_at)


@pytest.mark.parametrize("kind", sorted(declared()))
@given(seen=facts(), data=st.data())
def test_rechecks_lead_from_word_to_word(
    kind: str, seen: Facts, data: st.DataObject
) -> None:
    """Whoever asks only when told to has the right word at every moment."""
    gate = made(kind, data)
    asked, at = [START], said(gate, seen, START).result.recheck_at
    while at is not None and at < START + 4 * DAY:
        asked.append(at)
        at = said(gate, seen, at).result.recheck_at
    for since, until in pairwise([*asked, START + 4 * DAY]):
        word = said(gate, seen, since).result.status
        minutes = (until - since) // MINUTE
        for each in data.draw(
            st.lists(st.integers(0, max(minutes - 1, 0)), max_size=3)
        ):
            assert said(gate, seen, since + each * MINUTE).result.status == word


def test_every_kind_of_gate_is_asked() -> None:
    assert SETTINGS.keys() == declared().keys()
