"""How does a test tell of agents that come, go and rest, and of experiments?"""

from datetime import timedelta
from typing import Any, Final

from rollbook.catalogue.access import Place
from rollbook.catalogue.experiment import (
    Beside,
    ExperimentConcluded,
    ExperimentInvalidated,
    ExperimentStarted,
    Winner,
)
from rollbook.catalogue.fleet import (
    AgentDrained,
    AgentEnrolled,
    AgentLost,
    AgentRecovered,
    AgentRevoked,
    AgentUndrained,
)
from rollbook.envelope import Actor
from rollbook.event import Event
from rollbook.names import TokenId
from rollbook.subjects import FLEET
from tests.projections.story import ALICE, Story
from tests.support.recorder import CONDUCTOR

KEY: Final = "U" + "A" * 55
TOKEN: Final = TokenId("a" * 16)


def enrol(story: Story, agent: str, stage: str, target: str) -> None:
    """Let an agent speak for a target."""
    place = Place(stage=stage, target=target)
    said: dict[str, Any] = {"public_key": KEY, "token": TOKEN}
    _say(story, AgentEnrolled(agent=agent, place=place, **said))


def hear(story: Story, agent: str, session: str = "one") -> None:
    """Let it hold its lease."""
    _say(story, AgentRecovered(agent=agent, session=session), by=CONDUCTOR)


def lose(story: Story, agent: str, session: str = "one") -> None:
    """Let its lease run out."""
    heard = story.ledger.at - timedelta(seconds=45)
    gone = AgentLost(agent=agent, session=session, last_heard_at=heard)
    _say(story, gone, by=CONDUCTOR)


def drain(story: Story, agent: str) -> None:
    """Let no change wait for it."""
    _say(story, AgentDrained(agent=agent, reason="disks are changed"))


def undrain(story: Story, agent: str) -> None:
    """Let it take part again."""
    _say(story, AgentUndrained(agent=agent, reason="disks are new"))


def revoke(story: Story, agent: str) -> None:
    """Let it speak for nothing any more."""
    _say(story, AgentRevoked(agent=agent, reason="its machine is gone"))


def experiment(story: Story, promotion: int, champion: int | None = 1) -> None:
    """Let a promotion's version run beside the stable one of production."""
    asked = story.promotions[promotion]
    story.say(
        ExperimentStarted(
            **asked.lane,
            parent="production",
            beside=Beside.CHALLENGER,
            candidate=asked.version,
            champion=champion,
            share=10,
            split_key="header:x-customer",
            metric="conversion",
            min_samples=1_000,
            ends_at=story.ledger.at + timedelta(days=3),
        ),
        by=CONDUCTOR,
    )


def conclude(story: Story, promotion: int) -> None:
    """Let it be over, and the challenger do better."""
    asked = story.promotions[promotion]
    story.say(
        ExperimentConcluded(
            **asked.lane,
            winner=Winner.CHALLENGER,
            samples=2_311,
            summary={
                "candidate": {"conversion": 0.12},
                "champion": {"conversion": 0.1},
            },
            evidence=None,
            cause="samples",
        ),
        by=CONDUCTOR,
    )


def invalidate(story: Story, promotion: int) -> None:
    """Let what it was compared with change."""
    asked = story.promotions[promotion]
    moved = ExperimentInvalidated(**asked.lane, cause="champion_changed", inputs=())
    story.say(moved, by=CONDUCTOR)


def _say(story: Story, event: Event, by: Actor = ALICE) -> None:
    story.ledger.record(FLEET, event, by=by)
