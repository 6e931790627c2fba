"""Responses off the wire: every byte goes through, in order, and the end is held."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.http1 import MAX_HEAD, CloseBody, Head, chunk, render_headers
from proxy.core.http1_response import ResponseStream, response_head
from proxy.core.model import Headers, ResponseHead
from proxy.errors import FormatError

_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


class Run(NamedTuple):
    """What came of an answer, however it was split."""

    status: int
    payload: bytes
    trailers: Headers
    rest: bytes
    done: bool
    switched: bool
    unfinished: bytes


class Fed(NamedTuple):
    """The same, with what depends on the split."""

    run: Run
    passed: list[bytes]
    held: bytes
    pieces: list[bytes]
    stream: ResponseStream
    broken: str | None


def feed(pieces: Sequence[bytes], method: bytes = b"GET") -> Fed:
    """Feeds an answer, and checks that nothing is lost, added, reordered or kept back for long."""
    stream = ResponseStream(method)
    passed: list[bytes] = []
    payload: list[bytes] = []
    held = rest = b""
    switched = done = False
    broken: str | None = None
    incoming = iter(pieces)
    for piece in incoming:
        seen = stream.head is not None
        progress = stream.feed(piece)
        assert (progress.head is not None) == (stream.head is not None and not seen)
        passed.append(progress.raw)
        payload += progress.pieces
        broken = progress.broken
        if stream.head is not None and seen and not progress.done and not broken:
            assert progress.raw == piece  # flushed as it arrives
        assert progress.done == stream.done
        if progress.done:
            held, switched, done = progress.held, progress.switched, True
            rest = progress.rest + b"".join(incoming)
        else:
            assert progress.held == progress.rest == b""
        if broken:
            break
    whole = b"".join(passed) + held + rest
    data = b"".join(pieces)
    assert data.startswith(whole)
    assert stream.head is None or broken or whole == data
    head = stream.head
    run = Run(
        head.status if head else 0,
        b"".join(payload),
        stream.trailers,
        rest,
        done,
        switched,
        stream.unfinished,
    )
    return Fed(run, passed, held, payload, stream, broken)


def cut(data: bytes, *at: int) -> list[bytes]:
    return [data[a:b] for a, b in itertools.pairwise((0, *at, len(data)))]


def every_split(data: bytes) -> Iterator[list[bytes]]:
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    for first in range(len(data) + 1):
        yield cut(data, first)
        yield cut(data, first, (first * 7 + 13) % (len(data) - first + 1) + first)


_OK = b"HTTP/1.1 200 OK\r\n"
_ANSWERS: dict[str, tuple[bytes, bytes, Run]] = {
    "known length": (
        b"GET",
        _OK + b"Content-Length: 5\r\n\r\nhello",
        Run(200, b"hello", (), b"", True, False, b""),
    ),
    "known length, said again": (
        b"GET",
        _OK + b"Content-Length: 5, 05\r\nContent-Length: 5\r\n\r\nhello",
        Run(200, b"hello", (), b"", True, False, b""),
    ),
    "nothing": (
        b"POST",
        _OK + b"Content-Length: 0\r\n\r\n",
        Run(200, b"", (), b"", True, False, b""),
    ),
    "chunked": (
        b"POST",
        _OK + _CHUNKED + b"\r\n5;a\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
        Run(200, b"hello!", (), b"", True, False, b""),
    ),
    "trailers": (
        b"POST",
        _OK + _CHUNKED + b"\r\n5\r\nhello\r\n0\r\nX-T: a\r\n\r\n",
        Run(200, b"hello", ((b"X-T", b"a"),), b"", True, False, b""),
    ),
    "pipelined": (
        b"GET",
        _OK + b"Content-Length: 5\r\n\r\nhello" + _OK + b"\r\n",
        Run(200, b"hello", (), _OK + b"\r\n", True, False, b""),
    ),
    "pipelined after chunks": (
        b"GET",
        _OK + _CHUNKED + b"\r\n1\r\n!\r\n0\r\n\r\nmore",
        Run(200, b"!", (), b"more", True, False, b""),
    ),
    "interim": (
        b"POST",
        _INTERIM + _OK + b"Content-Length: 2\r\n\r\nhi",
        Run(200, b"hi", (), b"", True, False, b""),
    ),
    "only interim": (b"POST", _INTERIM, Run(0, b"", (), b"", False, False, b"")),
    "HEAD": (
        b"HEAD",
        _OK + b"Content-Length: 5\r\n\r\n",
        Run(200, b"", (), b"", True, False, b""),
    ),
    "HEAD, chunked": (b"HEAD", _OK + _CHUNKED + b"\r\n", Run(200, b"", (), b"", True, False, b"")),
    "HEAD with a body": (
        b"HEAD",
        _OK + b"Content-Length: 5\r\n\r\nhello",
        Run(200, b"", (), b"hello", True, False, b""),
    ),
    "204": (b"GET", b"HTTP/1.1 204 x\r\n\r\n", Run(204, b"", (), b"", True, False, b"")),
    "304": (
        b"GET",
        b"HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n",
        Run(304, b"", (), b"", True, False, b""),
    ),
    "101": (
        b"GET",
        b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n\x81\x02hi",
        Run(101, b"", (), b"\x81\x02hi", True, True, b""),
    ),
    "interim, then 101": (
        b"GET",
        _INTERIM + b"HTTP/1.1 101 x\r\n\r\n\x88\x00",
        Run(101, b"", (), b"\x88\x00", True, True, b""),
    ),
    "until the close": (
        b"GET",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        Run(200, b"hello", (), b"", False, False, b""),
    ),
    "cut off": (
        b"GET",
        _OK + b"Content-Length: 9\r\n\r\nhello",
        Run(200, b"hello", (), b"", False, False, b""),
    ),
    "cut off in a chunk": (
        b"GET",
        _OK + _CHUNKED + b"\r\n2\r\nhi\r\n9\r\nhello",
        Run(200, b"hi", (), b"", False, False, b"hello"),
    ),
    "cut off in the head": (
        b"GET",
        b"HTTP/1.1 200 OK\r\nA: b",
        Run(0, b"", (), b"", False, False, b""),
    ),
}


@pytest.mark.parametrize(("method", "data", "expected"), _ANSWERS.values(), ids=_ANSWERS)
def test_answers_split_anywhere(method: bytes, data: bytes, expected: Run) -> None:
    for pieces in every_split(data):
        found = feed(pieces, method)
        assert found.run == expected
        assert found.broken is None


@pytest.mark.parametrize(
    ("name", "eof", "until_close", "reusable"),
    [
        ("known length", True, False, True),
        ("chunked", True, False, True),
        ("trailers", True, False, True),
        ("HEAD, chunked", True, False, True),
        ("204", True, False, True),
        ("pipelined", True, False, False),
        ("HEAD with a body", True, False, False),
        ("101", True, False, False),
        ("until the close", True, True, False),
        ("only interim", False, False, False),
        ("cut off", False, False, False),
        ("cut off in a chunk", False, False, False),
        ("cut off in the head", False, False, False),
    ],
)
def test_what_the_close_of_the_connection_means(
    name: str, eof: bool, until_close: bool, reusable: bool
) -> None:
    method, data, _ = _ANSWERS[name]
    stream = feed([data], method).stream
    assert (stream.eof(), stream.until_close, stream.reusable) == (eof, until_close, reusable)


@pytest.mark.parametrize(
    ("line", "headers", "reusable"),
    [
        (b"HTTP/1.1 200 OK", b"Connection: close\r\n", False),
        (b"HTTP/1.0 200 OK", b"", False),
        (b"HTTP/1.0 200 OK", b"Connection: keep-alive\r\n", True),
    ],
)
def test_whether_the_connection_can_be_used_again(
    line: bytes, headers: bytes, reusable: bool
) -> None:
    stream = feed([line + b"\r\n" + headers + b"Content-Length: 0\r\n\r\n"]).stream
    assert stream.reusable is reusable


def test_a_chunk_that_the_connection_did_not_live_to_finish() -> None:
    stream = feed(
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n7\r\nabc"]
    ).stream
    assert (stream.unfinished, stream.missing) == (b"abc", 4)


def test_nothing_is_known_before_anything_came() -> None:
    stream = ResponseStream(b"GET")
    assert stream.trailers == ()
    assert (stream.unfinished, stream.missing) == (b"", 0)
    assert (stream.eof(), stream.until_close, stream.reusable, stream.done) == (False,) * 4


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        b"HTTP/1.1 200 OK\rA: b\r\r",
        _OK + b"A : b\r\n\r\n",
        _OK + b"A: b\r\n c\r\n\r\n",
        _OK + b"Content-Length: 5\r\n" + _CHUNKED + b"\r\n",
        _OK + b"Content-Length: five\r\n\r\nhello",
        _OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        _OK + b"Content-Length: 5, 6\r\n\r\nhello",
        _OK + b"Content-Length: 5,\r\n\r\nhello",
        _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        _INTERIM + b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * (MAX_HEAD + 9_000),
    ],
)
def test_heads_that_break_http(data: bytes) -> None:
    for size in (len(data), 7 + len(data) // 1000):
        with pytest.raises(FormatError):
            feed([data[at : at + size] for at in range(0, len(data), size)])


_HEAD = _OK + _CHUNKED + b"\r\n"
_BODIES: dict[str, tuple[bytes, bytes, list[bytes], str]] = {
    "size": (b"hello\r\n", b"", [], "a chunk size line is malformed"),
    "second size": (b"2\r\nhi\r\n-1\r\n", b"2\r\nhi\r\n", [b"hi"], "a chunk size line"),
    "end of a chunk": (
        b"2\r\nhi\r\n5\r\nhello!\r\n0\r\n\r\n",
        b"2\r\nhi\r\n5\r\nhello",
        [b"hi", b"hello"],
        "a chunk does not end where it says",
    ),
    "trailer": (
        b"2\r\nhi\r\n0\r\nA\r\n\r\n",
        b"2\r\nhi\r\n0\r\n",
        [b"hi"],
        "the name of header number 1 is malformed",
    ),
}


@pytest.mark.parametrize(("body", "good", "pieces", "said"), _BODIES.values(), ids=_BODIES)
def test_bodies_that_break_http(body: bytes, good: bytes, pieces: list[bytes], said: str) -> None:
    """What was in order goes through and is kept; nothing that could end the message does."""
    for split in ([_HEAD + body], [_HEAD, body], [_HEAD + body[:6], body[6:]]):
        found = feed(split)
        assert found.broken is not None
        assert found.broken.startswith(said)
        assert b"".join(found.passed).startswith(_HEAD + good)
        assert found.pieces == pieces
        assert (found.run.done, found.held, found.stream.trailers) == (False, b"", ())
        assert found.stream.eof() is found.stream.reusable is False
    bytewise = feed([(_HEAD + body)[at : at + 1] for at in range(len(_HEAD + body))])
    assert (bytewise.broken or "").startswith(said)
    assert bytewise.pieces == pieces


def test_interim_answers_are_passed_on_before_the_answer_is_there() -> None:
    stream = ResponseStream(b"POST")
    first = stream.feed(_INTERIM + b"HTTP/1.1 2")
    assert (first.raw, first.head, first.done) == (_INTERIM, None, False)
    last = stream.feed(b"04 x\r\n\r\n")
    assert (last.raw, last.held, last.done) == (b"", b"HTTP/1.1 204 x\r\n\r\n", True)


def test_only_the_end_is_held() -> None:
    """What has been read with the last chunk goes out at once, unless all came in one read."""
    stream = ResponseStream(b"GET")
    stream.feed(_OK + _CHUNKED + b"\r\n")
    progress = stream.feed(b"5\r\nhello\r\n0\r\n\r\n")
    assert (progress.raw, progress.held) == (b"5\r\nhello\r\n", b"0\r\n\r\n")
    data = _OK + _CHUNKED + b"\r\n5\r\nhello\r\n0\r\n\r\n"
    at_once = ResponseStream(b"GET").feed(data)
    assert (at_once.raw, at_once.held, at_once.pieces) == (b"", data, [b"hello"])
    sized = ResponseStream(b"GET")
    sized.feed(_OK + b"Content-Length: 5\r\n\r\nhel")
    assert sized.feed(b"l").raw == b"l"
    assert sized.feed(b"o").held == b"o"


def test_response_head() -> None:
    headers = ((b"A", b"b"),)
    head = Head(b"", b"", b"HTTP/1.0", 404, b"Caf\xe9", headers, 9, ())
    assert response_head(head) == ResponseHead(404, "Café", "HTTP/1.0", headers)


# Against h11.

_VALUE = st.binary(max_size=10).map(lambda raw: bytes(b for b in raw if 32 < b < 127))
_FIELDS = st.lists(
    st.tuples(st.sampled_from([b"X-A", b"x-b", b"Set-Cookie"]), _VALUE), max_size=4
).map(tuple)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A request method, and a valid answer to it."""
    method = draw(st.sampled_from([b"GET", b"POST", b"HEAD"]))
    status = draw(st.sampled_from([200, 204, 304, 404, 529]))
    data = draw(st.sampled_from([b"", _INTERIM]))
    data += b"HTTP/1.1 %d %b\r\n" % (status, draw(st.sampled_from([b"", b"Some Reason"])))
    fields = draw(_FIELDS)
    kind = draw(st.sampled_from(["length", "chunked", "close"]))
    chunks = draw(st.lists(st.binary(min_size=1, max_size=30), max_size=5))
    body = b"".join(chunks)
    if kind == "length":
        fields += ((b"Content-Length", b"%d" % len(body)),)
    elif kind == "chunked":
        fields += ((b"Transfer-Encoding", b"chunked"),)
        body = b"".join(map(chunk, chunks)) + b"0\r\n" + render_headers(draw(_FIELDS))
    data += render_headers(fields)
    return method, data if method == b"HEAD" or status in (204, 304) else data + body


