"""WebSocket messages off the wire, against wsproto, which writes the frames and judges them."""

import itertools
import random
import struct
import tracemalloc
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.extensions import Extension, PerMessageDeflate

from proxy.core import websocket
from proxy.core.model import Headers
from proxy.core.websocket import BINARY, CLOSE, TEXT, Deflate, Message, Reader, agreed_deflate

_TAIL = b"\x00\x00\xff\xff"


class Side(NamedTuple):
    """Who sends, and what was agreed on."""

    client: bool
    deflate: str | None = None  # the parameters of permessage-deflate
    resets: bool = False

    def connection(self, *, sends: bool) -> Connection:
        extensions: list[Extension] = []
        if self.deflate is not None:
            extension = PerMessageDeflate()
            extension.finalize(f"permessage-deflate{self.deflate}")
            extensions.append(extension)
        client = ConnectionType.CLIENT if self.client == sends else ConnectionType.SERVER
        return Connection(client, extensions)

    def reader(self) -> Reader:
        return Reader(deflate=self.deflate is not None, resets=self.resets)


_BOTH_RESET = "; client_no_context_takeover; server_no_context_takeover"
SIDES = {
    "client": Side(client=True),
    "server": Side(client=False),
    "client, deflate": Side(client=True, deflate=""),
    "server, deflate": Side(client=False, deflate=""),
    "client, deflate, resets": Side(client=True, deflate=_BOTH_RESET, resets=True),
    "server, deflate, resets": Side(client=False, deflate=_BOTH_RESET, resets=True),
    "server, small window": Side(client=False, deflate="; server_max_window_bits=9"),
}


def message(data: str | bytes, *, last: bool = True) -> Event:
    if isinstance(data, str):
        return TextMessage(data=data, message_finished=last)
    return BytesMessage(data=data, message_finished=last)


def fragments(data: str | bytes, count: int) -> list[Event]:
    step = len(data) // count + 1
    parts = [data[at : at + step] for at in range(0, step * count, step)]
    return [message(part, last=index == count - 1) for index, part in enumerate(parts)]


def expected(events: Sequence[Event]) -> list[Message]:
    """What whole messages these events amount to."""
    found: list[Message] = []
    parts: list[bytes] = []
    for event in events:
        match event:
            case TextMessage(data=data, message_finished=last):
                parts.append(data.encode())
            case BytesMessage(data=data, message_finished=last):
                parts.append(bytes(data))
            case CloseConnection(code=code, reason=reason):
                found.append(Message(CLOSE, struct.pack(">H", code) + (reason or "").encode()))
                continue
            case _:
                continue
        if last:
            opcode = TEXT if isinstance(event, TextMessage) else BINARY
            found.append(Message(opcode, b"".join(parts)))
            parts.clear()
    return found


def judged(side: Side, data: bytes) -> list[Event] | None:
    """What wsproto reads; None when it finds the stream broken."""
    receiver = side.connection(sends=False)
    receiver.receive_data(data)
    events = list(receiver.events())
    ended = bool(events) and isinstance(events[-1], CloseConnection)
    # It says what is wrong as if the other side had closed, but its own state knows better.
    return None if ended and receiver.state is ConnectionState.OPEN else events


def feed(reader: Reader, pieces: Sequence[bytes]) -> list[Message]:
    return [found for piece in pieces for found in reader.feed(piece)]


CONVERSATIONS: dict[str, list[Event]] = {
    "one": [message("hello")],
    "empty": [message(""), message(b"")],
    "several": [message("hello"), message(b"\0\1\2"), message("hello"), message("hellohello")],
    "characters": [message("caf\u00e9 \u20ac \U0001f600" * 20)],
    "three lengths": [message(b"a" * size) for size in (125, 126, 127, 65535, 65536, 70_000)],
    "fragmented": [*fragments("hello world", 3), *fragments(b"hello world", 4), message("x")],
    "fragmented, empty parts": [*fragments("ab", 6), *fragments(b"", 3)],
    "control frames between": [
        message("he", last=False),
        Ping(payload=b"p"),
        message("l", last=False),
        Pong(payload=b"q" * 125),
        message("lo"),
        Ping(),
        message(b"z"),
    ],
    "close": [message("bye"), CloseConnection(code=1000, reason="done")],
    "close in a message": [message("by", last=False), CloseConnection(code=1001, reason="\u20ac")],
    "own close code": [CloseConnection(code=4999)],
}


