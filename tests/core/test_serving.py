"""Recorded answers played back: what an HTTP client reads is what was recorded."""

import itertools
from dataclasses import replace
from typing import NamedTuple

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.model import Body, End, Exchange, Headers, Part, RequestHead, ResponseHead
from proxy.core.serving import Act, acts

GET = RequestHead("GET", "https", "api.example", 443, "/")
HEAD = replace(GET, method="HEAD")
OLD = replace(GET, http_version="HTTP/1.0")
CHUNKED: Headers = ((b"Transfer-Encoding", b"chunked"),)


def parts(*sizes: int, at: int = 1000, every: int = 1000) -> tuple[Part, ...]:
    """Pieces of these sizes, the first `at` microseconds after the start."""
    return tuple(Part(at + every * index, size) for index, size in enumerate(sizes))


def exchange(
    body: bytes | Body = b"",
    *headers: tuple[bytes, bytes],
    status: int = 200,
    reason: str = "OK",
    version: str = "HTTP/1.1",
    end: End = End.COMPLETE,
    error: str | None = None,
    ended_us: int | None = None,
) -> Exchange:
    if isinstance(body, bytes):
        body = Body(body, parts(len(body)) if body else ())
    return Exchange(
        id="x1",
        run_id="r",
        seq=1,
        via="forward",
        started_at=0.0,
        request=GET,
        response=ResponseHead(status, reason, version, headers),
        response_body=body,
        end=end,
        error=error,
        first_byte_us=500,
        ended_us=ended_us,
    )


def length(size: int) -> tuple[bytes, bytes]:
    return b"Content-Length", b"%d" % size


class Heard(NamedTuple):
    """What h11 made of the bytes. `ended`: the message was whole, by itself or by the close."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]
    chunks: list[bytes]
    trailers: list[tuple[bytes, bytes]]
    ended: bool
    rest: bytes

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


def listen(played: list[Act], method: str = "GET") -> Heard:
    """Has h11 read what the acts send; a message that goes on after them meets a closed end."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
    client.send(h11.EndOfMessage())
    client.receive_data(b"".join(act.wire for act in played))
    head: h11.Response | None = None
    chunks: list[bytes] = []
    chunk = b""
    trailers: list[tuple[bytes, bytes]] = []
    ended = closed = False
    while not ended:
        try:
            event = client.next_event()
        except h11.RemoteProtocolError:
            assert closed
            break
        match event:
            case h11.Response():
                head = event
            case h11.Data():
                chunk += event.data
                if event.chunk_end:
                    chunks.append(chunk)
                    chunk = b""
            case h11.EndOfMessage():
                ended = True
                trailers = list(event.headers)
            case _:
                assert event is h11.NEED_DATA
                client.receive_data(b"")
                closed = True
    assert head is not None
    if chunk:
        chunks.append(chunk)
    return Heard(
        head.status_code,
        bytes(head.reason),
        [(bytes(name), bytes(value)) for name, value in head.headers.raw_items()],
        chunks,
        trailers,
        ended,
        b"" if closed else client.trailing_data[0],
    )


def sizes(heard: Heard) -> list[int]:
    return [len(chunk) for chunk in heard.chunks]


# Whole answers.