@given(answers(), st.data())
@settings(max_examples=50, deadline=None)
def test_valid_answers_read_as_h11_reads_them(
    sample: tuple[bytes, bytes], draw: st.DataObject
) -> None:
    method, data = sample
    cuts = draw.draw(st.lists(st.integers(0, len(data)), max_size=8).map(sorted))
    found = feed(cut(data, *cuts), method)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    if not found.run.done:
        client.receive_data(b"")
    body = b""
    chunks: list[bytes] = []
    trailers: object = None
    while trailers is None:
        match client.next_event():
            case h11.Response(status_code=status, headers=headers):
                assert found.stream.head is not None
                assert found.run.status == status
                assert [(k.lower(), v) for k, v in found.stream.head.headers] == list(headers)
            case h11.Data(data=piece):
                body += piece
                chunks.append(bytes(piece))
            case h11.EndOfMessage(headers=ended):
                trailers = list(ended)
            case event:
                assert isinstance(event, h11.InformationalResponse)
    assert found.run.payload == body
    assert [(name.lower(), value) for name, value in found.run.trailers] == trailers
    assert found.stream.eof()
    if found.run.trailers:
        assert found.pieces == chunks
    assert found.stream.until_close == isinstance(found.stream._reader, CloseBody)
    assert found.run.rest == b""
