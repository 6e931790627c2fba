import zlib

import pytest

from proxy.core.model import End, Headers, ResponseHead
from proxy.engine.relay import Relay, goodbye
from tests.engine.test_recorder import made

NAME = b"Sec-WebSocket-Extensions"


def masked(first: int, data: bytes) -> bytes:
    return bytes((first, 0x80 | len(data))) + bytes(4) + data


def deflated(text: bytes) -> bytes:
    press = zlib.compressobj(wbits=-15)
    return (press.compress(text) + press.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")


@pytest.mark.parametrize(
    ("headers", "first", "text"),
    [
        ((), 0x81, b"hi"),
        (((NAME, b"permessage-deflate; client_no_context_takeover"),), 0xC1, deflated(b"hi")),
    ],
)
def test_messages_are_noted_as_they_pass(headers: Headers, first: int, text: bytes) -> None:
    tx, _ = made()
    tx.response_head(ResponseHead(101, headers=headers))
    relay = Relay(tx)
    for _ in range(2):
        relay.passed(masked(first, text), from_client=True)
    relay.passed(b"\x82\x01x", from_client=False)
    assert [frame[1:] for frame in tx.frames] == [
        (True, 1, b"hi"),
        (True, 1, b"hi"),
        (False, 2, b"x"),
    ]


@pytest.mark.parametrize(
    ("from_client", "abruptly", "end"),
    [
        (True, False, End.CLIENT_GONE),
        (False, False, End.UPSTREAM_TRUNCATED),
        (False, True, End.UPSTREAM_RESET),
    ],
)
def test_who_leaves_says_goodbye_before(from_client: bool, abruptly: bool, end: End) -> None:
    tx, _ = made()
    assert goodbye(tx, from_client=from_client, abruptly=abruptly)[0] is end
    tx.frame(from_client=True, opcode=8, data=b"")
    assert goodbye(tx, from_client=from_client, abruptly=abruptly) == (End.COMPLETE, None)
