import pytest

from proxy.core import heads
from proxy.core.model import RequestHead, ResponseHead


def response(*pairs: tuple[bytes, bytes]) -> ResponseHead:
    return ResponseHead(200, headers=pairs)


MEDIA = [
    (b"Application/JSON; charset=utf-8", "application/json", True),
    (b"application/problem+json", "application/problem+json", True),
    (b"text/html", "text/html", False),
]


@pytest.mark.parametrize(("raw", "media", "json"), MEDIA)
def test_media_types(raw: bytes, media: str, json: bool) -> None:
    found = heads.media_type(((b"Content-Type", raw),))
    assert (found, heads.is_json(found)) == (media, json)


def test_no_media_type() -> None:
    assert heads.media_type(()) == ""


SOCKETS = [
    ("https", ((b"Upgrade", b"WebSocket"),), True),
    ("https", ((b":protocol", b"websocket"),), True),
    ("wss", (), True),
    ("https", ((b"upgrade", b"h2c"),), False),
    ("https", (), False),
]


@pytest.mark.parametrize(("scheme", "headers", "expected"), SOCKETS)
def test_websockets(scheme: str, headers: tuple[tuple[bytes, bytes], ...], expected: bool) -> None:
    head = RequestHead("GET", scheme, "h", 443, "/", headers=headers)
    assert heads.is_websocket(head) is expected


def test_the_providers_own_request_id_comes_first() -> None:
    both = response((b"apim-request-id", b"gateway"), (b"X-Request-Id", b"req_1"))
    assert heads.request_id(both) == "req_1"
    assert heads.request_id(response((b"x-amzn-requestid", b"a"))) == "a"
    assert heads.request_id(response()) is None
    assert heads.request_id(None) is None


def test_rate_limits() -> None:
    found = heads.rate_limits(
        response(
            (b"X-RateLimit-Remaining-Tokens", b"5"),
            (b"anthropic-ratelimit-tokens-reset", b"2026-01-01T00:00:00Z"),
            (b"Retry-After-Ms", b"20"),
            (b"x-should-retry", b"false"),
            (b"content-type", b"x"),
        )
    )
    assert found == {
        "x-ratelimit-remaining-tokens": "5",
        "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:00Z",
        "retry-after-ms": "20",
        "x-should-retry": "false",
    }
    assert heads.rate_limits(None) == {}