HELLO = Body(b"hello world!", parts(5, 6, 1))
WHOLE: dict[str, tuple[Exchange, RequestHead, Headers, list[int] | None, bool]] = {
    "known length": (exchange(HELLO, length(12)), GET, (length(12),), None, False),
    "chunked": (exchange(HELLO, *CHUNKED), GET, CHUNKED, [5, 6, 1], False),
    "until the close": (exchange(HELLO), GET, (), None, True),
    "until the close, HTTP/1.0": (exchange(HELLO, version="HTTP/1.0"), GET, (), None, True),
    "nothing": (exchange(b"", length(0)), GET, (length(0),), [], False),
    "nothing, chunked": (exchange(b"", *CHUNKED), GET, CHUNKED, [], False),
    "HTTP/2 without a length": (
        exchange(HELLO, (b"a", b"b"), version="HTTP/2"),
        GET,
        ((b"a", b"b"), (b"transfer-encoding", b"chunked")),
        [5, 6, 1],
        False,
    ),
    "HTTP/2 with a length": (
        exchange(HELLO, length(12), version="HTTP/2.0"),
        GET,
        (length(12),),
        None,
        False,
    ),
    "asked to close": (
        exchange(HELLO, length(12), (b"Connection", b"Close")),
        GET,
        (length(12), (b"Connection", b"Close")),
        None,
        True,
    ),
    "not asked to close": (
        exchange(HELLO, length(12), (b"Connection", b"closet")),
        GET,
        (length(12), (b"Connection", b"closet")),
        None,
        False,
    ),
    "edited body": (
        exchange(HELLO, length(999), (b"A", b"b")),
        GET,
        (length(12), (b"A", b"b")),
        None,
        False,
    ),
    "length and chunked": (exchange(HELLO, length(12), *CHUNKED), GET, CHUNKED, [5, 6, 1], False),
    "no pieces": (exchange(Body(b"hello"), *CHUNKED), GET, CHUNKED, [5], False),
    "empty pieces": (
        exchange(Body(b"hello", parts(0, 2, 0, 3, 0)), *CHUNKED),
        GET,
        CHUNKED,
        [2, 3],
        False,
    ),
    "chunked for HTTP/1.0": (exchange(HELLO, *CHUNKED), OLD, (), None, True),
    "HTTP/2 for HTTP/1.0": (exchange(HELLO, version="HTTP/2"), OLD, (), None, True),
    "refused by a guard": (
        exchange(b"no", length(2), status=403, end=End.REFUSED),
        GET,
        (length(2),),
        [2],
        False,
    ),
    "missed": (
        exchange(b"no", length(2), status=424, end=End.MISSED),
        GET,
        (length(2),),
        [2],
        False,
    ),
}


@pytest.mark.parametrize(
    ("recorded", "request_head", "headers", "chunks", "close"), WHOLE.values(), ids=WHOLE
)
def test_whole_answers(
    recorded: Exchange,
    request_head: RequestHead,
    headers: Headers,
    chunks: list[int] | None,
    close: bool,
) -> None:
    assert recorded.response is not None
    for pace in (0.0, 1.0):
        played = list(acts(recorded, pace, request_head))
        heard = listen(played)
        assert (heard.status, heard.reason) == (recorded.response.status, b"OK")
        assert [(k.lower(), v) for k, v in heard.headers] == [(k.lower(), v) for k, v in headers]
        assert heard.body == recorded.response_body.data
        if chunks is not None:  # in a body without chunks there is nothing to see of them
            assert sizes(heard) == chunks
        assert heard.ended
        assert heard.rest == b""
        assert [act.kind for act in played] == ["data"] * (len(played) - 1) + ["end"]
        assert [act.close for act in played] == [False] * (len(played) - 1) + [close]
        assert [act.head for act in played] == [recorded.response] + [None] * (len(played) - 1)
        pieces = [piece for act in played for piece in act.pieces]
        assert b"".join(pieces) == recorded.response_body.data
        assert all(pieces)
        assert {act.end for act in played} == {End.COMPLETE}


@pytest.mark.parametrize("headers", [(length(12),), CHUNKED, ()])
@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("HEAD", 404)]
)
def test_answers_without_a_body(headers: Headers, method: str, status: int) -> None:
    """Whatever the recording has as a body, and whatever the headers say of one: they stay."""
    for body in (b"", HELLO):
        recorded = exchange(body, *headers, status=status)
        played = list(acts(recorded, 0.0, replace(GET, method=method)))
        heard = listen(played, method)
        assert heard == (status, b"OK", [*headers], [], [], True, b"")
        assert played[-1].kind == "end"
        assert not played[-1].close
        assert not any(act.pieces or act.trailers for act in played)


