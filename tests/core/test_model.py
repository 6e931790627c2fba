"""What the model's values know of themselves."""

from dataclasses import replace

import pytest

from proxy.core.model import End, Exchange, Own, RequestHead, ResponseHead, header

_HEAD = RequestHead("GET", "https", "api.example", 443, "/v1/models?limit=2&after=a?b")


@pytest.mark.parametrize(
    ("name", "value"),
    [(b"x-a", b"1"), (b"x-b", b""), (b"x-c", None), (b"X-A", None), (b"x", None)],
)
def test_header(name: bytes, value: bytes | None) -> None:
    headers = ((b"X-A", b"1"), (b"x-a", b"2"), (b"X-b", b""))
    assert header(headers, name) == value


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/v1/models?limit=2&after=a?b", "/v1/models", "limit=2&after=a?b"),
        ("/v1/models", "/v1/models", ""),
        ("/?", "/", ""),
        ("*", "*", ""),
    ],
)
def test_target(target: str, path: str, query: str) -> None:
    head = replace(_HEAD, target=target)
    assert (head.path, head.query) == (path, query)


@pytest.mark.parametrize(
    ("scheme", "host", "port", "url"),
    [
        ("https", "api.example", 443, "https://api.example/a"),
        ("https", "api.example", 8443, "https://api.example:8443/a"),
        ("https", "api.example", 80, "https://api.example:80/a"),
        ("http", "api.example", 80, "http://api.example/a"),
        ("http", "127.0.0.1", 443, "http://127.0.0.1:443/a"),
        ("ws", "api.example", 80, "ws://api.example/a"),
        ("wss", "api.example", 443, "wss://api.example/a"),
        ("http", "::1", 8080, "http://[::1]:8080/a"),
        ("https", "2001:db8::1", 443, "https://[2001:db8::1]/a"),
        ("mcp+stdio", "server", 0, "mcp+stdio://server/a"),
    ],
)
def test_url(scheme: str, host: str, port: int, url: str) -> None:
    head = RequestHead("GET", scheme, host, port, "/a")
    assert head.url == url
    assert url == f"{scheme}://{head.authority}/a"


@pytest.mark.parametrize(
    ("status", "end", "ok"),
    [
        (200, End.COMPLETE, True),
        (399, End.COMPLETE, True),
        (101, End.COMPLETE, True),
        (400, End.COMPLETE, False),
        (529, End.COMPLETE, False),
        (None, End.COMPLETE, False),
        (None, End.UPSTREAM_REFUSED, False),
        *((200, end, False) for end in End if end is not End.COMPLETE),
    ],
)
def test_only_a_whole_answer_below_400_is_ok(status: int | None, end: End, ok: bool) -> None:
    """Whatever a status line said: a stream that broke off is not a success."""
    response = None if status is None else ResponseHead(status)
    exchange = Exchange("x", "r", 1, "forward", 0.0, _HEAD, response=response, end=end)
    assert exchange.ok is ok


@pytest.mark.parametrize(
    ("own", "given"),
    [
        (Own(), False),
        (Own(meta={}), False),
        (Own(run="r"), True),
        (Own(label=""), True),
        (Own(meta={"a": 1}), True),
    ],
)
def test_own_headers_given(own: Own, given: bool) -> None:
    assert own.given is given


def test_what_is_not_known_is_not_zero() -> None:
    exchange = Exchange("x", "r", 1, "forward", 0.0, _HEAD)
    assert exchange.response is None
    assert exchange.first_byte_us is exchange.ended_us is exchange.backoff_us is None
