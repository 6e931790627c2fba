"""A recorded WebSocket conversation, played to a client that wsproto plays."""

import json
from collections.abc import Sequence

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.connection import Connection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Ping,
    Pong,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from proxy.core.diff import Change
from proxy.core.model import End, Exchange, Frame, RequestHead, ResponseHead, header
from proxy.core.replay.conversation import Conversation, Say, is_conversation

BYE = b"\x03\xe8"
HELLO = Frame(
    10, True, 1, b'{"type":"hello","event_id":"0b0f4a5e-2a39-4c3a-9d0c-0d6f9a2f0e11","text":"hi"}'
)
WELCOME = Frame(1_000_020, False, 1, b'{"type":"welcome"}')
MORE = Frame(1_000_030, False, 1, b'{"type":"more"}')
CLOSES = (Frame(2_000_000, True, 8, BYE), Frame(2_000_010, False, 8, BYE))


def recorded(*frames: Frame, end: End = End.COMPLETE) -> Exchange:
    headers = (
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Accept", b"of another key"),
        (b"Sec-WebSocket-Extensions", b"permessage-deflate"),
    )
    return Exchange(
        id="x",
        run_id="r",
        seq=1,
        via="forward",
        started_at=0.0,
        request=RequestHead("GET", "wss", "a", 443, "/"),
        response=ResponseHead(101, "Switching Protocols", headers=headers),
        frames=frames,
        end=end,
        first_byte_us=6,
        ended_us=3_000_000,
    )


class Client:
    """A client that checks what it is sent, as wsproto does."""

    def __init__(self, *frames: Frame, pace: float = 0.0, end: End = End.COMPLETE) -> None:
        self.changes: list[Change] = []
        self.talk = Conversation(recorded(*frames, end=end), pace, self._differed)
        self.wire = WSConnection(ConnectionType.CLIENT)
        asked = self.wire.send(Request(host="a", target="/"))
        key = asked.lower().partition(b"sec-websocket-key: ")[2].partition(b"\r")[0]
        key = asked[asked.lower().index(key) : asked.lower().index(key) + len(key)]
        head = RequestHead("GET", "wss", "a", 443, "/", headers=((b"Sec-WebSocket-Key", key),))
        self.head = self.talk.head(head)
        self.ends: list[tuple[End, str | None]] = []
        self.delays: list[float] = []
        self.events: list[Event] = []
        self._take(list(self.talk.open()))

    def _differed(self, changes: Sequence[Change]) -> None:
        self.changes += changes

    def _take(self, said: Sequence[Say]) -> None:
        for one in said:
            self.delays.append(one.delay)
            if one.wire:
                self.wire.receive_data(one.wire)
                self.events += self.wire.events()
            if one.end is not None:
                self.ends.append((one.end, one.error))

    def say(self, event: Event) -> None:
        self.hear(self.wire.send(event))

    def hear(self, data: bytes) -> None:
        for _, said in self.talk.heard(data):
            self._take(said)

    @property
    def texts(self) -> list[str]:
        return [json.loads(e.data)["type"] for e in self.events if isinstance(e, TextMessage)]


def hello(**fields: object) -> TextMessage:
    said = {
        "event_id": "5c1e8c0a-7d3f-4b63-8f0b-9d2c1a4e7b22",
        "type": "hello",
        "text": "hi",
        **fields,
    }
    return TextMessage(data=json.dumps(said))


def test_each_side_speaks_in_its_turn() -> None:
    client = Client(HELLO, WELCOME, MORE, *CLOSES)
    assert isinstance(client.events[0], AcceptConnection)
    assert client.texts == []
    client.say(hello())
    assert client.texts == ["welcome", "more"]
    client.say(CloseConnection(code=1000))
    assert isinstance(client.events[-1], CloseConnection)
    assert client.ends == [(End.COMPLETE, None)]
    assert client.changes == []


def test_the_pace_is_kept() -> None:
    client = Client(HELLO, WELCOME, MORE, *CLOSES, pace=0.5)
    client.say(hello())
    assert client.delays == pytest.approx([0.000003, 0.500005, 0.000005])


