"""Every way to fail, of either side, on every lane: exactly one finished record that says it."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import httpx
import pytest
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes

from proxy.core.model import End, Exchange
from proxy.engine.engine import Limits
from proxy.engine.router import parse
from tests.addons.conftest import OK, Play, Proxy, Reader, Writer, gateway_to
from tests.addons.test_slow_lane import http2

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def says(*pieces: bytes, then: str = "closes") -> Play:
    """An upstream that says these, and then closes, resets or hangs."""

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then == "hangs":
            await reader.read()
        elif then == "resets":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        elif then == "half-closes" and writer.can_write_eof():
            writer.write_eof()
            await reader.read()
        return then == "goes on"

    return play


class Fault(NamedTuple):
    """What the upstream does, how the record ends, its status and its body."""

    play: Play
    end: End
    status: int | None
    kept: bytes = b""


SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
TRAILERS = CHUNKED + b"2\r\nok\r\n0\r\nX-T: 1\r\n\r\n"
FAULTS = {
    "reset before the answer": Fault(says(then="resets"), End.UPSTREAM_RESET, None),
    "close before the answer": Fault(says(), End.UPSTREAM_RESET, None),
    "half a head": Fault(says(b"HTTP/1.1 200"), End.UPSTREAM_RESET, None),
    "no HTTP": Fault(says(b"SSH-2.0-x\r\n\r\n"), End.UPSTREAM_INVALID, None),
    "hang before the answer": Fault(says(then="hangs"), End.UPSTREAM_TIMEOUT, None),
    "hang in the answer": Fault(says(SHORT, then="hangs"), End.UPSTREAM_TIMEOUT, 200, b"half"),
    "reset in the answer": Fault(says(SHORT, then="resets"), End.UPSTREAM_RESET, 200),
    "short body": Fault(says(SHORT), End.UPSTREAM_TRUNCATED, 200, b"half"),
    "cut chunks": Fault(says(CHUNKED + b"2\r\nok\r\n"), End.UPSTREAM_TRUNCATED, 200, b"ok"),
    "bad chunk": Fault(says(CHUNKED + b"2\r\nok\r\nzz\r\n"), End.UPSTREAM_INVALID, 200, b"ok"),
    "half-close": Fault(says(OK, then="half-closes"), End.COMPLETE, 200, b"ok"),
    "until the close": Fault(says(b"HTTP/1.1 200 OK\r\n\r\nok"), End.COMPLETE, 200, b"ok"),
    "trailers": Fault(says(TRAILERS, then="goes on"), End.COMPLETE, 200, b"ok"),
}
# There mitmproxy's HTTP/1.1 client is at work, for a client that speaks HTTP/2: when the connection
# ends it takes what is there for the head, and a reset for a close.
SLOW = {
    "half a head": End.UPSTREAM_INVALID,
    "reset in the answer": End.UPSTREAM_TRUNCATED,
}


@pytest.fixture
async def gateway(proxy: Proxy) -> AsyncIterator[int]:
    async with gateway_to(proxy, f"http://127.0.0.1:{proxy.upstream.port}") as port:
        yield port


async def to_the_end(reader: Reader) -> None:
    """Reads until there is no more: what broke off above breaks off here."""
    with contextlib.suppress(ConnectionResetError):
        await reader.read()


async def by_tunnel(proxy: Proxy, gateway: int) -> None:
    reader, writer = await proxy.tunnel()
    writer.write(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    await to_the_end(reader)
    writer.close()


async def by_gateway(proxy: Proxy, gateway: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway)
    writer.write(b"GET /mine/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    await to_the_end(reader)
    writer.close()


async def by_http2(proxy: Proxy, gateway: int) -> None:
    async with http2(proxy) as client:
        with contextlib.suppress(httpx.HTTPError):
            await client.get(f"https://localhost:{proxy.upstream.tls_port}/x")


WAYS = {"tunnel": by_tunnel, "gateway": by_gateway, "http2": by_http2}


@pytest.mark.parametrize("way", WAYS)
async def test_upstreams(proxy: Proxy, gateway: int, way: str) -> None:
    finished: list[Exchange] = []
    proxy.engine.on_finish.append(finished.append)
    wrong: dict[str, object] = {}
    for name, fault in FAULTS.items():
        finished.clear()
        proxy.upstream.heads.clear()
        proxy.upstream.play = fault.play
        proxy.engine.limits = Limits()
        asking = asyncio.ensure_future(WAYS[way](proxy, gateway))
        if "hang" in name:
            await until(lambda: bool(proxy.upstream.heads))
            if fault.kept:
                await until(lambda: any(tx._response for tx in proxy.engine._open))
            proxy.engine.limits = Limits(response=0.0)
            await asyncio.sleep(0.002)  # it is quiet for longer than that
            proxy.engine.sweep()
        async with asyncio.timeout(20):
            await asking
        last = (await recorded(proxy, finished))[-1]
        end = SLOW.get(name, fault.end) if way == "http2" else fault.end
        status = last.response.status if last.response else None
        body = last.response_body.data
        if "reset" in name:  # which may overtake what was sent before it
            body = fault.kept
        seen = (len(finished), last.end, status, body, bool(last.error))
        if seen != (1, end, fault.status, fault.kept, end is not End.COMPLETE):
            wrong[name] = (seen, last.error)
    assert wrong == {}


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)


async def recorded(proxy: Proxy, finished: list[Exchange]) -> list[Exchange]:
    """What is stored of the runs that had anything, once all that is open has ended."""
    await proxy.exchanges()
    runs = {one.run_id for one in finished}
    return [one for run in runs for one in proxy.store.exchanges(run)]


POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
H2_POST = [
    (":method", "POST"),
    (":path", "/x"),
    (":authority", "a"),
    (":scheme", "https"),
    ("content-length", "9"),
]
BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"


class Leaving(NamedTuple):
    """What a client has sent, and what it has been sent, when it leaves."""

    sent: bytes
    answer: bytes = b""


STAGES = {
    "in its body": Leaving(POST + b"half"),
    "before the answer": Leaving(POST + b"all of it"),
    "in the answer": Leaving(POST + b"all of it", BEGUN),
}


@pytest.mark.parametrize("way", ["tunnel", "tunnel, no TLS", "gateway", "http2", "http2, reset"])
@pytest.mark.parametrize("stage", STAGES)
async def test_clients_that_leave(proxy: Proxy, gateway: int, way: str, stage: str) -> None:
    leaving = STAGES[stage]
    asked = asyncio.Event()
    finished: list[Exchange] = []
    proxy.engine.on_finish.append(finished.append)

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        writer.write(leaving.answer)
        asked.set()
        await reader.read()
        return False

    proxy.upstream.play = play
    sent = leaving.sent.partition(b"\r\n\r\n")[2]
    client = H2Connection(H2Configuration(client_side=True))
    if way == "gateway":
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway)
        writer.write(leaving.sent.replace(b" /x", b" /mine/x"))
    elif way == "tunnel":
        reader, writer = await proxy.tunnel()
        writer.write(leaving.sent)
    elif way == "tunnel, no TLS":  # as Node's fetch asks for http://
        reader, writer = await proxy.connect()
        writer.write(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % proxy.upstream.port)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(leaving.sent)
    else:
        reader, writer = await proxy.tunnel("h2")
        client.initiate_connection()
        client.send_headers(1, H2_POST)
        client.send_data(1, sent, end_stream=sent != b"half")
        writer.write(client.data_to_send())
    async with asyncio.timeout(20):
        await asked.wait()
        if leaving.answer:
            await reader.readuntil(b"half")
        else:
            await until(lambda: sent in {tx.request_bytes for tx in proxy.engine._open})
    if way == "http2, reset":
        client.reset_stream(1, ErrorCodes.CANCEL)
        writer.write(client.data_to_send())
    elif way == "tunnel, no TLS":
        writer.close()  # all that goes is the end of what it sends
    else:
        writer.transport.abort()
    (exchange,) = await recorded(proxy, finished)
    writer.close()
    assert len(finished) == 1
    assert exchange.end is End.CLIENT_GONE, exchange.error
    assert exchange.request_body.data == sent
    assert exchange.response_body.data == (b"half" if leaving.answer else b"")


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
HELLO = b"\x81\x02hi"  # a text message of a server's
CLOSE = b"\x88\x02\x03\xe8"
SOCKETS = {
    "reset": (says(SWITCH, HELLO, then="resets"), End.UPSTREAM_RESET),
    "close without a word": (says(SWITCH, HELLO), End.UPSTREAM_TRUNCATED),
    "half a frame": (says(SWITCH, HELLO, b"\x81\x7e\x01"), End.UPSTREAM_TRUNCATED),
    "goodbye": (says(SWITCH, HELLO, CLOSE), End.COMPLETE),
    "refused": (says(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), End.COMPLETE),
    "client gone": (says(SWITCH, HELLO, then="hangs"), End.CLIENT_GONE),
}


@pytest.mark.parametrize("way", ["tunnel", "gateway"])
@pytest.mark.parametrize("name", SOCKETS)
async def test_web_sockets(proxy: Proxy, gateway: int, name: str, way: str) -> None:
    proxy.upstream.play, end = SOCKETS[name]
    finished: list[Exchange] = []
    proxy.engine.on_finish.append(finished.append)
    if way == "gateway":
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway)
    else:
        reader, writer = await proxy.tunnel()
    writer.write(
        b"GET /mine/s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    )
    async with asyncio.timeout(20):
        if name == "client gone":
            await reader.readuntil(HELLO)
            writer.transport.abort()
        elif name == "refused":
            await reader.readuntil(b"\r\n\r\n")
        else:
            await to_the_end(reader)
    writer.close()
    (exchange,) = await recorded(proxy, finished)
    assert len(finished) == 1
    assert exchange.end is end, exchange.error
    messages = [frame.data for frame in exchange.frames if frame.opcode == 1]
    if name not in {"refused", "reset"}:  # a reset may overtake what was sent before it
        assert messages == [b"hi"]


@pytest.mark.parametrize("way", WAYS)
async def test_bad_certificates(proxy: Proxy, gateway: int, way: str) -> None:
    stranger = trustme.CA().issue_cert("localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    stranger.configure_cert(context)
    server = await asyncio.start_server(proxy.upstream.serve, "127.0.0.1", 0, ssl=context)
    proxy.upstream.tls_port = server.sockets[0].getsockname()[1]
    proxy.engine.router.named["mine"] = parse(f"https://localhost:{proxy.upstream.tls_port}")
    finished: list[Exchange] = []
    proxy.engine.on_finish.append(finished.append)
    await WAYS[way](proxy, gateway)
    server.close()
    (exchange,) = await recorded(proxy, finished)
    assert len(finished) == 1
    assert (exchange.end, exchange.response) == (End.UPSTREAM_TLS, None)
    assert proxy.upstream.heads == []
