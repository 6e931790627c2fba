"""HTTP/1.1 messages that Dashcam writes itself: answers of its own, requests that go on anew."""

from proxy.core.decisions import Refuse
from proxy.core.http1 import Head, chunk, render_headers
from proxy.core.model import Headers, RequestHead, header

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {  # RFC 9110, 15.5 and 15.6
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    407: b"Proxy Authentication Required",
    408: b"Request Timeout",
    413: b"Content Too Large",
    421: b"Misdirected Request",
    422: b"Unprocessable Content",
    424: b"Failed Dependency",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    505: b"HTTP Version Not Supported",
    508: b"Loop Detected",
}


def answer_bytes(refusal: Refuse, head: Head | None, *, close: bool) -> bytes:
    """An answer of ours to the request of `head`, None when it could not be read."""
    reason = _REASONS.get(refusal.status, b"Refused")
    headers = refusal.headers + (((b"connection", b"close"),) if close else ())
    body = b"" if head is not None and head.method == b"HEAD" else refusal.body
    return b"HTTP/1.1 %d %b\r\n" % (refusal.status, reason) + render_headers(headers) + body


def rendered(request: RequestHead) -> bytes:
    """The head of a request that goes on as another than it came."""
    line = f"{request.method} {request.target} {request.http_version}\r\n"
    return line.encode("latin-1") + render_headers(request.headers)


def absolute_form(head: bytes, authority: bytes, lines: bytes) -> bytes:
    """A plain request's head as a proxy takes it (RFC 9112, 3.2.2), with more header `lines`."""
    first, _, rest = head.partition(b"\r\n")
    method, target, version = first.split(b" ", 2)
    path = b"" if target == b"*" else target
    return b"%b http://%b%b %b\r\n%b%b" % (method, authority, path, version, lines, rest)


def body_bytes(data: bytes, trailers: Headers, *, chunked: bool) -> bytes:
    """The body of a request that was held and goes on: as it is, or as one chunk."""
    if not chunked:
        return data
    return (chunk(data) if data else b"") + b"0\r\n" + render_headers(trailers)


def expects_continue(head: Head) -> bool:
    """Whether the client waits for a 100 before it sends its body (RFC 9110, 10.1.1)."""
    return (header(head.headers, b"expect") or b"").lower() == b"100-continue"
