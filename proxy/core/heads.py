"""What the headers of an exchange say about a call: media types, request ids, rate limits."""

from collections.abc import Mapping

from proxy.core.model import Headers, RequestHead, ResponseHead, header

# In this order: the providers' own names, then what gateways in front of them use.
_REQUEST_IDS = (
    b"x-request-id",
    b"request-id",
    b"x-amzn-requestid",
    b"x-amzn-request-id",
    b"apim-request-id",
    b"x-ms-request-id",
    b"x-goog-request-id",
    b"x-generation-id",
)


def value(headers: Headers, name: bytes) -> str | None:
    """The first value of a header (name in lower case) as text, or None."""
    raw = header(headers, name)
    return None if raw is None else raw.decode("utf-8", "replace").strip()


def media_type(headers: Headers) -> str:
    """The content type without parameters, in lower case; empty when there is none."""
    return (value(headers, b"content-type") or "").partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether a media type names JSON."""
    return media.endswith(("/json", "+json"))


def is_websocket(head: RequestHead) -> bool:
    """Whether a request opens a WebSocket, over HTTP/1.1 (RFC 6455) or HTTP/2 (RFC 8441)."""
    if head.scheme in ("ws", "wss"):
        return True
    upgrade = value(head.headers, b"upgrade") or value(head.headers, b":protocol") or ""
    return upgrade.lower() == "websocket"


def request_id(response: ResponseHead | None) -> str | None:
    """The provider's id of the request, or None."""
    if response is None:
        return None
    for name in _REQUEST_IDS:
        if found := value(response.headers, name):
            return found
    return None


def rate_limits(response: ResponseHead | None) -> Mapping[str, str]:
    """Every header that tells of limits or of when to come back, by lower-case name."""
    if response is None:
        return {}
    found = {}
    for name, raw in response.headers:
        key = name.lower()
        if b"ratelimit" in key or key.startswith(b"retry-after") or key == b"x-should-retry":
            found[key.decode("latin-1")] = raw.decode("utf-8", "replace").strip()
    return found
