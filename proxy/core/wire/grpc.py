"""gRPC, gRPC-Web and Connect's streams: whatever the status line says, the end says how it went.

It stands in trailers; in the head where there is no body; in the body's last message (gRPC-Web,
Connect). Messages are protobuf, whose schema is not on the wire: they stay bytes.
"""

import binascii
import re
from dataclasses import replace
from typing import Final, override
from urllib.parse import unquote_to_bytes

from proxy.core import faults, heads, loose, steps
from proxy.core.calls import Call
from proxy.core.dialect import Answer, Asked, Dialect
from proxy.core.faults import Fault
from proxy.core.model import Exchange, Headers, RequestHead

_MEDIA: Final = ("application/grpc", "application/connect+")
_WEB_TEXT: Final = "application/grpc-web-text"
_BASE64: Final = re.compile(rb"[^=]+={0,2}")  # every flush of the server's may be padded
_TRAILERS, _END_STREAM = 0x80, 0x02  # flags of a message: gRPC-Web's and Connect's
_PREFIX: Final = 5  # a byte of flags, four of length
_SAID_MAX: Final = 2000
_OK: Final = "0"
CODES: Final = {
    "1": "CANCELLED",
    "2": "UNKNOWN",
    "3": "INVALID_ARGUMENT",
    "4": "DEADLINE_EXCEEDED",
    "5": "NOT_FOUND",
    "6": "ALREADY_EXISTS",
    "7": "PERMISSION_DENIED",
    "8": "RESOURCE_EXHAUSTED",
    "9": "FAILED_PRECONDITION",
    "10": "ABORTED",
    "11": "OUT_OF_RANGE",
    "12": "UNIMPLEMENTED",
    "13": "INTERNAL",
    "14": "UNAVAILABLE",
    "15": "DATA_LOSS",
    "16": "UNAUTHENTICATED",
}


class GRPC(Dialect):
    """`POST /package.Service/Method`, by its content type."""

    name = "grpc"
    vendor = ""
    kind = "tool_call"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        return head.method == "POST" and heads.media_type(head.headers).startswith(_MEDIA)

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        return steps.step(head)

    @override
    def decode(self, exchange: Exchange, request: bytes, response: bytes) -> Call:
        call = self.call(exchange, request, Asked(), self.read(exchange, response))
        return replace(call, provider=None)

    @override
    def read(self, exchange: Exchange, response: bytes) -> Answer:
        head = exchange.response
        if head is None:
            return super().read(exchange, response)
        transport = faults.transport_error(exchange)
        error = faults.status_error(head.status, response, loose.parse(response).value)
        ended = (*exchange.response_body.trailers, *head.headers)
        fault = _status(ended) or _last_message(heads.media_type(head.headers), response)
        if error is None and fault is not None:
            error = faults.in_stream(fault, where="trailers")
        return Answer(complete=transport is None, error=error or transport)

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"code": type_, "message": message})

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        return b""  # it would be in the trailers


def _status(headers: Headers) -> Fault | None:
    """What `grpc-status` and `grpc-message` say; None for OK, and where nothing is said."""
    code = heads.value(headers, b"grpc-status")
    if code is None or code == _OK:
        return None
    said = unquote_to_bytes(heads.value(headers, b"grpc-message") or "")
    return Fault(CODES.get(code, "UNKNOWN"), said.decode("utf-8", "replace")[:_SAID_MAX], code)


def _last_message(media: str, body: bytes) -> Fault | None:
    """The same, where trailers are a message of the body."""
    if not media.startswith(("application/grpc-web", "application/connect+")):
        return None
    if media.startswith(_WEB_TEXT):
        try:
            body = b"".join(binascii.a2b_base64(part) for part in _BASE64.findall(body))
        except binascii.Error:
            return None
    at = 0
    while at + _PREFIX <= len(body):
        flags, size = body[at], int.from_bytes(body[at + 1 : at + _PREFIX])
        message = body[at + _PREFIX : at + _PREFIX + size]
        if flags & _TRAILERS:
            lines = (line.partition(b":") for line in message.splitlines())
            return _status(tuple((name.strip(), value.strip()) for name, _, value in lines))
        if flags & _END_STREAM:
            return faults.embedded(loose.parse(message).value)
        at += _PREFIX + size
    return None


FORMAT = GRPC()
