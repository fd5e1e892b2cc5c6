"""What happens to one model over the years, command by command?

The mix: most versions are only registered and evaluated; every fourth goes through
staging and production, and some of those are rolled back.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from rollbook import subjects
from rollbook.catalogue.target import Report
from rollbook.commands.alias import MoveAlias
from rollbook.commands.approval import Approve
from rollbook.commands.lane import ReleaseHold
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import (
    DispatchPromotion,
    RequestPromotion,
    RequestRollback,
)
from rollbook.commands.target import ReportedState, ReportTarget
from rollbook.names import AliasName, ModelName, StageName, Version
from rollbook_services.policy.document import (
    BUILT_IN,
    DEFAULT_TARGET,
    PRODUCTION,
    STAGING,
)
from rollbook_services.policy.quorum import binding
from rollbook_services.registrar.seeing import bound_of, stage_of
from rollbook_services.registrar.state import (
    Model,
)
from tests.benchmarks.author import (
    CI_BOT,
    CONDUCTOR,
    MANAGER,
    REVIEWER,
    Author,
    agent_of,
)
from tests.benchmarks.workload import evaluation, registration

PROMOTED_EVERY: Final = 4
ROLLED_BACK_EVERY: Final = 20
CHAMPION: Final = AliasName("champion")

Bodies = list[bytes]


def life(author: Author, name: ModelName) -> Iterator[Bodies]:
    """Yield the events of one decision after another, without end."""
    yield author.ask(
        RegisterModel(model=name, owners=("risk",), task="tabular"), CI_BOT
    )
    number = 0
    while True:
        number += 1
        yield author.ask(registration(name, number), CI_BOT)
        yield author.ask(evaluation(name, number, Version(number), author.at), CI_BOT)
        if number % PROMOTED_EVERY == 0:
            yield from _brought_live(author, name, number)
        if number % ROLLED_BACK_EVERY == 0:
            yield from _rolled_back(author, name)


def _brought_live(author: Author, name: ModelName, number: int) -> Iterator[Bodies]:
    champion = _model(author, name).aliases.get(CHAMPION)
    move = MoveAlias(
        model=name,
        alias=CHAMPION,
        version=Version(number),
        expected_previous=champion.version if champion else None,
    )
    yield author.ask(move, CI_BOT)
    for stage in (STAGING, PRODUCTION):
        asked = RequestPromotion(
            model=name, stage=stage, version=Version(number), reason="nightly retrain"
        )
        yield author.ask(asked, CI_BOT)
        promotion = _model(author, name).open[-1]
        if stage == PRODUCTION:
            yield author.ask(_vote(author, name), REVIEWER)
        yield author.ask(DispatchPromotion(model=name, promotion=promotion), CONDUCTOR)
        yield from _reported(author, name, stage)


def _rolled_back(author: Author, name: ModelName) -> Iterator[Bodies]:
    back = RequestRollback(model=name, stage=PRODUCTION, reason="latency doubled")
    yield author.ask(back, MANAGER)
    yield from _reported(author, name, PRODUCTION)
    held = _model(author, name).lane(PRODUCTION).hold
    assert held is not None
    lifted = ReleaseHold(
        model=name, stage=PRODUCTION, hold=held.id, reason="fixed upstream"
    )
    yield author.ask(lifted, MANAGER)


def _vote(author: Author, name: ModelName) -> Approve:
    model = _model(author, name)
    promotion = model.promotions[model.open[-1]]
    bound = bound_of(model, promotion, stage_of(BUILT_IN, promotion.stage))
    return Approve(
        model=name,
        promotion=promotion.id,
        binding=binding(bound),
        comment="metrics hold on every slice",
    )


def _reported(author: Author, name: ModelName, stage: StageName) -> Iterator[Bodies]:
    agent = agent_of(stage, DEFAULT_TARGET)
    for place, state in enumerate((ReportedState.ACKNOWLEDGED, ReportedState.APPLIED)):
        report = _report(_model(author, name), stage, agent.id, place, author.at)
        yield author.ask(ReportTarget(model=name, state=state, report=report), agent)


def _report(
    model: Model, stage: StageName, agent: str, place: int, at: datetime
) -> Report:
    desired = model.lane(stage).desired
    assert desired is not None
    return Report(
        stage=stage,
        target=DEFAULT_TARGET,
        agent=agent,
        seq=2 * desired.revision + place,
        revision=desired.revision,
        token=desired.token,
        promotion=desired.promotion,
        observed={key: each.digest for key, each in desired.variants.items()},
        reported_at=at,
    )


def _model(author: Author, name: ModelName) -> Model:
    state = author.of(subjects.model(name)).state
    assert isinstance(state, Model)
    return state
