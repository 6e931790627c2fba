import asyncio

import pytest

from proxy.core.decisions import Decision, Serve
from proxy.core.model import End, Exchange, Frame, Own, RequestHead, ResponseHead
from proxy.engine.endings import break_off
from proxy.engine.recorder import Tx
from proxy.servers.client import HIGH_WATER
from proxy.servers.gateway_lane import Lane
from tests.servers.conftest import Place, Reader, Writer

GET = b"GET /mine/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
ASKED = (
    b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
GOODBYE = b"\x88\x82\0\0\0\0\x03\xe8"
SAID = (
    Frame(20, False, 1, b"hello"),
    Frame(30, True, 1, b"me"),
    Frame(40, False, 1, b"you"),
    Frame(50, True, 8, b"\x03\xe8"),
    Frame(60, False, 8, b"\x03\xe8"),
)
RECORDED = Exchange(
    id="then",
    run_id="r",
    seq=1,
    via="forward",
    started_at=0.0,
    request=RequestHead("GET", "https", "localhost", 443, "/x"),
    response=ResponseHead(101, "Switching Protocols", headers=((b"Upgrade", b"websocket"),)),
    frames=SAID,
    ended_us=3_000,
)


class Playback:
    """Answers every request with the recorded conversation."""

    def __init__(self, pace: float = 0.0) -> None:
        self.pace = pace

    def wants(self, own: Own) -> bool:
        return True

    def may_dial(self, host: str) -> bool:
        return False

    def decide_at_once(self, tx: Tx) -> Decision:
        return Serve(RECORDED, self.pace)

    async def decide(self, tx: Tx) -> Decision:
        return self.decide_at_once(tx)


async def converse(reader: Reader, writer: Writer) -> None:
    """A client's part."""
    async with asyncio.timeout(20):
        await reader.readuntil(b"\x81\x05hello")
        writer.write(b"\x81\x82\0\0\0\0me")
        assert await reader.readexactly(5) == b"\x81\x03you"
        writer.write(GOODBYE)
        assert await reader.read() == b"\x88\x02\x03\xe8"


async def test_both_directions_go_on_as_they_come_and_messages_are_noted(place: Place) -> None:
    heads: list[bytes] = []

    async def play(reader: Reader, writer: Writer) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(SWITCH + b"\x81\x05hello")
        assert await reader.readexactly(8) == b"\x81\x82\0\0\0\0me"
        writer.write(b"\x81\x03you")
        assert await reader.readexactly(8) == GOODBYE
        writer.write(b"\x88\x02\x03\xe8")

    ended: list[Exchange] = []
    place.served.engine.on_finish.append(ended.append)
    await place.upstream(play)
    reader, writer = await place.client()
    writer.write(GET + ASKED)
    await converse(reader, writer)
    assert heads[0].endswith(ASKED)
    (exchange,) = ended
    assert (exchange.end, exchange.error) == (End.COMPLETE, None)
    assert [frame[1:] for frame in exchange.frames] == [frame[1:] for frame in SAID]


async def test_a_reset_of_the_upstream_is_passed_on(place: Place) -> None:
    async def play(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCH + b"\x81\x05hello")
        assert await reader.readexactly(8) == b"\x81\x82\0\0\0\0me"
        break_off(writer.transport)

    ended: list[Exchange] = []
    place.served.engine.on_finish.append(ended.append)
    await place.upstream(play)
    reader, writer = await place.client()
    writer.write(GET + ASKED)
    async with asyncio.timeout(20):
        await reader.readuntil(b"\x81\x05hello")
        writer.write(b"\x81\x82\0\0\0\0me")
        with pytest.raises(ConnectionResetError):
            await reader.read()
    assert [one.end for one in ended] == [End.UPSTREAM_RESET]


async def test_what_was_not_asked_for_is_no_socket(place: Place) -> None:
    async def play(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCH)

    ended: list[Exchange] = []
    place.served.engine.on_finish.append(ended.append)
    await place.upstream(play)
    reader, writer = await place.client()
    writer.write(GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    async with asyncio.timeout(20):
        assert await reader.read() == b""
    assert [one.end for one in ended] == [End.UPSTREAM_INVALID]


async def test_a_recorded_conversation_is_played_to_a_client_that_takes_part(place: Place) -> None:
    ended: list[Exchange] = []
    place.served.engine.on_finish.append(ended.append)
    place.served.engine.replays = Playback()
    await place.upstream(converse)
    reader, writer = await place.client()
    writer.write(GET + ASKED)
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
    await converse(reader, writer)
    (exchange,) = ended
    assert exchange.end is End.COMPLETE
    assert [frame[1:] for frame in exchange.frames] == [frame[1:] for frame in SAID]


async def test_a_client_that_leaves_a_recorded_conversation_has_gone(place: Place) -> None:
    ended: asyncio.Queue[Exchange] = asyncio.Queue()
    place.served.engine.on_finish.append(ended.put_nowait)
    place.served.engine.replays = Playback()
    await place.upstream(converse)
    reader, writer = await place.client()
    writer.write(GET + ASKED)
    async with asyncio.timeout(20):
        await reader.readuntil(b"\x81\x05hello")
        writer.transport.abort()
        assert (await ended.get()).end is End.CLIENT_GONE


@pytest.mark.parametrize("replays", [False, True])
@pytest.mark.parametrize(
    "said", [b"Origin: http://evil.example", b"Origin: null", b"Sec-Fetch-Site: cross-site"]
)
async def test_a_page_of_another_site_opens_none(
    place: Place, said: bytes, *, replays: bool
) -> None:
    """Its browser would let it read what comes: there is no CORS for WebSockets."""
    reached: list[bytes] = []

    async def play(reader: Reader, writer: Writer) -> None:
        reached.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(SWITCH)

    if replays:
        place.served.engine.replays = Playback()
    ended: list[Exchange] = []
    place.served.engine.on_finish.append(ended.append)
    await place.upstream(play)
    reader, writer = await place.client()
    writer.write(GET + said + b"\r\n" + ASKED)
    async with asyncio.timeout(20):
        assert (await reader.read()).startswith(b"HTTP/1.1 403 ")
    assert (reached, ended) == ([], [])


async def test_who_asks_for_no_socket_is_played_none(place: Place) -> None:
    ended: list[Exchange] = []
    place.served.engine.on_finish.append(ended.append)
    place.served.engine.replays = Playback()
    await place.upstream(converse)
    reader, writer = await place.client()
    writer.write(GET + b"\r\n")
    async with asyncio.timeout(20):
        assert (await reader.readline()).startswith(b"HTTP/1.1 502 ")
    assert [one.end for one in ended] == [End.UPSTREAM_INVALID]


async def test_a_client_that_does_not_wait_for_its_turn_is_not_read_on(place: Place) -> None:
    place.served.engine.replays = Playback(pace=1e9)
    await place.upstream(converse)
    _reader, writer = await place.client()
    writer.write(GET + ASKED + bytes(16 * HIGH_WATER))
    lanes = place.served.site.gateway.open
    async with asyncio.timeout(20):
        while not lanes or any(lane._transport.is_reading() for lane in lanes):  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)
    (lane,) = lanes
    assert isinstance(lane, Lane)
    assert len(lane._input) <= 3 * HIGH_WATER


async def test_a_message_larger_than_what_is_read_at_once_is_heard(place: Place) -> None:
    place.served.engine.replays = Playback()
    await place.upstream(converse)
    reader, writer = await place.client()
    writer.write(GET + ASKED)
    size = 8 * HIGH_WATER
    async with asyncio.timeout(20):
        await reader.readuntil(b"\x81\x05hello")
        writer.write(b"\x82\xff" + size.to_bytes(8) + bytes(4 + size))
        assert await reader.readexactly(5) == b"\x81\x03you"
