"""HTTP/1.1 framing: what is read, what is refused, and that no split of the bytes matters."""

import contextlib
import random
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, override

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.http1 import (
    MAX_HEAD,
    MAX_HEADERS,
    BodyReader,
    ChunkedBody,
    CloseBody,
    Fed,
    Framing,
    Head,
    LengthBody,
    body_reader,
    chunk,
    connection_tokens,
    head_end,
    is_token,
    keeps_alive,
    parse_connect,
    parse_request,
    parse_response,
    render_headers,
    request_framing,
    response_framing,
)
from proxy.core.model import Headers
from proxy.errors import FormatError
from tests.data.malformed_requests import LAX, MALFORMED, ODD, SECRET

_MUTATIONS = 10_000


class Read(NamedTuple):
    """A whole request and what lies behind it."""

    head: Head
    body: bytes
    trailers: Headers
    rest: bytes


def read(pieces: Iterable[bytes]) -> Read | None:
    """Reads a request as a server does; None when it has not come whole. Raises FormatError."""
    buffer, body = b"", b""
    seen = 0
    head: Head | None = None
    reader: BodyReader | None = None
    incoming = iter(pieces)
    for piece in incoming:
        buffer += piece
        if head is None or reader is None:
            end, seen = head_end(buffer, seen), len(buffer)
            if end < 0:
                continue
            head = parse_request(buffer)
            assert head.size == end
            reader = body_reader(request_framing(head))
            buffer = buffer[end:]
        fed = reader.feed(buffer)
        buffer = buffer[fed.used :]
        body += b"".join(fed.pieces)
        if fed.done:
            return Read(head, body, reader.trailers, buffer + b"".join(incoming))
    return None


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


class Oracle(NamedTuple):
    """What h11 makes of a request; `refused` when it does not take it."""

    refused: bool
    whole: bool = False
    method: bytes = b""
    target: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    rest: bytes = b""


# What h11 refuses and we take: no other reader gives it another meaning.
STRICT = {
    "obs-text in the target": re.compile(rb"[^\r\n]*[\x80-\xff]"),  # agents send raw UTF-8
    "extension after a blank": re.compile(rb"(?s:.*)[0-9A-Fa-f][ \t]+;"),  # RFC 9112, 7.1.1: BWS
}


def ask_h11(data: bytes) -> Oracle:
    server = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    server.receive_data(data)
    request: h11.Request | None = None
    body = b""
    try:
        while True:
            event = server.next_event()
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                break
    except h11.RemoteProtocolError:
        return Oracle(refused=True)
    if request is None:
        return Oracle(refused=False)
    headers = tuple((bytes(name).lower(), bytes(value)) for name, value in request.headers)
    whole = isinstance(event, h11.EndOfMessage)
    rest = server.trailing_data[0]
    return Oracle(False, whole, request.method, request.target, headers, body, rest)


def lowered(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.lower(), value) for name, value in headers)


# What is refused.


def test_the_corpus_is_one() -> None:
    assert len(MALFORMED) >= 58
    assert len({*MALFORMED.values()}) == len(MALFORMED)
    assert [name for name, data in MALFORMED.items() if SECRET not in data] == []


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed_requests_are_refused_without_repeating_them(data: bytes) -> None:
    """However they come, and before the connection ends: nobody waits for more of them."""
    size = 1 if len(data) < 1000 else 1000
    for pieces in ([data], [data[at : at + size] for at in range(0, len(data), size)]):
        with pytest.raises(FormatError) as refusal:
            read(pieces)
        said = str(refusal.value)
        assert len(said) > 10
        assert said.isprintable()
        assert SECRET.decode() not in said
        assert refusal.value.__context__ is None