def test_a_connection_that_was_to_be_closed_is_closed_without_a_body_too() -> None:
    recorded = exchange(b"", (b"Connection", b"keep-alive, close"), status=204)
    assert list(acts(recorded, 0.0, GET))[-1].close


@pytest.mark.parametrize(
    ("headers", "close"), [((), True), (((b"Connection", b"Keep-Alive"),), False)]
)
@pytest.mark.parametrize("asked", [GET, HEAD])
def test_an_old_server_stays_one(asked: RequestHead, headers: Headers, close: bool) -> None:
    recorded = exchange(b"hi", length(2), *headers, version="HTTP/1.0")
    played = list(acts(recorded, 0.0, asked))
    assert played[0].wire.startswith(b"HTTP/1.0 200 OK\r\n")
    assert played[-1].close is close


def test_trailers() -> None:
    body = replace(HELLO, trailers=((b"X-T", b"a"), (b"x-u", b"")))
    played = list(acts(exchange(body, *CHUNKED), 0.0, GET))
    assert listen(played).trailers == [(b"x-t", b"a"), (b"x-u", b"")]
    assert played[-1].trailers == body.trailers
    sized = list(acts(exchange(body, length(12)), 0.0, GET))
    assert sized[-1].trailers == ()
    assert listen(sized).body == HELLO.data


def test_a_recording_cannot_write_heads_of_its_own() -> None:
    """Recordings are text that people edit and exchange."""
    evil = b"a\r\n\r\nHTTP/1.1 200 Evil\r\n\r\n"
    recorded = exchange(
        replace(HELLO, trailers=((b"X-T", evil), (b"b\r\nc", b"d"))),
        *CHUNKED,
        (b"X-A", evil),
        (b"X-B: x\r\n\r\n", b"y"),
        (b":status", b"200"),
        (b"X-C", b"caf\xe9\t"),
        reason="OK\r\nX-D: \u20ac",
    )
    heard = listen(list(acts(recorded, 0.0, GET)))
    assert heard.body == HELLO.data
    assert heard.reason == b"OK  X-D: ?"
    clean = evil.replace(b"\r\n", b"  ").strip()
    assert heard.headers == [*CHUNKED, (b"X-A", clean), (b"X-C", b"caf\xe9")]
    assert heard.trailers == [(b"x-t", clean)]
    assert heard.rest == b""


@given(
    st.lists(st.binary(min_size=1, max_size=30), max_size=8),
    st.sampled_from(["chunked", "length", "close", "h2"]),
    st.sampled_from([0.0, 1.0, 0.5]),
)
@settings(max_examples=40, deadline=None)
def test_any_body(chunks: list[bytes], kind: str, pace: float) -> None:
    data = b"".join(chunks)
    framing = {"chunked": CHUNKED, "length": (length(len(data)),)}.get(kind, ())
    body = Body(data, parts(*map(len, chunks)))
    version = "HTTP/2" if kind == "h2" else "HTTP/1.1"
    played = list(acts(exchange(body, *framing, version=version), pace, GET))
    heard = listen(played)
    assert heard.body == data
    assert heard.ended
    assert [piece for act in played for piece in act.pieces] == chunks
    if kind in ("chunked", "h2"):
        assert heard.chunks == chunks


# Failures.


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (End.UPSTREAM_TRUNCATED, "cut"),
        (End.UPSTREAM_RESET, "cut"),
        (End.UPSTREAM_TIMEOUT, "cut"),
        (End.UPSTREAM_INVALID, "cut"),
        (End.INTERRUPTED, "cut"),
        (End.CLIENT_GONE, "hang"),
    ],
)
@pytest.mark.parametrize("headers", [(length(99),), CHUNKED])
@pytest.mark.parametrize("pace", [0.0, 1.0])
def test_answers_that_broke_off(end: End, kind: str, headers: Headers, pace: float) -> None:
    recorded = exchange(HELLO, *headers, end=end, error="it broke")
    played = list(acts(recorded, pace, GET))
    heard = listen(played)
    assert heard.body == HELLO.data
    assert not heard.ended
    assert heard.headers == [*headers]
    last = played[-1]
    assert (last.kind, last.end, last.error, last.wire, last.close) == (
        kind,
        end,
        "it broke",
        b"",
        True,
    )
    assert {act.kind for act in played[:-1]} == {"data"}
    assert [piece for act in played for piece in act.pieces] == [b"hello", b" world", b"!"]


