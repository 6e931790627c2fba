import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from addons.limits import ClientLimits
from proxy.core.model import End
from tests.addons.conftest import OK, Proxy, Reader, Writer
from tests.addons.test_fast_lane import HEAD, answer
from tests.core.test_http1 import CONNECTS

AT_ONCE = ClientLimits(silence=0.0)


@asynccontextmanager
async def greeter() -> AsyncIterator[int]:
    """A server that speaks first, as SSH and databases do, and says what it hears in capitals."""

    async def serve(reader: Reader, writer: Writer) -> None:
        writer.write(b"220 hello\r\n")
        while data := await reader.read(100):
            writer.write(data.upper())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def connect(proxy: Proxy, port: int) -> tuple[Reader, Writer]:
    """An open tunnel to a port of this machine."""
    reader, writer = await proxy.connect()
    writer.write(b"CONNECT localhost:%d HTTP/1.1\r\nHost: a\r\n\r\n" % port)
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connection established\r\n\r\n"
    return reader, writer


BAD = [data for data, found in CONNECTS.items() if isinstance(found, str) and data[:1] == b"C"]


async def test_a_malformed_connect_is_refused_with_a_reason(proxy: Proxy) -> None:
    for data in BAD:
        for pieces in ([data], [data[:20], data[20:]]):
            reader, writer = await proxy.connect()
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            said = await reader.read()
            assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n"), data
            assert b"the request was refused: " in said
            writer.close()
    assert await proxy.exchanges() == []


async def test_an_endless_connect_and_tls_to_the_proxy_are_refused(proxy: Proxy) -> None:
    for data in (b"CONNECT " + b"a" * 300_000, b"\x16\x03\x01\x02\x00\x01\x00\x01"):
        reader, writer = await proxy.connect()
        writer.write(data)
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()


async def test_what_comes_with_the_connect_is_the_tunnels(proxy: Proxy) -> None:
    reader, writer = await proxy.connect()
    connecting = b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % proxy.upstream.port
    writer.write(connecting + HEAD + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    assert await answer(reader) == OK
    writer.close()


async def test_a_server_that_speaks_first_is_heard(proxy: Proxy) -> None:
    proxy.interceptor._layers.limits = AT_ONCE
    async with greeter() as port:
        reader, writer = await connect(proxy, port)
        assert await reader.readline() == b"220 hello\r\n"
        writer.write(b"ehlo\n")
        assert await reader.readline() == b"EHLO\n"
        writer.close()
        (exchange,) = await proxy.exchanges()
    assert exchange.request.url == f"tcp://localhost:{port}"
    assert (exchange.lane, exchange.end) == ("tunnel", End.COMPLETE)
    assert exchange.notes == (
        "a tunnel that was not opened: it is neither HTTP nor TLS; 5 bytes sent, 16 received",
    )


async def test_a_client_that_only_thinks_for_long_is_opened_all_the_same(proxy: Proxy) -> None:
    proxy.interceptor._layers.limits = AT_ONCE
    reader, writer = await connect(proxy, proxy.upstream.port)
    async with asyncio.timeout(20):
        while not proxy.upstream.connections:  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)
    writer.write(HEAD + b"\r\n")
    assert await answer(reader) == OK
    assert proxy.upstream.connections == 2
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert (exchange.lane, exchange.end) == ("fast", End.COMPLETE)


async def test_a_silent_client_of_nobody_is_told(proxy: Proxy) -> None:
    proxy.interceptor._layers.limits = AT_ONCE
    reader, writer = await connect(proxy, 1)
    assert await reader.read() == b""
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert (exchange.lane, exchange.end) == ("tunnel", End.UPSTREAM_REFUSED)
    assert "refused the connection" in (exchange.error or "")


async def test_a_client_that_leaves_before_it_says_anything(proxy: Proxy) -> None:
    for data in (b"", b"CONNECT", b"CONNECT a.test:443 HTTP/1.1\r\n"):
        _, writer = await proxy.connect()
        writer.write(data)
        writer.close()
    _, writer = await connect(proxy, 1)
    writer.close()
    async with asyncio.timeout(20):
        while proxy.interceptor._handlers:  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)
    assert await proxy.exchanges() == []