def test_h11_refuses_them_too_but_where_it_is_lax() -> None:
    taken = {name for name, data in MALFORMED.items() if not ask_h11(data).refused}
    assert taken == set(LAX)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (MALFORMED["key is folded"], "the name of header number 3 is malformed"),
        (MALFORMED["key broken by a NUL"], "the value of header 'X-Key' is malformed"),
        (MALFORMED["no colon"], "the name of header number 3 is malformed"),
        (MALFORMED["no Host"], "there must be exactly one Host header"),
        (MALFORMED["length and chunked"], "both Content-Length and Transfer-Encoding"),
        (MALFORMED["overlong value"], "the head is longer than 262144 bytes"),
        (MALFORMED["overlong trailers"], "the trailer section is longer than 16384 bytes"),
        (MALFORMED["too many headers"], "there are more than 256 headers"),
        (MALFORMED["CR line ends"], "a line ends without CR LF"),
        (b"GET / HTTP/1.1\r\n" + b"a" * 99 + b": \x00\r\n\r\n", "header '" + "a" * 40 + "' is"),
    ],
)
def test_a_refusal_says_what_is_wrong(data: bytes, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        read([data])


# What is read.


@pytest.mark.parametrize(("data", "body"), ODD.values(), ids=ODD)
def test_odd_requests_are_read(data: bytes, body: bytes) -> None:
    for pieces in ([data + b"GET "], bytewise(data + b"GET ")):
        found = read(pieces)
        assert found is not None
        assert found.body == body
        assert found.rest == b"GET "


def test_h11_reads_the_odd_ones_alike() -> None:
    for name, (data, _) in ODD.items():
        oracle = ask_h11(data)
        if name in STRICT:
            assert oracle.refused
            assert STRICT[name].match(data)
        else:
            found = read([data])
            assert found is not None
            assert_same(found, oracle)


def assert_same(found: Read, oracle: Oracle) -> None:
    assert oracle.whole
    assert found.head.method == oracle.method
    assert found.head.target == oracle.target
    ours = [pair for pair in lowered(found.head.headers) if pair[0] != b"transfer-encoding"]
    theirs = [pair for pair in oracle.headers if pair[0] != b"transfer-encoding"]
    assert ours == theirs  # h11 puts the coding in lower case
    assert found.body == oracle.body
    assert found.rest == oracle.rest


def test_a_request_head() -> None:
    data = b"POST /a?b HTTP/1.1\r\nHost: h\r\nX-A: \t one  two \r\nx-a:\r\n\r\nbody"
    assert parse_request(data) == Head(
        b"POST",
        b"/a?b",
        b"HTTP/1.1",
        0,
        b"",
        ((b"Host", b"h"), (b"X-A", b"one  two"), (b"x-a", b"")),
        len(data) - 4,
    )


@pytest.mark.parametrize(
    ("line", "status", "reason", "version"),
    [
        (b"HTTP/1.1 200 OK", 200, b"OK", b"HTTP/1.1"),
        (b"HTTP/1.0 404 Not Found", 404, b"Not Found", b"HTTP/1.0"),
        (b"HTTP/1.1 200 ", 200, b"", b"HTTP/1.1"),
        (b"HTTP/1.1 200", 200, b"", b"HTTP/1.1"),
        (b"HTTP/1.1 529 \tcaf\xe9 ", 529, b"\tcaf\xe9 ", b"HTTP/1.1"),
        (b"HTTP/1.1 999 x", 999, b"x", b"HTTP/1.1"),
    ],
)
def test_a_response_head(line: bytes, status: int, reason: bytes, version: bytes) -> None:
    data = line + b"\r\nA: b\r\n\r\n"
    head = parse_response(data)
    assert head == Head(b"", b"", version, status, reason, ((b"A", b"b"),), len(data))


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/2 200 OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 020 OK",
        b"HTTP/1.1 +20 OK",
        b"HTTP/1.1 OK",
        b"HTTP/1.1 200 O\x00K",
        b"HTTP/1.1 200 O\rK",
        b"HTTP/1.1 200 O\nK",
        b"http/1.1 200 OK",
        b"ICY 200 OK",
        b" HTTP/1.1 200 OK",
        b"",
    ],
)
def test_malformed_status_lines(line: bytes) -> None:
    with pytest.raises(FormatError, match="the status line is malformed"):
        parse_response(line + b"\r\n\r\n")


def test_head_end() -> None:
    data = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    assert [head_end(data[:at]) for at in range(len(data))] == [-1] * len(data)
    assert head_end(data) == head_end(bytearray(data + b"\n\n")) == len(data)


