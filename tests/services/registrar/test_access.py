"""The rules of tokens and persons, and of who may ask for what."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook import tokens
from rollbook.catalogue.access import (
    IdentityLinked,
    Place,
    TokenIssued,
    TokenRevoked,
)
from rollbook.commands.access import (
    AccessCommand,
    IssueToken,
    LinkIdentity,
    RevokeToken,
)
from rollbook.commands.command import Command
from rollbook.commands.explain import Explain
from rollbook.commands.target import ReportedState
from rollbook.commands.wire import AnyCommand
from rollbook.envelope import Actor, ActorKind, Stamp
from rollbook.event import Event
from rollbook.names import (
    AGENT,
    CommandId,
    Digest,
    Principal,
    Reason,
    RoleName,
    TokenId,
)
from rollbook.refusals import Reason as Why
from rollbook.refusals import Refusal
from rollbook.subjects import ACCESS, BUNDLES, CALENDAR, FLEET, POLICIES
from rollbook_services.registrar.authorise import (
    GRANTS,
    JUDGED_BY_THEIR_RULE,
    authenticate,
    may,
)
from rollbook_services.registrar.deciding import (
    Outcome,
    aggregate_of,
    decide_any,
    evolve_any,
    initial,
)
from rollbook_services.registrar.governing import Around
from rollbook_services.registrar.surroundings import (
    Access,
    Bundles,
    Calendar,
    Fleet,
    Policies,
)
from tests.services.registrar.installation import (
    OWNER,
    nobody_acted,
    propose,
    written,
)
from tests.support.scenario import (
    CONDUCTOR,
    DEFAULT,
    FRAUD,
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
from tests.support.together import enclosed

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


def decide_access(command: AccessCommand, access: Access, at: Stamp) -> Outcome:
    return decide_any(command, access, Around(access, Policies(), Calendar()), at)


def fold(access: Access, events: Sequence[Event], by: Actor) -> Access:
    for event in events:
        recorded = enclosed(event, ACCESS, stamp(by), index=0, rev=1, sequence=1)
        state = evolve_any(access, recorded)
        assert isinstance(state, Access)
        access = state
    return access


def decided(outcome: Outcome) -> Sequence[Event]:
    assert isinstance(outcome, Sequence), outcome
    return outcome


def holding(**changes: object) -> Access:
    """Begin with one token issued."""
    events = decided(decide_access(issue(**changes), Access(), stamp(ADMIN)))
    return fold(Access(), events, ADMIN)


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
    events = decided(decide_access(revoke(), access, stamp(ADMIN)))
    assert [type(each) for each in events] == [TokenRevoked]
    gone = fold(access, events, ADMIN)
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
        {"roles": ("reviewers",)},
        {"roles": ("publisher", "release_manager")},
        {"roles": tuple(f"{letter * 90}" for letter in "abcdefghijkl")},
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
    events = decided(decide_access(ours, Access(), stamp(SYSTEM)))
    assert [type(each) for each in events] == [TokenIssued]


def test_who_has_no_role_may_ask_for_nothing() -> None:
    nobody = replace(VIEWER, roles=())
    asked = promote(1, STAGING)
    told = refused(may(nobody, asked), Why.FORBIDDEN)
    assert told.detail["needed"] == ["publisher", "release-manager"]
    place = report(fraud(1), STAGING, ReportedState.ACKNOWLEDGED)
    refused(may(nobody, place), Why.FORBIDDEN)
    unbound = replace(agent(STAGING), credential={})
    refused(may(unbound, place), Why.WRONG_TARGET)


def test_a_role_of_one_s_own_is_held_before_and_after_a_policy_names_it() -> None:
    early = issue(roles=("risk-officer",))
    assert decided(decide_access(early, Access(), stamp(ADMIN)))
    named = written(freeze_by=["reviewers"])
    slip = issue(roles=("reviewers",))
    empty = nobody_acted()
    empty.when(slip, by=ADMIN).then_refused(Why.INVALID)
    proposed = empty.given(propose(named), by=OWNER)
    proposed.given(slip, by=ADMIN).then(TokenIssued)


def test_every_command_says_who_may_ask_for_it() -> None:
    flat = flattened(AnyCommand)
    assert flat == {*GRANTS, *JUDGED_BY_THEIR_RULE}


def test_every_command_has_one_home() -> None:
    small = {each for each in flattened(AnyCommand) if "model" not in each.model_fields}
    homes = {aggregate_of(cast("AnyCommand", each.model_construct())) for each in small}
    assert homes == {ACCESS, POLICIES, CALENDAR, BUNDLES, FLEET}


def flattened(union: object) -> set[type[Command]]:
    if isinstance(union, type) and issubclass(union, Command):
        return {union}
    return {each for part in get_args(union) for each in flattened(part)}


def test_every_reader_may_ask_why_also_by_a_role_that_a_policy_names() -> None:
    asked = Explain(model=FRAUD)
    for actor in (VIEWER, person("r", "risk-officer"), CONDUCTOR):
        assert may(actor, asked) is None
    refused(may(replace(VIEWER, roles=(AGENT,)), asked), Why.FORBIDDEN)
    refused(may(replace(VIEWER, roles=()), asked), Why.FORBIDDEN)


def prn(*letters: str) -> list[str]:
    return [f"prn:{letter * 13}" for letter in letters]


def link(*letters: str) -> LinkIdentity:
    return LinkIdentity(principals=prn(*letters), reason=Reason("married"))


def test_principals_of_one_person_count_under_one_name() -> None:
    house = nobody_acted()
    then = house.given(link("c", "b"), by=ADMIN).then(IdentityLinked)
    assert then.access.persons == dict.fromkeys(prn("b", "c"), prn("b")[0])
    then = then.given(link("e", "f"), by=ADMIN).given(link("c", "e", "a"), by=ADMIN)
    everybody = dict.fromkeys(prn("a", "b", "c", "e", "f"), prn("a")[0])
    assert then.access.persons == everybody
    assert then.access.rev == 3


def test_linking_those_who_are_one_already_changes_nothing() -> None:
    then = nobody_acted().given(link("a", "b"), by=ADMIN)
    then = then.given(link("b", "c"), by=ADMIN)
    then.when(link("a", "c"), by=ADMIN).then_refused(Why.ALREADY_LINKED)
    then.when(link("a", "a"), by=ADMIN).then_refused(Why.INVALID)


def test_only_people_are_linked_and_only_by_an_access_admin() -> None:
    house = nobody_acted()
    service = LinkIdentity(principals=[*prn("a"), "svc:ci"], reason=Reason("same"))
    told = house.when(service, by=ADMIN).then_refused(Why.INVALID)
    assert "svc:ci" in told.refusal.message
    house.when(link("a", "b"), by=VIEWER).then_refused(Why.FORBIDDEN)


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=2), max_size=8))
def test_a_person_is_whoever_was_linked_in_whatever_order(
    linked: list[set[str]],
) -> None:
    then, groups = nobody_acted(), [{letter} for letter in "abcdefgh"]
    for letters in linked:
        then = then.when(link(*letters), by=ADMIN)
        met = [each for each in groups if each & letters]
        groups = [each for each in groups if not each & letters]
        groups.append(set().union(*met))
    for group in groups:
        names = {then.access.person(Principal(each)) for each in prn(*group)}
        assert names == {min(prn(*group))}


def test_an_aggregate_begins_empty() -> None:
    empty = (Access(), Policies(), Calendar(), Bundles(), Fleet())
    assert tuple(map(initial, (ACCESS, POLICIES, CALENDAR, BUNDLES, FLEET))) == empty
