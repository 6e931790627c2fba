"""HTTP/1.1 messages that Dashcam writes itself: answers of its own, requests that go on anew."""

from proxy.core.decisions import Refuse
from proxy.core.http1 import Head, chunk, render_headers
from proxy.core.model import Headers, RequestHead, header

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {
    400: b"Bad Request",
    403: b"Forbidden",
    408: b"Request Timeout",
    424: b"Failed Dependency",
    508: b"Loop Detected",
}


def answer_bytes(refusal: Refuse, head: Head | None, *, close: bool) -> bytes:
    """An answer of ours to the request of `head`, None when it could not be read."""
    reason = _REASONS.get(refusal.status, b"Bad Gateway" if refusal.status >= 500 else b"Refused")  # noqa: PLR2004 - HTTP
    headers = refusal.headers + (((b"connection", b"close"),) if close else ())
    body = b"" if head is not None and head.method == b"HEAD" else refusal.body
    return b"HTTP/1.1 %d %b\r\n" % (refusal.status, reason) + render_headers(headers) + body


def rendered(request: RequestHead) -> bytes:
    """The head of a request that goes on as another than it came."""
    line = f"{request.method} {request.target} {request.http_version}\r\n"
    return line.encode("latin-1") + render_headers(request.headers)


def body_bytes(data: bytes, trailers: Headers, *, chunked: bool) -> bytes:
    """The body of a request that was held and goes on: as it is, or as one chunk."""
    if not chunked:
        return data
    return (chunk(data) if data else b"") + b"0\r\n" + render_headers(trailers)


def expects_continue(head: Head) -> bool:
    """Whether the client waits for a 100 before it sends its body (RFC 9110, 10.1.1)."""
    return (header(head.headers, b"expect") or b"").lower() == b"100-continue"