def test_a_head_that_comes_byte_by_byte_is_looked_at_once() -> None:
    class Counted(bytes):
        looked_at = 0

        @override
        def find(self, what: Any, start: Any = 0, end: Any = None) -> int:
            Counted.looked_at += len(self) - start
            return super().find(what, start)

    data = b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1000
    for size in range(1, len(data)):
        assert head_end(Counted(data[:size]), size - 1) == -1
    assert Counted.looked_at < 5 * len(data)


@pytest.mark.parametrize("over", [0, 1])
def test_the_size_of_a_head_is_limited_alike_for_every_split(over: int) -> None:
    start = b"GET / HTTP/1.1\r\nHost: h\r\nX: "
    data = start + b"a" * (MAX_HEAD + over - len(start)) + b"\r\n\r\n"
    for missing in (4, 3, 2, 1, 0):
        part = data[: len(data) - missing]
        if over and missing < 2:
            with pytest.raises(FormatError, match="the head is longer than 262144 bytes"):
                head_end(part)
        else:
            assert head_end(part) == (-1 if missing else len(data))


def test_the_number_of_headers_is_limited() -> None:
    start = b"GET / HTTP/1.1\r\nHost: h\r\n"
    most = start + b"a:b\r\n" * (MAX_HEADERS - 1)
    assert len(parse_request(most + b"\r\n").headers) == MAX_HEADERS
    with pytest.raises(FormatError, match="more than 256"):
        parse_request(most + b"a:b\r\n\r\n")


