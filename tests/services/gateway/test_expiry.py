"""Does `doctor` tell in time that a service would lock itself out?"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rollbook.catalogue.access import Place, TokenIssued, TokenRevoked
from rollbook.envelope import Actor, ActorKind
from rollbook.names import (
    Principal,
    Reason,
    RoleName,
    StageName,
    TargetName,
    TokenId,
)
from rollbook.subjects import ACCESS
from rollbook.tokens import new_token
from rollbook_projections.audit.handlers import AUDIT
from rollbook_projections.database import Database, open_database
from rollbook_projections.projector import Projector
from rollbook_services.gateway import expiry
from rollbook_services.gateway.gateway import Check
from tests.support.recorder import BEGIN, Recorder, person

REGISTRAR = Actor(Principal("rollbook:registrar"), ActorKind.SYSTEM, ())
ADMIN = person("a", "access-admin")
OPERATOR, CONDUCTOR = "prn:" + "o" * 13, "rollbook:conductor"
AGENT, PIPELINE = "svc:agent-staging-default", "svc:ci"
DAYS = timedelta(days=1)


def token(letter: str) -> TokenId:
    return TokenId(new_token(letter.encode() * 10, bytes(32)).id)


def issue(
    recorder: Recorder,
    letter: str,
    principal: str,
    role: str,
    *,
    days: float,
    by: Actor = REGISTRAR,
) -> None:
    place = Place(stage=StageName("staging"), target=TargetName("default"))
    issued = TokenIssued(
        token=token(letter),
        sha256=new_token(letter.encode() * 10, bytes(32)).sha256,
        principal=Principal(principal),
        roles=(RoleName(role),),
        place=place if role == "agent" else None,
        until=BEGIN + days * DAYS,
    )
    recorder.record(ACCESS, issued, by=by, at=BEGIN)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{tmp_path}/audit.db", AUDIT.name) as opened:
        yield opened


async def looked(database: Database, recorder: Recorder, at: datetime) -> list[Check]:
    projector = Projector(AUDIT, database)
    await projector.open()
    await projector.apply(recorder.messages[projector.position :])
    return await expiry.look(database, lambda: at)


async def test_a_token_of_a_service_is_named_30_days_before_its_end(
    database: Database,
) -> None:
    recorder = Recorder()
    issue(recorder, "o", OPERATOR, "auditor", days=90)
    issue(recorder, "c", CONDUCTOR, "viewer", days=90)
    issue(recorder, "g", AGENT, "agent", days=90, by=ADMIN)
    issue(recorder, "p", PIPELINE, "publisher", days=90, by=ADMIN)
    [fine] = await looked(database, recorder, BEGIN + 60 * DAYS)
    assert fine.ok
    bad = await looked(database, recorder, BEGIN + 60.5 * DAYS)
    assert [each.name for each in bad] == [
        f"token of {each}" for each in (OPERATOR, CONDUCTOR, AGENT)
    ]
    assert not any(each.ok for each in bad)
    assert all("ends in 29 days" in each.detail for each in bad)
    assert "restart the registrar" in bad[1].fix
    assert f"token create {AGENT}" in bad[2].fix
    [_, ended, _] = await looked(database, recorder, BEGIN + 91 * DAYS)
    assert ended.detail == f"token {token('c')} of {CONDUCTOR} has ended"


async def test_what_was_renewed_or_revoked_needs_nobody(database: Database) -> None:
    recorder = Recorder()
    issue(recorder, "c", CONDUCTOR, "viewer", days=90)
    issue(recorder, "d", CONDUCTOR, "viewer", days=150)
    issue(recorder, "g", AGENT, "agent", days=90)
    revoked = TokenRevoked(token=token("g"), reason=Reason("gone"))
    recorder.record(ACCESS, revoked, by=ADMIN)
    [fine] = await looked(database, recorder, BEGIN + 89 * DAYS)
    assert (fine.name, fine.ok) == ("tokens", True)


async def test_a_token_made_for_a_few_days_is_no_complaint_at_once(
    database: Database,
) -> None:
    recorder = Recorder()
    issue(recorder, "g", AGENT, "agent", days=6, by=ADMIN)
    [fine] = await looked(database, recorder, BEGIN + 3.9 * DAYS)
    assert fine.ok
    [bad] = await looked(database, recorder, BEGIN + 4.1 * DAYS)
    assert "ends in 1 days" in bad.detail
