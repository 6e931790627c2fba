import base64

import pytest

from proxy.core.calls import Call
from proxy.core.model import Body, Exchange, Headers, RequestHead, ResponseHead
from proxy.core.wire import decode_call, grpc

PROTO = b"application/grpc"
WEB = b"application/grpc-web+proto"
TEXT = b"application/grpc-web-text"
CONNECT = b"application/connect+proto"
ANSWER = b"\0\0\0\0\3\x0a\x01x"
NOT_THERE = ("NOT_FOUND", "no such customer", "5")


def call(media: bytes, body: bytes = b"", *, headers: Headers = (), trailers: Headers = ()) -> Call:
    head = RequestHead(
        "POST", "https", "h", 443, "/crm.v1.Customers/Get", headers=((b"content-type", media),)
    )
    answered = ResponseHead(200, headers=((b"Content-Type", media), *headers))
    exchange = Exchange(
        "x", "r", 1, "forward", 0.0, head, Body(), answered, Body(body, trailers=trailers)
    )
    return decode_call(exchange, b"", body)


def last(flags: int, message: bytes) -> bytes:
    return bytes((flags,)) + len(message).to_bytes(4) + message


SAID: Headers = ((b"Grpc-Status", b"5"), (b"Grpc-Message", b"no such%20customer"))
IN_BODY = b"grpc-status: 5\r\ngrpc-message: no such customer\r\n"
IN_JSON = b'{"error": {"code": "not_found", "message": "no such customer"}}'


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (call(PROTO, ANSWER, trailers=SAID), NOT_THERE),
        (call(PROTO, headers=SAID), NOT_THERE),
        (call(WEB, ANSWER + last(0x80, IN_BODY)), NOT_THERE),
        (
            call(TEXT, base64.b64encode(ANSWER) + base64.b64encode(last(0x80, IN_BODY))),
            NOT_THERE,
        ),
        (call(CONNECT, ANSWER + last(2, IN_JSON)), ("not_found", "no such customer", "not_found")),
        (call(PROTO, trailers=((b"grpc-status", b"14"),)), ("UNAVAILABLE", "UNAVAILABLE", "14")),
        (call(PROTO, trailers=((b"grpc-status", b"99"),)), ("UNKNOWN", "UNKNOWN", "99")),
    ],
)
def test_an_error_inside_a_200(found: Call, expected: tuple[str, str, str]) -> None:
    error = found.error
    assert error is not None
    assert (error.type, error.message, error.code) == expected
    assert (error.where, error.embedded) == ("trailers", True)
    assert (found.protocol, found.kind, found.step) == (
        "grpc",
        "tool_call",
        "POST h/crm.v1.Customers/Get",
    )


@pytest.mark.parametrize(
    "found",
    [
        call(PROTO, ANSWER, trailers=((b"grpc-status", b"0"),)),
        call(PROTO, ANSWER),
        call(WEB, ANSWER + last(0x80, b"grpc-status:0\r\n")),
        call(TEXT, b"AAAA=A=="),
        call(CONNECT, ANSWER + last(2, b"{}")),
        call(PROTO, last(0x80, IN_BODY)),  # a message of its own, not gRPC-Web's trailers
    ],
)
def test_no_error(found: Call) -> None:
    assert (found.error, found.complete, found.notes) == (None, True, ())


def test_our_error_body() -> None:
    assert b"no such call" in grpc.FORMAT.error_body(424, "no such call", type_="miss")
    assert grpc.FORMAT.stream_error("x", type_="y") == b""