@pytest.mark.parametrize("filling", [b" ", b"\t", b"a ", b": ", b"\r", b"\n", b"\r\n", b";", b"0"])
def test_reading_takes_time_in_proportion_to_the_size(filling: bytes) -> None:
    """Long runs of blanks would take minutes if a pattern tried every way to share them out."""
    long = filling * (50_000 // len(filling))
    began = time.process_time()
    for before in (b"", b"X:", b"X: a", b"X"):
        for after in (b"", b"b", b"\x00"):
            head = b"GET / HTTP/1.1\r\nHost: h\r\n" + before + long + after + b"\r\n\r\n"
            body = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5"
            for data in (head, body + before[1:] + long + after + b"\r\n\r\n"):
                with contextlib.suppress(FormatError):
                    read([data])
    assert time.process_time() - began < 2


# How bodies are delimited.


def response(status: int, *headers: tuple[bytes, bytes], version: bytes = b"HTTP/1.1") -> Head:
    return Head(b"", b"", version, status, b"", headers, 0)


_LENGTH = (b"Content-Length", b"5")
_CHUNKED = (b"Transfer-Encoding", b"Chunked")
_NOTHING = Framing(0, chunked=False, until_close=False)


@pytest.mark.parametrize(
    ("head", "method", "expected"),
    [
        (response(200, _LENGTH), b"GET", Framing(5, chunked=False, until_close=False)),
        (response(200, _CHUNKED), b"GET", Framing(None, chunked=True, until_close=False)),
        (response(200), b"GET", Framing(None, chunked=False, until_close=True)),
        (response(200, _LENGTH), b"HEAD", _NOTHING),
        (response(200, _CHUNKED), b"HEAD", _NOTHING),
        (response(204, _LENGTH), b"GET", _NOTHING),
        (response(304, _LENGTH), b"GET", _NOTHING),
        (response(103), b"GET", _NOTHING),
        (response(404, (b"content-length", b"0")), b"GET", _NOTHING),
        (
            response(200, _CHUNKED, version=b"HTTP/1.0"),
            b"GET",
            Framing(None, chunked=True, until_close=False),
        ),
    ],
)
def test_response_framing(head: Head, method: bytes, expected: Framing) -> None:
    assert response_framing(head, method) == expected


@pytest.mark.parametrize(
    "headers",
    [
        (_LENGTH, _CHUNKED),
        (_LENGTH, _LENGTH),
        (_CHUNKED, _CHUNKED),
        ((b"Content-Length", b"5, 5"),),
        ((b"Content-Length", b"-1"),),
        ((b"Transfer-Encoding", b"gzip, chunked"),),
    ],
)
def test_ambiguous_responses_are_refused(headers: Headers) -> None:
    with pytest.raises(FormatError):
        response_framing(response(200, *headers), b"GET")


@pytest.mark.parametrize(
    ("version", "headers", "expected"),
    [
        (b"HTTP/1.1", (), True),
        (b"HTTP/1.1", ((b"Connection", b"close"),), False),
        (b"HTTP/1.1", ((b"Connection", b"keep-alive, Close"),), False),
        (b"HTTP/1.1", ((b"Connection", b"keep-alive"), (b"connection", b"CLOSE")), False),
        (b"HTTP/1.1", ((b"Connection", b"closed"),), True),
        (b"HTTP/1.1", ((b"Connection", b"Upgrade"),), True),
        (b"HTTP/1.0", (), False),
        (b"HTTP/1.0", ((b"Connection", b"Keep-Alive"),), True),
        (b"HTTP/1.0", ((b"Connection", b"keep-alive, close"),), False),
        (b"HTTP/1.0", ((b"Connection", b"keep-alive"), _CHUNKED), False),
    ],
)
def test_keeps_alive(version: bytes, headers: Headers, expected: bool) -> None:
    assert keeps_alive(response(200, *headers, version=version)) is expected


def test_connection_tokens() -> None:
    headers = ((b"Connection", b" A ,b,,"), (b"X", b"c"), (b"CONNECTION", b"D"))
    assert connection_tokens(headers) == {b"a", b"b", b"", b"d"}


# Bodies.


class Run(NamedTuple):
    """What a reader made of a body that came in pieces."""

    payload: bytes
    pieces: list[bytes]
    used: int
    done: bool
    trailers: Headers


def feed(
    reader: BodyReader, pieces: Sequence[bytes], fresh: BodyReader, ending: bytes | None = None
) -> Run:
    """Feeds until the body ends, and checks the marks on the way.

    `fresh` is a second reader; `ending` is the part of the body to hold back, where it is known.
    """
    found: list[bytes] = []
    used = 0
    for piece in pieces:
        fed = reader.feed(piece)
        found += fed.pieces
        used += fed.used
        if fed.done:
            assert 0 <= fed.mark <= fed.used <= len(piece)
            assert not piece[: fed.mark] or not fresh.feed(piece[: fed.mark]).done
            held = piece[fed.mark : fed.used]
            assert fresh.feed(held).done
            if ending is not None:
                assert held == ending or (fed.mark == 0 and ending.endswith(held))
            assert reader.feed(b"more") == Fed(0, [], 0, done=True)
            assert reader.eof()
            return Run(b"".join(found), found, used, True, reader.trailers)
        assert fed.used == fed.mark == len(piece)
        assert not fresh.feed(piece).done
    return Run(b"".join(found), found, used, False, reader.trailers)


class Chunked(NamedTuple):
    """A chunked body: its chunks on the wire, its last chunk and trailers, and what they hold."""

    wire: bytes
    ending: bytes
    chunks: list[bytes]
    trailers: Headers = ()

    def read(self, pieces: Sequence[bytes]) -> None:
        """Checks that it is read from these pieces."""
        found = feed(ChunkedBody(), pieces, ChunkedBody(), self.ending)
        size = len(self.wire + self.ending)
        assert found == Run(b"".join(self.chunks), self.chunks, size, True, self.trailers)


_SAMPLES = (
    Chunked(b"", b"0\r\n\r\n", []),
    Chunked(b"5\r\nhello\r\n", b"0\r\n\r\n", [b"hello"]),
    Chunked(b"1\r\na\r\n2\r\nbc\r\n", b"00\r\n\r\n", [b"a", b"bc"]),
    Chunked(b"5;a=b\r\n\r\n0\r\n\r\n", b"0;z\r\n\r\n", [b"\r\n0\r\n"]),
    Chunked(b"3 ;x\r\n0\r\n\r\n", b"0\r\nA: b\r\n\r\n", [b"0\r\n"], ((b"A", b"b"),)),
    Chunked(
        b"a\r\n0123456789\r\n",
        b"0\r\nA:\r\nB: c d\r\n\r\n",
        [b"0123456789"],
        ((b"A", b""), (b"B", b"c d")),
    ),
)


def two_splits(data: bytes) -> Iterator[list[bytes]]:
    for first in range(len(data) + 1):
        for second in range(first, len(data) + 1):
            yield [data[:first], data[first:second], data[second:]]


@pytest.mark.parametrize("sample", _SAMPLES)
def test_chunked_bodies_split_anywhere(sample: Chunked) -> None:
    for behind in (b"", b"GET / HTTP/1.1\r\n\r\n"):
        data = sample.wire + sample.ending + behind
        for pieces in (bytewise(data), *two_splits(data)):
            sample.read(pieces)


_NAMES = st.text("abcXYZ019-_!", min_size=1, max_size=8).map(str.encode)
_VALUES = st.binary(max_size=12).map(lambda raw: bytes(b for b in raw if b > 31 and b != 127))
_FIELDS = st.lists(
    st.tuples(_NAMES, _VALUES.map(lambda value: value.strip(b" \t"))), max_size=4
).map(tuple)
_EXTENSIONS = st.sampled_from([b"", b";a", b';a="b;c"', b";a=b ", b" ", b"\t"])
_SIZES = st.sampled_from([b"%x", b"%X", b"0%x", b"000%X"])


@st.composite
def chunked_bodies(draw: st.DrawFn) -> Chunked:
    chunks = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
    wire = b"".join(
        draw(_SIZES) % len(data) + draw(_EXTENSIONS) + b"\r\n" + data + b"\r\n" for data in chunks
    )
    trailers = draw(_FIELDS)
    last = draw(st.sampled_from([b"0", b"00"])) + draw(_EXTENSIONS) + b"\r\n"
    return Chunked(wire, last + render_headers(trailers), chunks, trailers)


@st.composite
def splits(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@given(chunked_bodies(), st.binary(max_size=20), st.data())
@settings(max_examples=40, deadline=None)
def test_any_chunked_body_in_any_split(sample: Chunked, behind: bytes, data: st.DataObject) -> None:
    whole = sample.wire + sample.ending + behind
    sample.read(data.draw(splits(whole)))
    sample.read([whole])


@given(chunked_bodies(), st.data())
@settings(max_examples=40, deadline=None)
def test_what_had_come_of_a_chunk_when_the_connection_died(
    sample: Chunked, data: st.DataObject
) -> None:
    wire, chunks = sample.wire + sample.ending, sample.chunks
    cut = data.draw(st.integers(0, len(wire) - 1))
    reader = ChunkedBody()
    found = [piece for part in data.draw(splits(wire[:cut])) for piece in reader.feed(part).pieces]
    assert not reader.eof()
    assert found == chunks[: len(found)]
    assert b"".join(chunks).startswith(b"".join(found) + reader.rest)
    whole = ChunkedBody()
    assert whole.feed(wire[:cut]).pieces == found
    assert whole.rest == reader.rest


@pytest.mark.parametrize(
    ("before", "data", "good", "found"),
    [
        (b"", b"x", b"", []),
        (b"", b"2\r\nhi\r\nx", b"2\r\nhi\r\n", [b"hi"]),
        (b"2\r\nh", b"i\r\n1\r\na!", b"i\r\n1\r\na", [b"hi", b"a"]),
        (b"2\r\nhi", b"!", b"", []),
        (b"2\r\nhi\r\n", b"1\r\na\r\n0\r\n:\r\n\r\n", b"1\r\na\r\n0\r\n", [b"a"]),
    ],
)
def test_what_was_in_order_when_a_chunked_body_broke(
    before: bytes, data: bytes, good: bytes, found: list[bytes]
) -> None:
    reader = ChunkedBody()
    reader.feed(before)
    with pytest.raises(FormatError):
        reader.feed(data)
    assert data[: reader.good] == good
    assert reader.found == found


@given(st.binary(max_size=60), st.binary(max_size=20), st.data())
@settings(max_examples=40, deadline=None)
def test_a_body_of_known_length_in_any_split(
    body: bytes, behind: bytes, data: st.DataObject
) -> None:
    reader = LengthBody(len(body))
    if body:
        assert reader.feed(b"") == Fed(0, [], 0, done=False)
        assert not reader.eof()
    pieces = data.draw(splits(body + behind))
    run = feed(reader, pieces, LengthBody(len(body)))
    assert (run.payload, run.used, run.done, run.trailers) == (body, len(body), True, ())
    assert b"" not in run.pieces


@given(st.binary(max_size=60), st.data())
@settings(max_examples=25, deadline=None)
def test_a_body_until_the_close_in_any_split(body: bytes, data: st.DataObject) -> None:
    reader = CloseBody()
    run = feed(reader, data.draw(splits(body)), CloseBody())
    assert (run.payload, run.used, run.done, run.trailers) == (body, len(body), False, ())
    assert b"" not in run.pieces
    assert reader.eof()


def test_readers_by_framing() -> None:
    assert isinstance(body_reader(Framing(None, chunked=True, until_close=False)), ChunkedBody)
    assert isinstance(body_reader(Framing(None, chunked=False, until_close=True)), CloseBody)
    sized = body_reader(Framing(7, chunked=False, until_close=False))
    assert isinstance(sized, LengthBody)
    assert sized.left == 7


@pytest.mark.parametrize(("over", "refused"), [(0, False), (1, True)])
def test_size_lines_and_trailers_are_limited_alike_for_every_split(
    over: int, refused: bool
) -> None:
    line = b"5;" + b"a" * (4092 + over) + b"\r\nhello\r\n0\r\n\r\n"
    trailer = b"0\r\nX: " + b"a" * (16 * 1024 - 3 + over) + b"\r\n\r\n"
    for wire, at in ((line, 4096), (trailer, len(trailer))):
        for cut in range(max(0, at - 9), at + 9):
            pieces = [wire[:cut], *bytewise(wire[cut : cut + 9]), wire[cut + 9 :]]
            reader = ChunkedBody()
            if refused:
                with pytest.raises(FormatError, match=r"too long|longer than 16384"):
                    [reader.feed(piece) for piece in pieces]
            else:
                assert [reader.feed(piece) for piece in pieces][-1].done


# Against h11.


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A valid request, and its body."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PATCH", b"X-y!"]))
    target = b"/" + draw(st.binary(max_size=20).map(lambda r: bytes(33 + b % 94 for b in r)))
    fields = draw(_FIELDS)
    kind = draw(st.sampled_from(["none", "length", "chunked"]))
    body = b""
    wire = b""
    framing: Headers = ()
    if kind == "length":
        body = wire = draw(st.binary(max_size=60))
        framing = ((b"content-LENGTH", b"%d" % len(body)),)
    elif kind == "chunked":
        sample = draw(chunked_bodies())
        body, wire = b"".join(sample.chunks), sample.wire + sample.ending
        framing = ((b"Transfer-encoding", b"chunked"),)
    headers = (*fields, (b"hOst", b"api.example:8080"), *framing)
    line = b"%b %b HTTP/1.1\r\n" % (method, target)
    return line + render_headers(headers) + wire, body


