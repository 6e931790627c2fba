import pytest

from proxy.core.decisions import Refuse
from proxy.core.http1 import parse_request
from proxy.core.http1_messages import answer_bytes, body_bytes, expects_continue, rendered
from proxy.core.model import Headers, RequestHead


def test_a_changed_request_is_written_anew() -> None:
    changed = RequestHead("POST", "https", "a", 443, "/y", headers=((b"Host", b"a"),))
    assert rendered(changed) == b"POST /y HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(("value", "waits"), [(b"100-Continue", True), (b"200-ok", False)])
def test_who_waits_for_a_hundred(value: bytes, waits: bool) -> None:
    head = parse_request(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: %b\r\n\r\n" % value)
    assert expects_continue(head) is waits


@pytest.mark.parametrize(
    ("method", "status", "close", "expected"),
    [
        (b"GET", 424, False, b"HTTP/1.1 424 Failed Dependency\r\nA: 1\r\n\r\nno"),
        (b"HEAD", 403, False, b"HTTP/1.1 403 Forbidden\r\nA: 1\r\n\r\n"),
        (b"GET", 503, False, b"HTTP/1.1 503 Service Unavailable\r\nA: 1\r\n\r\nno"),
        (b"GET", 502, True, b"HTTP/1.1 502 Bad Gateway\r\nA: 1\r\nconnection: close\r\n\r\nno"),
    ],
)
def test_answers_of_our_own(method: bytes, status: int, close: bool, expected: bytes) -> None:
    head = parse_request(b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % method)
    refusal = Refuse(status, ((b"A", b"1"),), b"no", "because")
    assert answer_bytes(refusal, head, close=close) == expected


@pytest.mark.parametrize(
    ("data", "trailers", "chunked", "expected"),
    [
        (b"abc", (), False, b"abc"),
        (b"abc", (), True, b"3\r\nabc\r\n0\r\n\r\n"),
        (b"", (), True, b"0\r\n\r\n"),
        (b"abc", ((b"T", b"1"),), True, b"3\r\nabc\r\n0\r\nT: 1\r\n\r\n"),
    ],
)
def test_a_body_that_goes_on(
    data: bytes, trailers: Headers, chunked: bool, expected: bytes
) -> None:
    assert body_bytes(data, trailers, chunked=chunked) == expected
