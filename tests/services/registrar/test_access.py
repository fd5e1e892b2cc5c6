"""The rules of tokens, and of who may ask for what."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from rollbook import tokens
from rollbook.catalogue.access import AccessEvent, Place, TokenIssued, TokenRevoked
from rollbook.commands.access import IssueToken, RevokeToken
from rollbook.commands.approval import Approve, Reject, WithdrawVote
from rollbook.commands.model import ModelCommand
from rollbook.commands.target import ReportedState
from rollbook.envelope import Actor, ActorKind, Envelope, Stamp
from rollbook.names import (
    CommandId,
    Digest,
    KeyId,
    Principal,
    Reason,
    RoleName,
    TokenId,
)
from rollbook.refusals import Reason as Why
from rollbook.refusals import Refusal
from rollbook.subjects import ACCESS
from rollbook_services.registrar.authorise import GRANTS, authenticate, may
from rollbook_services.registrar.decider import decide_access, evolve_access, initial
from rollbook_services.registrar.state import Access
from tests.support.scenario import (
    DEFAULT,
    PIPELINE,
    STAGING,
    START,
    VIEWER,
    agent,
    fraud,
    person,
    promote,
    report,
)

# The worked example of the token format.
GOLDEN = (
    "rbk_aaaqeayeaudaocaj_aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypquc5li3a"
)
GOLDEN_HASH = "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"
TOKEN = tokens.new_token(bytes(range(10)), bytes(range(32)))
ADMIN = person("d", "access-admin")
SYSTEM = Actor(
    Principal("rollbook:registrar"), ActorKind.SYSTEM, (RoleName("access-admin"),)
)


def stamp(by: Actor) -> Stamp:
    return Stamp(START, by, CommandId("c"), Digest("sha256:" + "0" * 64))


def issue(**changes: object) -> IssueToken:
    return IssueToken.model_validate(
        {
            "token": TOKEN.id,
            "sha256": TOKEN.sha256,
            "principal": "svc:pipeline",
            "roles": ("publisher",),
            "until": START + timedelta(days=30),
            **changes,
        }
    )


def revoke(token: str = TOKEN.id) -> RevokeToken:
    return RevokeToken(token=TokenId(token), reason=Reason("lost"))


def fold(access: Access, events: Sequence[AccessEvent], by: Actor) -> Access:
    for event in events:
        access = evolve_access(access, enclosed(event, by))
    return access


def enclosed(event: AccessEvent, by: Actor) -> Envelope[AccessEvent]:
    at = stamp(by)
    return Envelope(
        event=event,
        id=at.event_id(0),
        type=event.type_name(),
        aggregate=ACCESS,
        at=START,
        rev=1,
        actor=by,
        command_id=at.command_id,
        command_digest=at.command_digest,
        correlation_id="c",
        causation_id=None,
        kid=KeyId("ed25519:0000000000000000"),
        leaf=at.command_digest,
        sequence=1,
        raw={},
    )


def holding(**changes: object) -> Access:
    """Begin with one token issued."""
    decided = decide_access(issue(**changes), Access(), stamp(ADMIN))
    assert not isinstance(decided, Refusal), decided
    return fold(Access(), decided, ADMIN)


def refused(outcome: object, why: Why) -> Refusal:
    assert isinstance(outcome, Refusal), outcome
    assert outcome.reason is why, outcome
    assert len(outcome.message) > 20
    return outcome


def test_the_golden_token_is_written_and_read() -> None:
    assert (TOKEN.text, TOKEN.id, TOKEN.sha256) == (
        GOLDEN,
        "aaaqeayeaudaocaj",
        GOLDEN_HASH,
    )
    assert len(GOLDEN) == 80
    assert tokens.read_token(GOLDEN) == ("aaaqeayeaudaocaj", bytes(range(32)))
    assert GOLDEN not in repr(TOKEN)


@pytest.mark.parametrize("place", range(80))
def test_a_typo_is_no_token(place: int) -> None:
    other = "b" if GOLDEN[place] != "b" else "c"
    assert tokens.read_token(GOLDEN[:place] + other + GOLDEN[place + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", GOLDEN[:-1], GOLDEN + "a", GOLDEN.upper(), f" {GOLDEN}", f"{GOLDEN}\n"]
)
def test_a_token_has_one_form(text: str) -> None:
    refused(authenticate(holding(), text, START), Why.UNAUTHENTICATED)


def test_a_token_takes_its_random_bytes() -> None:
    with pytest.raises(ValueError, match="takes 10 and 32 bytes"):
        tokens.new_token(b"", b"")


def test_a_good_token_names_its_principal_and_roles() -> None:
    actor = authenticate(holding(), GOLDEN, START)
    assert isinstance(actor, Actor)
    assert (actor.id, actor.kind) == ("svc:pipeline", ActorKind.WORKLOAD)
    assert actor.roles == ("publisher",)
    assert actor.credential == {"token": TOKEN.id}


def test_an_agent_s_token_speaks_for_one_place() -> None:
    place = Place(stage=STAGING, target=DEFAULT)
    access = holding(roles=("agent",), place=place)
    actor = authenticate(access, GOLDEN, START)
    assert isinstance(actor, Actor)
    assert actor.credential["stage"] == STAGING
    assert actor.credential["target"] == DEFAULT


def test_an_unknown_a_wrong_an_expired_and_a_revoked_token_open_nothing() -> None:
    access = holding()
    refused(authenticate(Access(), GOLDEN, START), Why.UNAUTHENTICATED)
    wrong = tokens.new_token(bytes(range(10)), bytes(32))
    refused(authenticate(access, wrong.text, START), Why.UNAUTHENTICATED)
    late = refused(
        authenticate(access, GOLDEN, START + timedelta(days=30)), Why.UNAUTHENTICATED
    )
    assert "ran out" in late.message
    decided = decide_access(revoke(), access, stamp(ADMIN))
    assert not isinstance(decided, Refusal)
    assert [type(each) for each in decided] == [TokenRevoked]
    gone = fold(access, decided, ADMIN)
    told = refused(authenticate(gone, GOLDEN, START), Why.UNAUTHENTICATED)
    assert "revoked" in told.message
    refused(decide_access(revoke(), gone, stamp(ADMIN)), Why.ALREADY_REVOKED)


def test_a_token_is_revoked_by_an_admin_or_by_whom_it_speaks_for() -> None:
    access = holding()
    refused(decide_access(revoke(), access, stamp(VIEWER)), Why.FORBIDDEN)
    assert not isinstance(decide_access(revoke(), access, stamp(PIPELINE)), Refusal)
    unknown = revoke("a" * 16)
    refused(decide_access(unknown, access, stamp(ADMIN)), Why.UNKNOWN_TOKEN)
    refused(decide_access(unknown, access, stamp(PIPELINE)), Why.FORBIDDEN)


@pytest.mark.parametrize(
    "changes",
    [
        {"roles": ("emperor",)},
        {"roles": ("agent",)},
        {"place": Place(stage=STAGING, target=DEFAULT)},
        {"until": START},
        {"until": START + timedelta(days=91)},
    ],
)
def test_an_ill_formed_token_is_not_issued(changes: dict[str, object]) -> None:
    refused(decide_access(issue(**changes), Access(), stamp(ADMIN)), Why.INVALID)


def test_only_an_access_admin_issues_tokens_and_each_id_once() -> None:
    refused(decide_access(issue(), Access(), stamp(VIEWER)), Why.FORBIDDEN)
    refused(decide_access(issue(), holding(), stamp(ADMIN)), Why.ALREADY_EXISTS)


def test_nobody_outside_speaks_for_rollbook() -> None:
    ours = issue(principal="rollbook:conductor", roles=("viewer",))
    refused(decide_access(ours, Access(), stamp(ADMIN)), Why.FORBIDDEN)
    decided = decide_access(ours, Access(), stamp(SYSTEM))
    assert not isinstance(decided, Refusal)
    assert [type(each) for each in decided] == [TokenIssued]


def test_who_has_no_role_may_ask_for_nothing() -> None:
    nobody = replace(VIEWER, roles=())
    asked = promote(1, STAGING)
    told = refused(may(nobody, asked), Why.FORBIDDEN)
    assert told.detail["needed"] == ["publisher", "release-manager"]
    place = report(fraud(1), STAGING, ReportedState.ACKNOWLEDGED)
    refused(may(nobody, place), Why.FORBIDDEN)
    unbound = replace(agent(STAGING), credential={})
    refused(may(unbound, place), Why.WRONG_TARGET)


def test_every_command_says_who_may_ask_for_it() -> None:
    union = get_args(get_args(ModelCommand)[0])
    asked = {*union, IssueToken, RevokeToken}
    by_the_policy = {Approve, Reject, WithdrawVote}
    assert asked == {*GRANTS, *by_the_policy}


def test_an_aggregate_begins_empty() -> None:
    assert initial(ACCESS) == Access()
