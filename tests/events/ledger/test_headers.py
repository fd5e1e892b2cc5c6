"""Does our quick reader of headers read what nats-py's own would?"""

from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client

from rollbook.ledger import connection

# Separators of files and records are no white space to bytes; nobody sends them.
LINES = st.lists(st.binary().filter(lambda raw: not set(raw) & set(range(0x1C, 0x20))))


@given(LINES.map(b"\r\n".join))
@example(b"Nats-Msg-Id: 7\r\nNats-Subject:a.b\r\n\r\n")
@example(b"Name:\t two words \r\nno colon\r\nin side: x\r\n t\xc3\xa9: y\r\nV: \xff")
def test_headers_are_read_as_nats_py_reads_them(raw: bytes) -> None:
    theirs = Client._parse_header_lines(raw)  # noqa: SLF001
    theirs.pop("", None)  # a value without a name is of no use to us
    assert connection._Client._parse_header_lines(raw) == theirs  # noqa: SLF001
