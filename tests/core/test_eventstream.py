import struct
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.eventstream import EventStreamParser, HeaderValue, Message, encode
from proxy.errors import FormatError

# Written out by hand from the specification: one empty message.
EMPTY = bytes.fromhex("000000100000000005c248eb7d98c8ff")


def parse(*pieces: bytes) -> list[Message]:
    parser = EventStreamParser()
    return [message for piece in pieces for message in parser.feed(piece)]


def raw_message(headers: bytes, payload: bytes = b"") -> bytes:
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    head = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return head + struct.pack(">I", crc32(head))


def test_the_empty_message() -> None:
    assert parse(EMPTY) == [Message({}, b"", 0, 16)]
    assert encode({}, b"") == EMPTY


HEADERS: list[tuple[bytes, HeaderValue]] = [
    (b"\x00", True),
    (b"\x01", False),
    (b"\x02\xff", -1),
    (b"\x03\x01\x00", 256),
    (b"\x04\x00\x01\x00\x00", 65536),
    (b"\x05" + b"\x00" * 7 + b"\x07", 7),
    (b"\x06\x00\x02\xff\x00", b"\xff\x00"),
    (b"\x07\x00\x03\x61\xc3\xa9", "aé"),
    (b"\x08" + b"\x00" * 7 + b"\x09", 9),
    (b"\x09" + bytes(range(16)), bytes(range(16)).hex()),
]


@pytest.mark.parametrize(("raw", "value"), HEADERS)
def test_header_types(raw: bytes, value: HeaderValue) -> None:
    ((message),) = parse(raw_message(b"\x01h" + raw + b"\x01i\x00", b"body"))
    assert message.headers == {"h": value, "i": True}
    assert message.payload == b"body"


BROKEN = [
    ("prelude checksum", EMPTY[:8] + b"\0\0\0\0" + EMPTY[12:]),
    ("message checksum", EMPTY[:12] + b"\0\0\0\0"),
    ("unknown header type", raw_message(b"\x01h\x0a")),
    ("cut header", raw_message(b"\x05h")),
    ("cut string", raw_message(b"\x01h\x07\x00\x09ab")),
    ("cut number", raw_message(b"\x01h\x04\x00")),
    ("too short", struct.pack(">III", 8, 0, crc32(struct.pack(">II", 8, 0)))),
    ("too long", struct.pack(">III", 1 << 31, 0, crc32(struct.pack(">II", 1 << 31, 0)))),
    ("headers beyond the message", struct.pack(">III", 16, 9, crc32(struct.pack(">II", 16, 9)))),
]


@pytest.mark.parametrize(("why", "stream"), BROKEN)
def test_broken_messages(why: str, stream: bytes) -> None:
    with pytest.raises(FormatError, match="event stream") as caught:
        parse(encode({"a": "b"}, b"fine") + stream)
    assert [message.payload for message in caught.value.args[1]] == [b"fine"], why


def test_a_message_that_is_not_whole() -> None:
    parser = EventStreamParser()
    assert parser.feed(EMPTY + EMPTY[:13]) == [Message({}, b"", 0, 16)]
    assert parser.pending == 13
    assert parser.feed(EMPTY[13:]) == [Message({}, b"", 16, 32)]
    assert parser.pending == 0


MESSAGES = st.lists(
    st.tuples(st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3), st.binary()),
    max_size=4,
)


@given(messages=MESSAGES, cuts=st.lists(st.integers(0, 400), max_size=6))
def test_round_trip_in_any_split(
    messages: list[tuple[dict[str, str], bytes]], cuts: list[int]
) -> None:
    stream = b"".join(encode(headers, payload) for headers, payload in messages)
    places = sorted(cuts)
    pieces = [stream[a:b] for a, b in zip([0, *places], [*places, None], strict=True)]
    found = parse(*pieces)
    assert [(message.headers, message.payload) for message in found] == messages
    assert all(message.end - message.start >= 16 for message in found)
    assert [message.start for message in found[1:]] == [message.end for message in found[:-1]]