@pytest.mark.parametrize("side", SIDES.values(), ids=SIDES)
def test_conversations(side: Side) -> None:
    for events in CONVERSATIONS.values():
        sender = side.connection(sends=True)
        frames = [sender.send(event) for event in events]
        data = b"".join(frames)
        wanted = expected(events)
        assert feed(side.reader(), [data]) == wanted
        assert feed(side.reader(), frames) == wanted
        if len(data) < 2000:
            reader = side.reader()
            assert feed(reader, [data[at : at + 1] for at in range(len(data))]) == wanted
            assert reader.broken is None


@pytest.mark.parametrize("side", SIDES.values(), ids=SIDES)
def test_any_cut_of_a_conversation(side: Side) -> None:
    events = [*fragments("hello hello hello", 2), Ping(payload=b"p"), message(b"hello hello")]
    sender = side.connection(sends=True)
    data = b"".join(sender.send(event) for event in events)
    for at in range(len(data) + 1):
        assert feed(side.reader(), [data[:at], data[at:]]) == expected(events)


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_PLAIN: st.SearchStrategy[str | bytes] = st.one_of(
    _TEXTS, st.binary(max_size=40), st.sampled_from(["ab" * 300, b"\0" * 3000])
)


@st.composite
def conversations(draw: st.DrawFn) -> list[Event]:
    events: list[Event] = []
    for data in draw(st.lists(_PLAIN, min_size=1, max_size=5)):
        for part in fragments(data, draw(st.integers(1, 4))):
            if draw(st.booleans()):
                events.append(Ping(payload=draw(st.binary(max_size=9))))
            events.append(part)
    return events


@given(conversations(), st.sampled_from(list(SIDES.values())), st.data())
@settings(max_examples=40, deadline=None)
def test_any_conversation_in_any_split(
    events: list[Event], side: Side, draw: st.DataObject
) -> None:
    sender = side.connection(sends=True)
    data = b"".join(sender.send(event) for event in events)
    cuts = [0, *draw.draw(st.lists(st.integers(0, len(data)), max_size=9).map(sorted)), len(data)]
    reader = side.reader()
    pieces = [data[a:b] for a, b in itertools.pairwise(cuts)]
    assert feed(reader, pieces) == expected(events)
    assert reader.broken is None
    if side.deflate is None:  # else wsproto forgets at a ping that the message is compressed
        assert expected(judged(side, data) or []) == expected(events)


# Broken streams.


def frame(first: int, payload: bytes = b"", *, length: bytes | None = None) -> bytes:
    return bytes([first]) + (bytes([len(payload)]) if length is None else length) + payload


