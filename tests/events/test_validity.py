"""Are exactly the events that were signed, in their place, accepted?"""

import base64
import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rollbook import codec
from rollbook.codec import Link
from rollbook.names import Digest, KeyId
from rollbook.proof import canonical
from rollbook.proof.canonical import NotCanonical
from rollbook.proof.validity import Accepted, Chain, Invalid, Verdict, check, key_id
from rollbook.subjects import KEYS, subject
from tests.support import golden
from tests.support.builders import EXAMPLES, digest

SUBJECT = "rollbook.ledger.model.fraud.scorer"
GENESIS = EXAMPLES["ledger.opened"]
BODY = golden.message(EXAMPLES["version.registered"])
WORKED_EXAMPLE = (
    b'{"authid":"svc:train-fraud","authroles":"publisher",'
    b'"authtype":"service_account",'
    b'"commandid":"01990000-0000-7000-9000-000000000002",'
    b'"correlationid":"01990000-0000-7000-9000-000000000002",'
    b'"data":{"artifact":{"digest":"sha256:'
    b'9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4","size":5},'
    b'"credential":{"claims_sha256":'
    b'"a61808fe40feb8b3433778bbc2ececcaa47c8c47fc1657f054c239efd3f0e984",'
    b'"iss":"https://ci.example.com","jti":"7c2e","method":"oidc"},'
    b'"params":{"learning_rate":1e-7,"max_depth":8,"subsample":0.8},"version":1},'
    b'"datacontenttype":"application/json",'
    b'"dataschema":"urn:rollbook:schema:io.rollbook.version.registered.v1",'
    b'"id":"01990000-0000-7000-8000-000000000002","kid":"ed25519:03396219237f75a6",'
    b'"prev":"sha256:'
    b'075aae68c1ad75ff7d79f7ee599b88fffd4b7efa290a50abf222c1d6369e10d3","rev":2,'
    b'"sig":"CBXUh8xbm+Dz1Wn6kXN/urq6o5qfN9CyTBetl2qXabn7Ip8cnCxvXSpzLkM0XFQ+'
    b'IIrpZaF9EteKpkKBO6xhCg==","source":"//ledger.example.com/prod",'
    b'"specversion":"1.0","subject":"model.fraud.scorer",'
    b'"time":"2026-11-20T12:00:02.000Z","type":"io.rollbook.version.registered.v1"}'
)


def judge(body: bytes, *, to: str = SUBJECT, chain: Chain | None = None) -> Verdict:
    return check(body, to, 7, chain or golden.chain())


