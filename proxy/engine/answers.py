"""Answers that Dashcam gives itself, in the shape that the provider's own clients understand."""

from proxy.core import wire
from proxy.core.decisions import Refuse
from proxy.core.model import End, Headers, RequestHead

GUARD_STATUS = 403
MISS_STATUS = 424
_UNAVAILABLE = 503

_STATUS_OF_END = {
    End.UPSTREAM_REFUSED: 502,
    End.UPSTREAM_TLS: 502,
    End.UPSTREAM_RESET: 502,
    End.UPSTREAM_TRUNCATED: 502,
    End.UPSTREAM_INVALID: 502,
    End.UPSTREAM_TIMEOUT: 504,
    End.CLIENT_INVALID: 400,
    End.REFUSED: GUARD_STATUS,
    End.MISSED: MISS_STATUS,
}


def failed(head: RequestHead, request: bytes, end: End, message: str) -> Refuse:
    """The answer when an upstream could not be had before any byte of its answer came."""
    body = wire.recognise(head, request).error_body(
        _STATUS_OF_END[end], f"Dashcam: {message}", type_=str(end)
    )
    return Refuse(_STATUS_OF_END[end], _headers(body), body, str(end))


def refused(head: RequestHead, request: bytes, status: int, reason: str, message: str) -> Refuse:
    """The answer of a guard, or of a replay that has no recorded call for this request."""
    body = wire.recognise(head, request).error_body(status, message, type_=reason)
    extra: Headers = (
        (b"x-should-retry", b"false"),
        (b"dashcam-refused", reason.encode("ascii", "replace")),
    )
    end = End.MISSED if status == MISS_STATUS else End.REFUSED
    return Refuse(status, _headers(body, extra), body, reason, end)


def barred(head: RequestHead, request: bytes, why: str) -> Refuse:
    """The answer where others than this machine may ask, for a host that they may not call."""
    said = f"Dashcam: {why}; see the setting `allow`"
    return refused(head, request, 403, "host-not-allowed", said)


def unrecordable(head: RequestHead, request: bytes) -> Refuse:
    """The answer in strict mode when the request cannot be recorded; it may be sent again."""
    said = "Dashcam: this call cannot be recorded just now, so it was not made"
    body = wire.recognise(head, request).error_body(
        _UNAVAILABLE, said, type_="recording_unavailable"
    )
    extra: Headers = ((b"retry-after", b"5"), (b"dashcam-refused", b"recording_unavailable"))
    return Refuse(_UNAVAILABLE, _headers(body, extra), body, "recording_unavailable")


def malformed(reason: str, status: int = 400) -> Refuse:
    """The answer to a request that is not understood whole; it repeats nothing of it."""
    body = f"Dashcam: the request was refused: {reason}\n".encode()
    headers: Headers = (
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    )
    return Refuse(status, headers, body, "malformed request")


def _headers(body: bytes, extra: Headers = ()) -> Headers:
    return (
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *extra,
    )
