"""A challenger answers a tenth of the requests: winning is evidence, no promotion."""

from datetime import timedelta
from typing import Any, Final

import pytest

from rollbook.catalogue.evidence import EvidenceRecorded
from rollbook.catalogue.experiment import (
    ExperimentConcluded,
    ExperimentInvalidated,
    ExperimentStarted,
    Winner,
)
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    PromotionAborted,
    PromotionDispatched,
    PromotionPaused,
    PromotionReadied,
    PromotionRequested,
    PromotionResumed,
)
from rollbook.commands.promotion import RecordAnalysis
from rollbook.commands.version import QuarantineVersion
from rollbook.names import PromotionId, StageName, Version
from rollbook_services.policy.document import Policy
from tests.services.scenarios.rules import policy
from tests.services.scenarios.story import WHY, Story
from tests.support.scenario import CONDUCTOR, DAVE, FRAUD, PIPELINE

DUEL, PROD = StageName("duel"), StageName("prod")
CHALLENGER: Final[dict[str, Any]] = {
    "share": "10%",
    "split_key": "header:x-customer",
    "metric": "conversion",
    "min_samples": 1000,
    "stop": {"after": "5d", "or_when": "samples >= 20000.0 && value > champion * 1.1"},
}
WON: Final = {
    "id": "won",
    "kind": "evidence",
    "evidence": "experiment",
    "when": "champion.exists",
    "expr": "verdict == 'pass'",
    "on_missing": "wait",
}
BESIDE: Final[dict[str, Any]] = {
    "name": "duel",
    "beside": "prod",
    "strategy": {"challenger": CHALLENGER},
    "deadlines": {"total": "7d"},
}
PLACE: Final[dict[str, Any]] = {"name": "prod", "targets": ["default"]}


def ruled(duel: dict[str, Any] | None = None, **prod: Any) -> Policy:
    """Let prod ask for a challenger that won, and this besides."""
    return policy({**BESIDE, **(duel or {})}, {**PLACE, "gates": [WON], **prod})


@pytest.fixture
def story(story: Story) -> Story:
    """1 is live in prod; 4 versions are known, and the model changes accounts."""
    story.rule(ruled())
    story.model(versions=4)
    story.live(1, PROD)
    return story


def challenged(story: Story, number: int) -> int:
    """Let a version begin to answer its share, now; return the promotion."""
    asked = story.request(number, DUEL)
    story.dispatch(asked).event(ExperimentStarted)
    story.apply(DUEL)
    return asked


def measured(
    story: Story, asked: int, candidate: float, champion: float, samples: int = 5000
) -> None:
    """Let the pipeline record what it saw in the last hour."""
    values = {"candidate": candidate, "champion": champion}
    story.let(
        RecordAnalysis(
            model=FRAUD,
            promotion=PromotionId(asked),
            metrics={side: {"conversion": value} for side, value in values.items()},
            samples=samples,
            from_at=story.time - timedelta(hours=1),
            until_at=story.time,
        ),
        by=PIPELINE,
    )


def winner(story: Story) -> tuple[Winner, str]:
    ended = story.said(ExperimentConcluded)[-1]
    return ended.winner, ended.cause


def test_who_wins_is_let_into_prod_and_goes_there_when_somebody_asks(
    story: Story,
) -> None:
    """Five days, 4.2 % against 4.0 %: prod runs 1 until 2 is asked for."""
    asked = challenged(story, 2)
    measured(story.later(hours=119), asked, 0.042, 0.040)
    story.later(hours=1).wake(asked)
    assert winner(story) == (Winner.CHALLENGER, "time")
    assert story.serves(PROD) == 1
    assert len(story.said(PromotionRequested)) == 2
    story.live(2, PROD)
    assert story.serves(PROD) == 2


@pytest.mark.parametrize(
    ("candidate", "samples", "who", "status"),
    [
        (0.038, 5000, Winner.CHAMPION, GateStatus.FAIL),
        (0.042, 999, Winner.NONE, GateStatus.UNKNOWN),
    ],
)
def test_who_does_not_is_kept_out(
    story: Story, candidate: float, samples: int, who: Winner, status: GateStatus
) -> None:
    """It lost, or too few customers came by; the run itself succeeded either way."""
    asked = challenged(story, 2)
    measured(story.later(hours=119), asked, candidate, 0.040, samples)
    story.later(hours=1).wake(asked)
    assert winner(story) == (who, "time")
    assert story.state(asked) == "SUCCEEDED"
    waits = story.request(2, PROD)
    assert story.now.words()["won"].status is status
    assert story.state(waits) == "GATING"