def deflated(data: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
    compress = zlib.compressobj(wbits=-15)
    raw = compress.compress(data) + compress.flush(flush)
    return raw.removesuffix(_TAIL) if flush == zlib.Z_SYNC_FLUSH else raw


HELLO = frame(0x81, b"hello")
BROKEN: dict[str, tuple[bytes, bool, str]] = {
    "reserved data opcode": (frame(0x83, b"a"), False, "opcode 3 is reserved"),
    "reserved control opcode": (frame(0x8B), False, "opcode 11 is reserved"),
    "last opcode": (frame(0x8F), False, "opcode 15 is reserved"),
    "continuation of nothing": (frame(0x80, b"a"), False, "a message begins inside another"),
    "continuation of a whole message": (
        HELLO + frame(0x00, b"a"),
        False,
        "a message begins inside another",
    ),
    "message in a message": (
        frame(0x01, b"a") + HELLO,
        False,
        "a message begins inside another",
    ),
    "fragmented ping": (frame(0x09, b"a"), False, "a control frame is fragmented"),
    "fragmented close": (frame(0x08), False, "a control frame is fragmented"),
    "long ping": (
        frame(0x89, b"a" * 126, length=b"\x7e\x00\x7e"),
        False,
        "a control frame is fragmented or too long",
    ),
    "second reserved bit": (frame(0xA1, b"a"), False, "an extension is used"),
    "third reserved bit": (frame(0x91, b"a"), False, "an extension is used"),
    "compressed unasked": (frame(0xC1, deflated(b"a")), False, "an extension is used"),
    "compressed ping": (frame(0xC9), True, "an extension is used"),
    "compressed continuation": (frame(0x01, b"a") + frame(0xC0), True, "an extension is used"),
    "not compressed at all": (frame(0xC1, b"hello"), True, "a message does not decompress"),
}


@pytest.mark.parametrize(("data", "deflate", "said"), BROKEN.values(), ids=BROKEN)
def test_broken_streams_end_the_reading(data: bytes, deflate: bool, said: str) -> None:
    for pieces in ([HELLO + data + HELLO], [bytes([byte]) for byte in HELLO + data], [HELLO, data]):
        reader = Reader(deflate=deflate)
        assert feed(reader, pieces)[0] == Message(TEXT, b"hello")
        assert reader.broken is not None
        assert reader.broken.startswith(said)
        assert reader.feed(HELLO) == []
        assert not reader._buffer
        assert not reader._parts


@pytest.mark.parametrize(("data", "deflate", "said"), BROKEN.values(), ids=BROKEN)
def test_wsproto_calls_them_broken_too(data: bytes, deflate: bool, said: str) -> None:
    assert said
    assert judged(Side(client=False, deflate="" if deflate else None), HELLO + data) is None


def noise(count: int) -> Iterator[tuple[bytes, Side]]:
    """Right frames with some bytes changed, the same ones every time."""
    dice = random.Random(7)  # noqa: S311 - no secret
    sides = [side for side in SIDES.values() if not side.client]  # which masks as it pleases
    for _ in range(count):
        side = dice.choice(sides)
        sender = side.connection(sends=True)
        events = [*fragments("hello " * 9, 2), message(b"hello hello"), message("x" * 200)]
        data = bytearray(b"".join(sender.send(event) for event in events))
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(data))
            data[at : at + dice.randrange(2)] = dice.randbytes(dice.randrange(3))
        yield bytes(data), side


def test_noise_raises_nothing_and_reads_as_wsproto_reads_it() -> None:
    whole = broken = 0
    for data, side in noise(600):
        reader = side.reader()
        found = reader.feed(data)
        halves = side.reader()
        middle = len(data) // 2
        assert feed(halves, [data[:middle], data[middle:]]) == found
        assert halves.broken == reader.broken
        events = judged(side, data)
        if events is None:  # it has more to judge: UTF-8, masks, close codes, shortest lengths
            broken += reader.broken is not None
        elif not any(isinstance(event, CloseConnection) for event in events):
            whole += 1
            assert reader.broken is None
            assert found == expected(events)
    assert whole > 50
    assert broken > 50


def test_a_length_need_not_be_the_shortest() -> None:
    data = frame(0x82, b"hi", length=b"\x7e\x00\x02") + frame(
        0x82, b"hi", length=b"\x7f" + b"\0" * 7 + b"\x02"
    )
    assert Reader().feed(data) == [Message(BINARY, b"hi")] * 2


# Compression.


def test_a_final_block_ends_a_message_but_not_the_reading() -> None:
    """RFC 7692, 7.2.3.4: the block, and an empty byte; the next message starts afresh."""
    final = deflated(b"Hello", zlib.Z_FINISH) + b"\0"
    assert final == bytes.fromhex("f348cdc9c907 0000")
    reader = Reader(deflate=True)
    data = frame(0xC1, final) + frame(0xC1, final) + frame(0xC1, deflated(b"Hello"))
    assert reader.feed(data) == [Message(TEXT, b"Hello")] * 3
    assert reader.broken is None


def test_nothing_may_follow_a_final_block() -> None:
    reader = Reader(deflate=True)
    assert reader.feed(frame(0xC1, deflated(b"Hello", zlib.Z_FINISH) + b"\0more")) == []
    assert reader.broken == "a message goes on behind its final block"


@pytest.mark.parametrize("resets", [False, True])
def test_the_window_is_kept_or_not(resets: bool) -> None:
    """A message that refers back to an earlier one reads only where the window was kept."""
    compress = zlib.compressobj(wbits=-15)
    frames = b""
    for _ in range(2):
        raw = compress.compress(b"incompressible 8f3a") + compress.flush(zlib.Z_SYNC_FLUSH)
        frames += frame(0xC1, raw.removesuffix(_TAIL))
    reader = Reader(deflate=True, resets=resets)
    found = reader.feed(frames)
    assert found[0] == Message(TEXT, b"incompressible 8f3a")
    assert (len(found) == 2) is not resets
    assert reader.broken == ("a message does not decompress" if resets else None)