def altered(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Change a good event and sign it again, so that only the change is wrong."""
    fields = {name: each for name, each in codec.parse(BODY).items() if name != "sig"}
    change(fields)
    return golden.sign(fields)


def setting(name: str, value: object) -> bytes:
    return altered(lambda fields: fields.update({name: value}))


def unsigned_text(text: str) -> bytes:
    """Put JSON text where `data` was, past every check of ours."""
    before, _, after = BODY.partition(b'"data":')
    return before + b'"data":' + text.encode() + after[after.index(b',"datacontent') :]


def test_the_worked_example_of_the_design_is_accepted() -> None:
    public = base64.b64decode("JUO5L/EJVRFHatyDadtt3JM2ZaEZeN2hQE7hBmypVZ0=")
    assert len(WORKED_EXAMPLE) == 1067
    before = Digest(
        "sha256:075aae68c1ad75ff7d79f7ee599b88fffd4b7efa290a50abf222c1d6369e10d3"
    )
    chain = Chain(
        origin="ledger.example.com/prod",
        keys={key_id(public): Ed25519PublicKey.from_public_bytes(public)},
        links={"model.fraud.scorer": Link(1, before)},
    )
    verdict = judge(WORKED_EXAMPLE, chain=chain)
    assert isinstance(verdict, Accepted)
    assert verdict.link == Link(
        2,
        Digest(
            "sha256:b42a69dd560bfb0ab48d6f1fa0b8d6120581e74d444fb618aa4fffaf62027b5b"
        ),
    )


def test_the_chain_moves_only_when_told() -> None:
    chain = golden.chain()
    first, again = judge(BODY, chain=chain), judge(BODY, chain=chain)
    assert first == again
    assert isinstance(first, Accepted)
    chain.accept(first)
    assert judge(BODY, chain=chain) == Invalid("rev")


REASONS: dict[str, list[bytes]] = {
    "size": [b"", b"x" * 32_769],
    "utf8": [b"\xff", BODY.replace(b"svc:train", b"svc:\xc3("), b"\xed\xa0\x80"],
    "json": [
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"7",
        b"\xef\xbb\xbf{}",
        b'{"a":1,"a":1}',
        BODY + b"}",
        BODY[:-1],
        b'{"a":\t"\x01"}',
        b'{"a":01}',
        b"{'a':1}",
    ],
    "depth": [
        unsigned_text('{"a":' * 15 + "{}" + "}" * 15),
        unsigned_text("[" * 5000 + "]" * 5000),
        b"[" * 32_000,
        b'{"a":' * 6000,
    ],
    "number": [
        unsigned_text(f'{{"a":{number}}}')
        for number in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 5000)
    ],
    "not-canonical": [
        BODY.replace(b'":', b'": ', 1),
        b" " + BODY,
        BODY + b"\n",
        unsigned_text('{"b":1,"a":1}'),
        unsigned_text('{"a":"\\u0041"}'),
        unsigned_text('{"a":"\\ud800"}'),
        unsigned_text('{"\\udc00":1}'),
        *[
            unsigned_text(f'{{"a":{number}}}')
            for number in (
                *("1.0", "1e2", "1E2", "-0", "-0.0", "0.10", "1e-1", "1e-5"),
                *("9007199254740993", "-9007199254740993", "1e20", "1e21"),
                *("9007199254740992.0", "0.000001e1", "18446744073709551616.5"),
            )
        ],
        unsigned_text('{"\ufb33":1,"\U0001f600":2}'),  # UTF-16 order is the other one
    ],
    "misfiled": [
        setting("subject", "model.fraud.other"),
        setting("subject", None),
        altered(lambda fields: fields.pop("subject")),
        b"{}",
    ],
    "attributes": [
        setting("id", "01990000-0000-4000-8000-000000000002"),
        setting("id", 7),
        setting("more", "x"),
        setting("specversion", "0.3"),
        setting("type", "com.example.x"),
        setting("dataschema", "urn:rollbook:schema:io.rollbook.x.y.v1"),
        setting("time", "2026-11-20T12:00:02Z"),
        setting("time", "2026-13-20T12:00:02.000Z"),
        setting("time", "2026-02-30T12:00:02.000Z"),
        setting("time", "٢٠٢٦-11-20T12:00:02.000Z"),
        setting("data", []),
        setting("rev", 0),
        setting("rev", True),
        setting("rev", 1.5),
        setting("rev", "2"),
        setting("rev", 1),  # and yet it has a `prev`
        setting("authtype", "root"),
        setting("kid", "rsa:03396219237f75a6"),
        altered(lambda fields: fields.pop("prev")),
        altered(lambda fields: fields.pop("kid")),
        altered(lambda fields: fields.pop("data")),
    ],
    "source": [setting("source", "//ledger.example.com/test")],
    "key": [setting("kid", "ed25519:0000000000000000")],
    "signature": [
        BODY.replace(b"svc:train-fraud", b"svc:train-other"),
        BODY.replace(b'"rev":2', b'"rev":3'),
        BODY.replace(b'"method":"token"', b'"method":"other"'),
    ],
    "rev": [setting("rev", 3)],
    "prev": [setting("prev", digest("0"))],
}


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        pytest.param(reason, body, id=f"{reason}-{number}")
        for reason, bodies in REASONS.items()
        for number, body in enumerate(bodies)
    ],
)
def test_the_first_check_that_fails_is_the_reason(reason: str, body: bytes) -> None:
    assert judge(body) == Invalid(reason)


def test_a_subject_outside_the_grammar_is_refused() -> None:
    body = setting("subject", "model.fraud")
    assert judge(body, to="rollbook.ledger.model.fraud") == Invalid("subject")


def test_an_event_of_another_key_is_refused() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    fields = {name: each for name, each in codec.parse(BODY).items() if name != "sig"}
    body = codec.signed(fields, other.sign(codec.message_to_sign(fields)))
    assert judge(body) == Invalid("signature")


def test_a_signature_has_one_spelling() -> None:
    """Base64 leaves four bits unused: they must not make a second valid event."""
    start = BODY.index(b'"sig":"') + len(b'"sig":"') + 85
    spellings = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    accepted = [
        letter
        for letter in spellings
        if isinstance(
            judge(BODY[:start] + bytes([letter]) + BODY[start + 1 :]), Accepted
        )
    ]
    assert accepted == [BODY[start]]


def test_a_copy_of_the_signature_inside_the_data_changes_nothing() -> None:
    """What is cut out of the bytes is the event's own `sig` and no other."""
    sig = json.loads(BODY)["sig"]
    body = altered(lambda fields: fields["data"].update({"sig": sig, "t": f'"{sig}",'}))
    assert isinstance(judge(body), Accepted)
    inside = BODY.replace(b'"tags":', b'"sig":"%s","tags":' % sig.encode())
    assert judge(inside) == Invalid("signature")


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_no_flipped_byte_is_accepted(place: int, flip: int) -> None:
    mutant = bytearray(BODY)
    mutant[place] ^= flip
    assert isinstance(judge(bytes(mutant)), Invalid)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text()
    | st.sampled_from(["\ud800", "e5,", ":1.0,", "\x7f", "\ufb33", "\U0001f600"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.just("\U0001f600"), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.text(), JSON, max_size=4), st.booleans(), st.booleans())
def test_the_quick_way_reads_what_the_exact_way_reads(
    value: dict[str, Any], is_sorted: bool, is_ascii: bool
) -> None:
    written = json.dumps(
        value, sort_keys=is_sorted, separators=(",", ":"), ensure_ascii=is_ascii
    ).encode(errors="surrogatepass")
    bodies = [written]
    with contextlib.suppress(rfc8785.CanonicalizationError, UnicodeEncodeError):
        bodies.append(rfc8785.dumps(value))
    for body in bodies:
        assert _outcome(canonical.read, body) == _outcome(
            canonical._read_exactly,  # noqa: SLF001
            body,
        )


def _outcome(read: Callable[[bytes], object], body: bytes) -> str:
    try:
        return repr(read(body))
    except NotCanonical as no:
        return no.reason


@settings(deadline=None, max_examples=300)
@given(st.binary(min_size=1, max_size=200))
@example(b"[" * 100_000)
def test_no_bytes_are_an_exception(body: bytes) -> None:
    assert isinstance(judge(body), Invalid)


def test_the_reason_does_not_depend_on_the_stack() -> None:
    """The same bytes, judged where little of the stack is left."""
    body = unsigned_text("[" * 400 + "]" * 400)

    def deep(levels: int) -> Verdict:
        return judge(body) if levels == 0 else deep(levels - 1)

    assert judge(body) == deep(sys.getrecursionlimit() // 2) == Invalid("depth")


def genesis(change: Callable[[dict[str, Any]], object] = lambda fields: None) -> bytes:
    fields = json.loads(golden.message(GENESIS))
    del fields["sig"]
    change(fields)
    return golden.sign(fields)


def test_genesis_brings_origin_and_key() -> None:
    chain = Chain()
    verdict = check(genesis(), subject(KEYS), 1, chain)
    assert isinstance(verdict, Accepted)
    chain.accept(verdict)
    assert chain.origin == golden.ORIGIN
    assert list(chain.keys) == [golden.KID]
    assert chain.link(KEYS).rev == 1


def test_nothing_comes_before_genesis() -> None:
    assert judge(BODY, chain=Chain()) == Invalid("source")


def test_genesis_comes_once() -> None:
    chain = Chain()
    first = check(genesis(), subject(KEYS), 1, chain)
    assert isinstance(first, Accepted)
    chain.accept(first)
    assert check(genesis(), subject(KEYS), 2, chain) == Invalid("rev")


def test_a_later_event_on_keys_brings_no_key_by_itself() -> None:
    chain = Chain()
    first = check(genesis(), subject(KEYS), 1, chain)
    assert isinstance(first, Accepted)
    chain.accept(first)

    def second(fields: dict[str, Any]) -> None:
        fields |= {"rev": 2, "prev": first.link.leaf}
        fields["data"]["event_key"] = {"kid": "x", "public": "y"}

    verdict = check(genesis(second), subject(KEYS), 2, chain)
    assert isinstance(verdict, Accepted)
    chain.accept(verdict)
    assert list(chain.keys) == [golden.KID]


@pytest.mark.parametrize(
    "event_key",
    [
        None,
        {},
        "text",
        [],
        {"public": "JUO5L/EJVRFHatyDadtt3JM2ZaEZeN2hQE7hBmypVZ0="},
        {"kid": golden.KID, "public": 7},
        {"kid": golden.KID, "public": "ü"},
        {"kid": golden.KID, "public": "AAAA"},
        {"kid": golden.KID, "public": base64.b64encode(bytes(32)).decode()},
    ],
    ids=repr,
)
def test_a_malformed_genesis_is_invalid(event_key: object) -> None:
    body = genesis(lambda fields: fields["data"].update({"event_key": event_key}))
    assert check(body, subject(KEYS), 1, Chain()) == Invalid("key")


def test_genesis_names_the_origin_it_is_of() -> None:
    body = genesis(lambda fields: fields["data"].update({"origin": "elsewhere"}))
    assert check(body, subject(KEYS), 1, Chain()) == Invalid("source")


def test_genesis_is_signed_by_the_key_it_names() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    fields = json.loads(golden.message(GENESIS))
    del fields["sig"]
    body = codec.signed(fields, other.sign(codec.message_to_sign(fields)))
    assert check(body, subject(KEYS), 1, Chain()) == Invalid("signature")


def test_a_key_has_the_name_of_its_bytes() -> None:
    assert key_id(golden.PUBLIC.public_bytes_raw()) == KeyId("ed25519:03396219237f75a6")
