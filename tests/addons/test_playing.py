import asyncio
import contextlib

import pytest

from proxy.core.decisions import Decision, Serve
from proxy.core.model import Body, End, Exchange, Frame, Own, Part, RequestHead, ResponseHead
from proxy.engine.recorder import Tx
from tests.addons.conftest import Proxy

GET = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = GET[:-2] + (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Playback:
    """Answers every request with `exchange`."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def wants(self, own: Own) -> bool:
        return True

    def may_dial(self, host: str) -> bool:
        return False

    def decide_at_once(self, tx: Tx) -> Decision:
        return Serve(self.exchange)

    async def decide(self, tx: Tx) -> Decision:
        return self.decide_at_once(tx)


def recorded(head: ResponseHead, *pieces: bytes, end: End = End.COMPLETE) -> Exchange:
    return Exchange(
        id="then",
        run_id="r",
        seq=1,
        via="forward",
        started_at=0.0,
        request=RequestHead("GET", "https", "localhost", 443, "/x"),
        response=head,
        response_body=Body(b"".join(pieces), tuple(Part(9, len(piece)) for piece in pieces)),
        end=end,
        first_byte_us=6,
        ended_us=3_000,
    )


STREAM = ResponseHead(200, "OK", headers=((b"X-Odd", b"1"), (b"Transfer-Encoding", b"chunked")))


@pytest.mark.parametrize(
    ("end", "tail", "then"),
    [
        (End.COMPLETE, b"0\r\n\r\n", None),
        (End.UPSTREAM_TRUNCATED, b"", End.UPSTREAM_TRUNCATED),
    ],
)
async def test_answers_are_played_as_they_were_broken_ones_too(
    proxy: Proxy, end: End, tail: bytes, then: End | None
) -> None:
    proxy.engine.replays = Playback(recorded(STREAM, b"one", b"two", end=end))
    reader, writer = await proxy.tunnel()
    for _ in range(2 if then is None else 1):  # a connection that is well is kept
        writer.write(GET)
        async with asyncio.timeout(20):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\nX-Odd: 1\r\n")
            played = b"3\r\none\r\n3\r\ntwo\r\n" + tail
            assert await reader.readexactly(len(played)) == played
    if then is not None:
        with contextlib.suppress(ConnectionError):  # it may be told of the break, or see the end
            assert await reader.read() == b""
    writer.close()
    exchanges = await proxy.exchanges()
    assert {exchange.end for exchange in exchanges} == {then or End.COMPLETE}
    assert {exchange.response_body.data for exchange in exchanges} == {b"onetwo"}
    assert proxy.upstream.heads == []


async def test_conversations_are_played_to_a_client_that_takes_part(proxy: Proxy) -> None:
    then = recorded(ResponseHead(101, "Switching Protocols", headers=((b"Upgrade", b"websocket"),)))
    then.frames = (
        Frame(20, False, 1, b"hello"),
        Frame(30, True, 1, b"me"),
        Frame(40, False, 1, b"you"),
        Frame(50, True, 8, b"\x03\xe8"),
        Frame(60, False, 8, b"\x03\xe8"),
    )
    proxy.engine.replays = Playback(then)
    reader, writer = await proxy.tunnel()
    writer.write(UPGRADE)
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
        assert await reader.readexactly(7) == b"\x81\x05hello"
        writer.write(b"\x81\x82\0\0\0\0me")
        assert await reader.readexactly(5) == b"\x81\x03you"
        writer.write(b"\x88\x82\0\0\0\0\x03\xe8")
        assert await reader.read() == b"\x88\x02\x03\xe8"
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert exchange.end is End.COMPLETE
    assert [frame[1:] for frame in exchange.frames] == [frame[1:] for frame in then.frames]