def test_uncompressed_messages_between_compressed_ones() -> None:
    reader = Reader(deflate=True)
    data = frame(0xC1, deflated(b"one")) + frame(0x81, b"two")
    assert reader.feed(data) == [Message(TEXT, b"one"), Message(TEXT, b"two")]


def test_decompression_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb of a few bytes is given up, not unpacked."""
    monkeypatch.setattr(websocket, "_MAX_MESSAGE", 1000)
    exact = Reader(deflate=True)
    assert exact.feed(frame(0xC2, deflated(b"\0" * 1000))) == [Message(BINARY, b"\0" * 1000)]
    for bomb in (b"\0" * 1001, b"\0" * 100_000):
        packed = deflated(bomb)
        assert len(packed) < 126
        reader = Reader(deflate=True)
        assert reader.feed(frame(0xC2, packed)) == []
        assert reader.broken == "a message is larger than 256 MiB"


def test_a_bomb_is_not_unpacked_first() -> None:
    """16 MiB in 16 kB, and no more room than the bound in memory while it is read."""
    tracemalloc.start()
    bomb = deflated(b"\0" * (16 << 20))
    reader = Reader(deflate=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(websocket, "_MAX_MESSAGE", 1 << 20)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        reader.feed(frame(0xC2, bomb, length=b"\x7f" + len(bomb).to_bytes(8)))
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reader.broken == "a message is larger than 256 MiB"
    assert peak - before < 8 << 20


@pytest.mark.parametrize(
    "data",
    [
        frame(0x82, length=b"\x7e\x03\xe9"),
        frame(0x82, length=b"\x7f\x7f" + b"\xff" * 7),
        frame(0x82, length=b"\x7f\x80" + b"\0" * 7),
        (frame(0x02, b"a" * 100) + frame(0x00, b"a" * 100) * 9 + frame(0x00, b"a")),
    ],
)
def test_messages_are_bounded(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """An announced length is refused before it is waited for; so are fragments without an end."""
    monkeypatch.setattr(websocket, "_MAX_MESSAGE", 1000)
    reader = Reader()
    assert reader.feed(data) == []
    assert reader.broken in ("a frame is larger than 256 MiB", "a message is larger than 256 MiB")


def test_the_bound() -> None:
    assert websocket._MAX_MESSAGE == 256 << 20
    reader = Reader()
    assert reader.feed(frame(0x82, length=b"\x7f" + (256 << 20).to_bytes(8))) == []
    assert reader.broken is None


# What was agreed on, and close codes.

_NAME = b"Sec-WebSocket-Extensions"


@pytest.mark.parametrize(
    ("headers", "agreed"),
    [
        ((), None),
        (((b"X", b"permessage-deflate"),), None),
        (((_NAME, b""),), None),
        (((_NAME, b"x-permessage-deflate-like; a=permessage-deflate"),), None),
        (((_NAME, b"permessage-deflate"),), Deflate(False, False)),
        (((b"sec-websocket-extensions", b"Permessage-Deflate"),), Deflate(False, False)),
        (
            ((_NAME, b"permessage-deflate; client_no_context_takeover"),),
            Deflate(client_resets=True, server_resets=False),
        ),
        (
            (
                (
                    _NAME,
                    b"foo, permessage-deflate ;server_no_context_takeover;client_max_window_bits=9",
                ),
            ),
            Deflate(client_resets=False, server_resets=True),
        ),
        (
            (
                (_NAME, b"foo; server_no_context_takeover"),
                (_NAME, b"permessage-deflate; client_no_context_takeover"),
            ),
            Deflate(client_resets=True, server_resets=False),
        ),
    ],
)
def test_agreed_deflate(headers: Headers, agreed: Deflate | None) -> None:
    assert agreed_deflate(headers) == agreed


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", 1005), (b"\x03", 1005), (b"\x03\xe8", 1000), (b"\x0f\xa0why", 4000)],
)
def test_close_code(data: bytes, code: int) -> None:
    assert websocket.close_code(data) == code
