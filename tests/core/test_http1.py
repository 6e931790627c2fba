"""HTTP/1.1 heads and framing: what is read, what is refused, what is written."""

import contextlib
import time
from typing import Any, override

import pytest

from proxy.core.http1 import (
    MAX_HEAD,
    MAX_HEADERS,
    Framing,
    Head,
    chunk,
    connection_tokens,
    head_end,
    is_token,
    keeps_alive,
    parse_connect,
    parse_request,
    parse_response,
    render_headers,
    response_framing,
    special_of,
)
from proxy.core.model import Headers
from proxy.errors import FormatError
from tests.core.http1_reading import (
    STRICT,
    ask_h11,
    assert_same,
    bytewise,
    read,
)
from tests.data.malformed_requests import LAX, MALFORMED, ODD, SECRET

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
        ((b"host", b"h"),),
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
    assert head == Head(b"", b"", version, status, reason, ((b"A", b"b"),), len(data), ())


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
    return Head(b"", b"", version, status, b"", headers, 0, special_of(headers))


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
        (_LENGTH, (b"Content-Length", b"6")),
        (_CHUNKED, _CHUNKED),
        ((b"Content-Length", b"5, 6"),),
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
    b"CONNECT a.test.:443 HTTP/1.1\r\n\r\n": ("a.test.", 443),
    b"CONNECT %b.test:443 HTTP/1.1\r\n\r\n" % (b"a" * 63): ("a" * 63 + ".test", 443),
    b"CONNECT %b.test:443 HTTP/1.1\r\n\r\n" % (b"a" * 64): "takes host:port",
    b"CONNECT %b:443 HTTP/1.1\r\n\r\n" % b".".join([b"a" * 50] * 6): "takes host:port",
    b"CONNECT a..test:443 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT .test:443 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT ..:443 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT a.test:443:1 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT u@a.test:443 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT https://a.test:443 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT ::1:443 HTTP/1.0\r\n\r\n": ("::1", 443),
    b"CONNECT abc:443:1 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT ::1 HTTP/1.1\r\n\r\n": "takes host:port",
    b"CONNECT 1::1::1:443 HTTP/1.1\r\n\r\n": "takes host:port",
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