@given(requests(), st.binary(max_size=10), st.data())
@settings(max_examples=40, deadline=None)
def test_valid_requests_read_as_h11_reads_them(
    sample: tuple[bytes, bytes], behind: bytes, data: st.DataObject
) -> None:
    wire, body = sample
    found = read(data.draw(splits(wire + behind)))
    assert found is not None
    assert found.body == body
    assert_same(found, ask_h11(wire + behind))


_ODDITIES = (
    *(b"\r", b"\n", b"\r\n", b" ", b"\t", b"\0", b"\x0b", b"\x7f", b"\xe9", b":", b";", b","),
    *(b"0", b"5", b"+", b"-", b"0x", b"_", b"chunked", b"HTTP/1.0", b"Host: a\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 6\r\n", b"Transfer-Encoding: chunked\r\n"),
)


def mutations(count: int) -> Iterator[bytes]:
    """Requests, right and wrong, each with some bytes changed. The same ones every time."""
    dice = random.Random(20_240_229)  # noqa: S311 - no secret
    wrong = [data for data in MALFORMED.values() if len(data) < 2000]
    right = [data for data, _ in ODD.values()]
    for _ in range(count):
        data = bytearray(dice.choice(dice.choice((wrong, right, right))))
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(data) + 1)
            match dice.randrange(5):
                case 0:
                    data[at:at] = dice.choice(_ODDITIES)
                case 1:
                    data[at : at + dice.randint(1, 4)] = b""
                case 2:
                    data[at : at + 1] = dice.randbytes(1)
                case 3:
                    data[at : at + 2] = dice.choice(_ODDITIES)
                case _:
                    end = at + dice.randrange(30)
                    data[at:at] = data[at:end]
        yield bytes(data)