@pytest.mark.parametrize("pace", [0.0, 1.0])
@pytest.mark.parametrize(("end", "kind"), [(End.UPSTREAM_RESET, "cut"), (End.CLIENT_GONE, "hang")])
@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((5, 7), b"5\r\nhello\r\n10\r\n world!"),
        ((12, 0), b"c\r\nhello world!\r\n9\r\n"),  # nothing came of it
        ((12,), b"15\r\nhello world!"),
    ],
)
def test_an_answer_that_broke_off_inside_a_chunk(
    pace: float, end: End, kind: str, sizes: tuple[int, ...], expected: bytes
) -> None:
    body = Body(b"hello world!", parts(*sizes), missing=9)
    played = list(acts(exchange(body, *CHUNKED, end=end), pace, GET))
    wire = b"".join(act.wire for act in played)
    assert wire.partition(b"\r\n\r\n")[2] == expected
    assert listen(played).body == body.data
    assert (played[-1].kind, played[-1].missing) == (kind, 9)
    assert [len(piece) for act in played for piece in act.pieces] == [*sizes]


@pytest.mark.parametrize("asked", [OLD, HEAD])
def test_a_client_that_gets_no_chunks_gets_no_broken_one(asked: RequestHead) -> None:
    body = Body(b"hello", parts(5, 0), missing=9)
    played = list(acts(exchange(body, *CHUNKED, end=End.UPSTREAM_RESET), 0.0, asked))
    wire = b"".join(act.wire for act in played).partition(b"\r\n\r\n")[2]
    assert wire == (b"hello" if asked is OLD else b"")


def test_an_answer_that_broke_off_behind_its_head() -> None:
    played = list(acts(exchange(b"", length(5), end=End.UPSTREAM_RESET), 0.0, GET))
    assert [act.kind for act in played] == ["data", "cut"]
    assert listen(played)[:4] == (200, b"OK", [length(5)], [])


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (End.UPSTREAM_REFUSED, "refuse"),
        (End.UPSTREAM_TLS, "refuse"),
        (End.UPSTREAM_TIMEOUT, "refuse"),
        (End.UPSTREAM_RESET, "refuse"),
        (End.CLIENT_GONE, "hang"),
        (End.INTERRUPTED, "cut"),
    ],
)
def test_requests_that_got_no_answer(end: End, kind: str) -> None:
    recorded = replace(exchange(end=end, error="no"), response=None, ended_us=2_000_000)
    for pace, delay in ((0.0, 0.0), (1.0, 2.0), (0.5, 1.0)):
        assert list(acts(recorded, pace, GET)) == [Act(kind, delay=delay, end=end, error="no")]
    unknown = replace(recorded, ended_us=None)
    assert list(acts(unknown, 1.0, GET)) == [Act(kind, end=end, error="no")]


# Times.

TIMED = Body(b"abcdef", (Part(1_000_000, 1), Part(1_500_000, 2), Part(4_000_000, 3)))