def test_a_clear_case_is_over_early(story: Story) -> None:
    """On the second day it is ahead by half with 20,000 customers: why wait longer?"""
    asked = challenged(story, 2)
    waits = story.request(2, PROD)
    measured(story.later(hours=20), asked, 0.060, 0.040, 19_999)
    assert story.state(asked) == "VERIFYING"
    measured(story.later(hours=4), asked, 0.060, 0.040, 20_000)
    assert winner(story) == (Winner.CHALLENGER, "expression")
    assert story.now.event(PromotionReadied).promotion == waits


def test_a_hotfix_ends_it_in_the_same_moment(story: Story) -> None:
    """3 is needed in prod at once: its rules are eased, and nobody waits for 2.

    From then on 2 would be compared with something that moves: its share is taken
    back before the hotfix reaches the first target, and it says nothing.
    """
    asked = challenged(story, 2)
    measured(story.later(hours=30), asked, 0.042, 0.040)
    story.rule(ruled(gates=[]))
    hotfix = story.request(3, PROD)
    # when
    then = story.dispatch(hotfix)
    # then
    ended = then.event(PromotionAborted)
    assert (ended.promotion, ended.reason_code) == (asked, "parent_moved")
    assert ended.by_promotion == hotfix
    assert then.event(ExperimentInvalidated).cause == "parent_moved"
    assert story.said(EvidenceRecorded) == []
    desired = story.lane(DUEL).desired
    assert desired is not None
    assert desired.targets == {"default": {}}
    story.later(minutes=1).apply(PROD)
    assert story.serves(PROD) == 3


def test_automation_begins_anew_against_the_new_champion(story: Story) -> None:
    """4 challenges by itself; after the hotfix it does so again, and asks but once."""
    story.rule(ruled({"auto_promote": "newest_eligible"}, gates=[]))
    first = story.consider().event(PromotionRequested)
    assert (first.stage, first.version, first.automatic) == ("duel", 4, True)
    story.dispatch(first.promotion)
    story.later(minutes=1).apply(DUEL)
    hotfix = story.request(3, PROD)
    story.dispatch(hotfix)
    story.consider().then()  # prod moves: who will be champion?
    story.later(minutes=1).apply(PROD)
    again = story.consider().event(PromotionRequested)
    assert (again.stage, again.version) == ("duel", 4)
    assert story.dispatch(again.promotion).event(ExperimentStarted).champion == 3
    story.later(minutes=1).apply(DUEL)
    story.later(days=5).wake(again.promotion)
    assert story.state(again.promotion) == "SUCCEEDED"
    story.consider().then()


def test_a_freeze_lets_it_stand_still_and_it_ends_when_that_is_over(
    story: Story,
) -> None:
    """Two days are frozen, the last of them the fifth: it is over on the sixth."""
    asked = challenged(story, 2)
    measured(story.later(hours=80), asked, 0.042, 0.040)
    freeze = story.later(hours=10).freeze(in_flight="pause")
    assert story.wake(asked).event(PromotionPaused).promotion == asked
    story.later(hours=40).wake(asked)
    assert story.state(asked) == "PAUSED"
    story.thaw(freeze)
    assert story.wake(asked).event(PromotionResumed).promotion == asked
    assert winner(story) == (Winner.CHALLENGER, "time")


def test_what_is_barred_from_prod_answers_nothing_there(story: Story) -> None:
    """2 is found to leak: it is barred from prod, where its answers go."""
    asked = challenged(story, 2)
    bar = QuarantineVersion.model_validate(
        {
            "model": FRAUD,
            "version": Version(2),
            "scope": {"stages": [PROD]},
            "reason": WHY,
        }
    )
    then = story.later(hours=1).let(bar, by=DAVE)
    ended = then.event(PromotionAborted)
    assert (ended.promotion, ended.reason_code) == (asked, "quarantined")
    waits = story.request(3, DUEL)
    story.dispatch(waits).event(PromotionDispatched)


def test_what_runs_may_be_applied_once_more_and_ends_it_too(story: Story) -> None:
    """A redeploy changes every target of prod: the shares would not be the same."""
    story.rule(ruled(gates=[]))
    asked = challenged(story, 2)
    again = story.request(1, PROD, kind=PromotionKind.REDEPLOY)
    story.dispatch(again)
    assert story.state(asked) == "ABORTED"
    assert story.now.event(ExperimentInvalidated).promotion == asked


def test_nobody_but_the_conductor_has_to_be_awake(story: Story) -> None:
    """The last event is its own clock's: who concludes it is who looked."""
    asked = challenged(story, 2)
    story.later(days=5).wake(asked)
    assert story.said_by(EvidenceRecorded).actor == CONDUCTOR