def verdict(pieces: Iterable[bytes]) -> Read | str:
    try:
        return read(pieces) or "incomplete"
    except FormatError as error:
        return f"refused: {error}"


def test_ten_thousand_mutations() -> None:
    """Nothing but FormatError; what is read is read as h11 reads it; what it refuses, we refuse."""
    counts = {"read": 0, "incomplete": 0, "refused": 0}
    for index, data in enumerate(mutations(_MUTATIONS)):
        found = verdict([data])
        if index % 50 == 0:
            bit_by_bit = verdict(bytewise(data))
            assert type(bit_by_bit) is type(found)
            assert isinstance(found, str) or found == bit_by_bit
        if not isinstance(found, Read):
            counts[found.partition(":")[0]] += 1
            if found != "incomplete":
                continue
        oracle = ask_h11(data)
        counts["read"] += isinstance(found, Read)
        if oracle.refused and any(known.match(data) for known in STRICT.values()):
            continue
        if isinstance(found, Read):
            assert_same(found, oracle)
        else:  # h11 judges a first byte before it has the head
            assert not oracle.refused or b"\r\n\r\n" not in data
    assert sum(counts.values()) == _MUTATIONS
    assert counts["read"] > 1000
    assert counts["incomplete"] > 100


# Writing.


CONNECTS = {
    b"CONNECT a.test:443 HTTP/1.1\r\n\r\n": ("a.test", 443),
    b"CONNECT a.test:443 HTTP/1.0\r\nHost: b\r\nX: y\r\n\r\n": ("a.test", 443),
    b"CONNECT [::1]:8443 HTTP/1.1\r\nContent-Length: 0\r\n\r\n": ("::1", 8443),
    b"CONNECT my_tool:1 HTTP/1.1\r\n\r\n": ("my_tool", 1),
    b"CONNECT a.test HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT a.test: HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT :443 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT a.test:0 HTTP/1.1\r\n\r\n": "no such port",
    b"CONNECT a.test:65536 HTTP/1.1\r\n\r\n": "no such port",
    b"CONNECT a.test:443:1 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT u@a.test:443 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT https://a.test:443 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT ::1:443 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT a.test:443 HTTP/2.0\r\n\r\n": "malformed",
    b"connect a.test:443 HTTP/1.1\r\n\r\n": "malformed",
    b"CONNECT  a.test:443 HTTP/1.1\r\n\r\n": "malformed",
    b"CONNECT a.test:443 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n": "exactly one Host",
    b"CONNECT a.test:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\n": "has no body",
    b"CONNECT a.test:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n": "has no body",
    b"CONNECT a.test:443 HTTP/1.1\r\nX : y\r\n\r\n": "name of header number 1",
}


@pytest.mark.parametrize(("data", "expected"), CONNECTS.items())
def test_connect(data: bytes, expected: tuple[str, int] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(FormatError, match=expected):
            parse_connect(data)
    else:
        head, host, port = parse_connect(data)
        assert (host, port) == expected
        assert head.size == len(data)


def test_chunk() -> None:
    assert chunk(b"hello world, good morning") == b"19\r\nhello world, good morning\r\n"


def test_render_headers() -> None:
    assert render_headers(()) == b"\r\n"
    assert render_headers(((b"A", b"b"), (b"a", b""))) == b"A: b\r\na: \r\n\r\n"


@pytest.mark.parametrize(
    ("name", "expected"),
    [(b"X-a_1!", True), (b"", False), (b":status", False), (b"a b", False), (b"a\n", False)],
)
def test_is_token(name: bytes, expected: bool) -> None:
    assert is_token(name) is expected