def test_what_is_said_otherwise_is_a_difference() -> None:
    client = Client(HELLO, WELCOME, *CLOSES)
    client.say(hello(text="hi there"))
    assert [change.path for change in client.changes] == ["$.message[1].json.text"]
    client.say(CloseConnection(code=1001))
    assert client.changes[1] == Change("$.message[2]", "changed", "close 1000", "close 1001")


def test_messages_before_their_turn_wait_for_it() -> None:
    client = Client(WELCOME, HELLO, MORE, HELLO, *CLOSES)
    both = client.wire.send(hello()) + client.wire.send(hello())
    for at in range(len(both)):
        client.hear(both[at : at + 1])
    assert client.texts == ["welcome", "more"]
    assert not client.ends


def test_an_early_goodbye_is_returned_and_told() -> None:
    client = Client(HELLO, WELCOME, *CLOSES)
    client.say(CloseConnection(code=1000))
    assert isinstance(client.events[-1], CloseConnection)
    assert client.ends == [(End.COMPLETE, None)]
    assert client.changes == [Change("$.message[1]", "changed", "a message", "close 1000")]


def test_pings_are_answered() -> None:
    client = Client(HELLO, WELCOME, *CLOSES)
    client.say(Ping(payload=b"still there?"))
    assert client.events[-1] == Pong(payload=b"still there?")


def test_a_break_is_a_break_again() -> None:
    client = Client(HELLO, WELCOME, end=End.UPSTREAM_RESET)
    client.say(hello())
    assert [end for end, _ in client.ends] == [End.UPSTREAM_RESET]


def test_a_client_that_left_may_leave_again() -> None:
    client = Client(HELLO, WELCOME, end=End.CLIENT_GONE)
    client.say(hello())
    assert client.texts == ["welcome"]
    assert client.ends == []
    client.say(CloseConnection(code=1001))
    assert client.changes == []


def test_frames_that_are_none_end_it() -> None:
    client = Client(HELLO, WELCOME)
    client.hear(b"\x83\x80\0\0\0\0")
    assert [end for end, _ in client.ends] == [End.CLIENT_INVALID]


def test_the_extension_is_not_agreed_on() -> None:
    names = [name.lower() for name, _ in Client(HELLO).head.headers]
    assert names == [b"upgrade", b"connection", b"sec-websocket-accept"]


def test_what_is_a_conversation() -> None:
    assert is_conversation(recorded())
    assert not is_conversation(
        Exchange("x", "r", 1, "forward", 0.0, RequestHead("GET", "", "", 0, ""))
    )


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [
        ((b"permessage-deflate; client_max_window_bits",), b"permessage-deflate"),
        (
            (b"permessage-deflate; client_max_window_bits",),
            b"permessage-deflate; client_no_context_takeover",
        ),
        ((b"permessage-deflate",), None),  # another client's: what was agreed on may not suit it
        ((), None),
    ],
)
def test_compression_that_was_agreed_on_is_again(
    offered: tuple[bytes, ...], agreed: bytes | None
) -> None:
    name = b"Sec-WebSocket-Extensions"
    then = recorded(HELLO, WELCOME, HELLO, MORE, *CLOSES)
    first = (name, b"permessage-deflate; client_max_window_bits")
    then.request = RequestHead("GET", "wss", "a", 443, "/", headers=(first,))
    assert then.response is not None
    kept = tuple(pair for pair in then.response.headers if pair[0] != name)
    said = (*kept, (name, agreed or b"permessage-deflate"))
    then.response = ResponseHead(101, "Switching Protocols", headers=said)
    talk = Conversation(then, 0.0, None)
    headers = tuple((name, value) for value in offered)
    head = talk.head(RequestHead("GET", "wss", "a", 443, "/", headers=headers))
    assert header(head.headers, name.lower()) == agreed
    deflate = PerMessageDeflate()
    if agreed:
        deflate.finalize(agreed.decode())
    client = Connection(ConnectionType.CLIENT, [deflate] if agreed else [])
    list(talk.open())
    said_by: list[tuple[int, bytes] | None] = []
    for _ in range(2):
        for message, answered in talk.heard(client.send(hello())):
            said_by.append(message)
            for one in answered:
                client.receive_data(one.wire)
    assert [json.loads(message[1])["type"] for message in said_by if message] == ["hello", "hello"]
    types = [json.loads(e.data)["type"] for e in client.events() if isinstance(e, TextMessage)]
    assert types == ["welcome", "more"]
