"""Who holds which role, at which instant, by how many tokens?"""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rollbook.names import Principal, RoleName, TokenId
from rollbook_services.registrar.growing import Growing
from rollbook_services.registrar.surroundings import Access, Token
from tests.support.scenario import START

HOUR = timedelta(hours=1)
tokens = st.builds(
    Token,
    sha256=st.just("0" * 64),
    principal=st.sampled_from("abc").map(Principal),
    roles=st.sets(st.sampled_from("xy").map(RoleName)).map(tuple),
    place=st.none(),
    until=st.integers(0, 9).map(lambda hours: START + hours * HOUR),
    revoked=st.booleans(),
)


def access(held: list[Token]) -> Access:
    named = {TokenId(f"{at:016}"): token for at, token in enumerate(held)}
    return Access(tokens=Growing(named))


def one_by_one(held: list[Token], at: datetime) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for token in held:
        if token.is_live(at):
            found.setdefault(token.principal, set()).update(token.roles)
    return found


@given(st.lists(tokens, max_size=8), st.lists(st.integers(0, 9), min_size=1))
def test_what_is_remembered_is_what_would_be_found_again(
    held: list[Token], hours: list[int]
) -> None:
    """Whichever way time is asked about: the past is looked at too."""
    known = access(held)
    for at in (START + hour * HOUR for hour in hours):
        assert known.holders(at) == one_by_one(held, at)
        live = [each for each in held if each.is_live(at)]
        for who, ends in known.ends(at).items():
            assert ends == min(each.until for each in live if each.principal == who)


def test_who_holds_what_is_found_out_once_while_nothing_changes() -> None:
    """Thousands of tokens are not gone through for each gate of each promotion."""
    token = Token("0" * 64, Principal("a"), (RoleName("x"),), None, START + HOUR)
    known = access([token])
    assert known.holders(START) is known.holders(START + HOUR / 2)
    assert known.holders(START + HOUR) == {}
    again = known.tokens.plus(TokenId("b" * 16), replace(token, until=START + 2 * HOUR))
    assert replace(known, tokens=again).holders(START + HOUR) != {}
