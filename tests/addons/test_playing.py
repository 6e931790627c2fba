import asyncio
import contextlib
from dataclasses import replace

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamReset, TrailersReceived

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


async def test_conversations_are_not_played_to_a_client_that_asks_for_none(proxy: Proxy) -> None:
    then = recorded(ResponseHead(101, "Switching Protocols", headers=((b"Upgrade", b"websocket"),)))
    proxy.engine.replays = Playback(then)
    reader, writer = await proxy.tunnel()
    writer.write(GET)
    async with asyncio.timeout(20):
        assert (await reader.readline()).startswith(b"HTTP/1.1 502 ")
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert exchange.end is End.UPSTREAM_INVALID


SAID = ResponseHead(200, "OK", headers=((b"Content-Type", b"application/grpc"),))
ALONE = ResponseHead(200, "OK", headers=((b"Grpc-Status", b"5"),))
WITH_TRAILERS = replace(recorded(SAID, b"ab"), response_body=Body(b"ab", (), ((b"x-t", b"1"),)))
HTTP2 = {
    "whole": (recorded(SAID, b"ab"), ["ResponseReceived", "ab", "StreamEnded"]),
    "with trailers": (
        WITH_TRAILERS,
        ["ResponseReceived", "ab", "TrailersReceived x-t: 1", "StreamEnded"],
    ),
    "a head alone": (recorded(ALONE), ["ResponseReceived", "StreamEnded"]),
    "cut off": (
        recorded(SAID, b"ab", end=End.UPSTREAM_TRUNCATED),
        ["ResponseReceived", "ab", "StreamReset 2"],
    ),
    "cut off behind its head": (
        recorded(SAID, end=End.UPSTREAM_RESET),
        ["ResponseReceived", "StreamReset 2"],
    ),
    "left by the client": (recorded(SAID, b"ab", end=End.CLIENT_GONE), ["ResponseReceived", "ab"]),
    "no answer in its time": (replace(recorded(SAID, end=End.CLIENT_GONE), response=None), []),
    "interrupted": (
        replace(recorded(SAID, end=End.INTERRUPTED), response=None),
        ["StreamReset 2"],
    ),
}


def heard(event: Event) -> str:
    if isinstance(event, ResponseReceived):
        names = [name for name, _ in event.headers or ()]
        assert b"content-length" not in names, "there was none"
    if isinstance(event, TrailersReceived):
        return (
            "TrailersReceived "
            + b", ".join(b"%b: %b" % (name, value) for name, value in event.headers or ()).decode()
        )
    if isinstance(event, StreamReset):
        return f"StreamReset {int(event.error_code)}"
    return event.data.decode() if isinstance(event, DataReceived) else type(event).__name__


@pytest.mark.parametrize(("then", "expected"), HTTP2.values(), ids=HTTP2)
async def test_answers_are_played_over_http2(
    proxy: Proxy, then: Exchange, expected: list[str]
) -> None:
    proxy.engine.replays = Playback(then)
    ended: list[Exchange] = []
    proxy.engine.on_finish.append(ended.append)
    reader, writer = await proxy.tunnel("h2")
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    asked = [(":method", "GET"), (":path", "/x"), (":authority", "a"), (":scheme", "https")]
    client.send_headers(1, asked, end_stream=True)
    client.ping(b"12345678")
    writer.write(client.data_to_send())
    found: list[str] = []
    async with asyncio.timeout(20):
        while found != expected or proxy.engine._open:
            events = client.receive_data(await reader.read(65536))
            mine = [heard(event) for event in events if getattr(event, "stream_id", None) == 1]
            found += [one for one in mine if one]  # an end may be an empty piece
            if found == expected:
                client.ping(b"12345678")
            writer.write(client.data_to_send())
        while not (ended or proxy.engine._open):  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)
    if then.end is End.CLIENT_GONE:
        client.reset_stream(1)
        writer.write(client.data_to_send())
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert (exchange.end, exchange.response) == (then.end, then.response)
    assert exchange.response_body.data == then.response_body.data
    assert exchange.response_body.trailers == then.response_body.trailers
