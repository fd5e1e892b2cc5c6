"""Is it told what is frozen at an instant, where, and by whom?"""

from datetime import timedelta

from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.calendar import freeze, freezes
from tests.projections.folding import Empty, told
from tests.projections.site import COMMANDER, Site
from tests.projections.story import ALICE, Story
from tests.support.recorder import BEGIN

HOUR = timedelta(hours=1)


def test_time_opens_and_ends_a_freeze(empty: Empty) -> None:
    site = Site(Story())
    id_ = site.freeze(from_at=BEGIN + HOUR, until=BEGIN + 2 * HOUR)
    with empty() as connection:
        view = told(STAGE, connection, site.story)
        moments = [BEGIN + each * HOUR for each in (0, 1, 1.5, 2)]
        shown = [freeze(view, id_, now=now) for now in moments]
        assert freeze(view, "none", now=BEGIN) is None
        listed = [freezes(view, now=now, open_only=True) for now in moments]
    states = [each and each["state"] for each in shown]
    assert states == ["upcoming", "open", "open", "over"]
    assert [len(each) for each in listed] == [0, 1, 1, 0]


def test_without_a_beginning_it_begins_with_its_event(empty: Empty) -> None:
    site = Site(Story())
    id_ = site.freeze()
    at = site.story.ledger.at
    with empty() as connection:
        view = told(STAGE, connection, site.story)
        shown = freeze(view, id_, now=at)
    assert shown is not None
    assert (shown["state"], shown["until"]) == ("open", None)
    assert shown["from_at"] == shown["declared_at"]
    assert (shown["declared_by"], shown["reason"]) == (COMMANDER.id, "year end")
    assert (shown["in_flight"], shown["exempt"]) == ("pause", ["rollback"])


def test_a_lifted_freeze_stays_to_be_read(empty: Empty) -> None:
    site = Site(Story())
    id_ = site.freeze()
    before = site.story.now
    site.lift(id_)
    at = site.story.ledger.at
    with empty() as connection:
        view = told(STAGE, connection, site.story)
        [shown], [then] = freezes(view, now=at), freezes(view.at(before), now=at)
        assert freezes(view, now=at, open_only=True) == []
    assert (shown["state"], then["state"]) == ("lifted", "open")
    assert (shown["lifted_by"], shown["lifted_reason"]) == (ALICE.id, "it is over")


def test_freezes_are_found_by_the_lanes_they_cover(empty: Empty) -> None:
    site = Site(Story())
    everything = site.freeze()
    payments = site.freeze(models=("payments/*",))
    production = site.freeze(stages=("production",))
    with empty() as connection:
        view = told(STAGE, connection, site.story)

        def over(model: str | None, stage: str | None) -> list[str]:
            found = freezes(view, now=BEGIN, model=model, stage=stage)
            return [each["freeze"] for each in found]

        assert over(None, None) == [production, payments, everything]
        assert over("payments/fraud", "staging") == [payments, everything]
        assert over("fraud", "staging") == [everything]
        assert over("fraud", "production") == [production, everything]