@pytest.mark.parametrize(
    ("pace", "delays"),
    [
        (0.0, [0.0, 0.0]),
        (1.0, [0.75, 0.25, 0.5, 2.5]),
        (2.0, [1.5, 0.5, 1.0, 5.0]),
        (0.5, [0.375, 0.125, 0.25, 1.25]),
    ],
)
def test_whole_answers_keep_their_times(pace: float, delays: list[float]) -> None:
    """Each piece as long after the one before as it was then; in all, as the last one was."""
    recorded = replace(exchange(TIMED, *CHUNKED, ended_us=4_000_100), first_byte_us=750_000)
    played = list(acts(recorded, pace, GET))
    assert [act.delay for act in played] == delays
    assert sum(delays) == 4.0 * pace
    if pace:
        assert [act.pieces for act in played] == [(), (b"a",), (b"bc",), (b"def",)]
        assert [act.wire for act in played[1:]] == [
            b"1\r\na\r\n",
            b"2\r\nbc\r\n",
            b"3\r\ndef\r\n0\r\n\r\n",
        ]


@pytest.mark.parametrize(
    ("pace", "delays"),
    [
        (0.0, [0.0, 0.0, 0.0]),
        (1.0, [0.75, 0.25, 0.5, 2.5, 6.0]),
        (2.0, [1.5, 0.5, 1.0, 5.0, 12.0]),
    ],
)
def test_answers_that_broke_off_keep_their_times(pace: float, delays: list[float]) -> None:
    recorded = exchange(TIMED, length(9), end=End.UPSTREAM_TIMEOUT, ended_us=10_000_000)
    recorded = replace(recorded, first_byte_us=750_000)
    assert [act.delay for act in acts(recorded, pace, GET)] == delays
    assert sum(delays) == 10.0 * pace


@pytest.mark.parametrize(
    ("body", "first", "ended", "delays"),
    [
        (Body(), 750_000, 2_000_000, [0.75, 1.25]),
        (Body(), None, 2_000_000, [0.0, 2.0]),
        (Body(), None, None, [0.0, 0.0]),
        (Body(b"a", (Part(1_000_000, 1),)), None, 500_000, [0.0, 1.0, 0.0]),
        (Body(b"ab", (Part(500_000, 1), Part(400_000, 1))), 600_000, None, [0.6, 0.0, 0.0, 0.0]),
        (Body(b"ab"), 250_000, 1_000_000, [0.25, 0.0, 0.75]),
    ],
)
def test_times_that_are_unknown_or_go_backwards_are_no_waits(
    body: Body, first: int | None, ended: int | None, delays: list[float]
) -> None:
    recorded = exchange(body, length(9), end=End.UPSTREAM_RESET, ended_us=ended)
    recorded = replace(recorded, first_byte_us=first)
    assert [act.delay for act in acts(recorded, 1.0, GET)] == delays


def test_an_answer_without_a_body_keeps_its_time() -> None:
    recorded = replace(exchange(TIMED, length(6)), first_byte_us=750_000)
    assert [act.delay for act in acts(recorded, 2.0, HEAD)] == [1.5, 0.0]


def test_what_need_not_wait_is_written_together() -> None:
    """In few writes, of bounded size, and with its pieces told apart."""
    body = Body(b"x" * 300_000, parts(*itertools.repeat(1000, 300)))
    played = list(acts(exchange(body, *CHUNKED), 0.0, GET))
    assert [len(act.pieces) for act in played] == [0, 66, 66, 66, 66, 36]
    assert sizes(listen(played)) == [1000] * 300
    even = Body(b"x" * 65_536 * 2, parts(65_536, 65_536))
    assert [act.kind for act in acts(exchange(even, *CHUNKED), 0.0, GET)] == ["data", "data", "end"]


def test_an_answer_is_not_taken_for_another_one_of_the_same_shape() -> None:
    for number in range(300):  # each lives no longer than its turn
        body = b"%d" % number
        *_, last = acts(exchange(body, (b"content-length", b"%d" % len(body))), 0.0, GET)
        assert last.wire == body


def test_a_head_request_is_answered_without_the_body_of_a_get() -> None:
    recorded = exchange(b"ok", (b"content-length", b"2"))
    for _ in range(2):
        assert b"".join(act.wire for act in acts(recorded, 0.0, GET)).endswith(b"ok")
        assert not b"".join(act.wire for act in acts(recorded, 0.0, HEAD)).endswith(b"ok")
