"""Connections that mitmproxy's layers ask for: those of opaque tunnels here; see test_tunnel.py."""

import asyncio
import socket

from proxy.core.model import End
from tests.addons.conftest import Proxy


async def tunnelled(proxy: Proxy, port: int) -> bytes:
    """What comes back through a tunnel that is not opened; TLS is never begun in it."""
    reader, writer = await proxy.connect()
    writer.write(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n\r\n" % port)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x00hello")
    said = await reader.read(100)
    writer.close()
    return said


async def test_a_connection_is_served_to_its_end(proxy: Proxy) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(100))
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        said = await tunnelled(proxy, server.sockets[0].getsockname()[1])
    assert said == b"\x00hello"
    (exchange,) = await proxy.exchanges()
    assert exchange.end is End.COMPLETE


async def test_one_that_fails_has_a_sentence(proxy: Proxy) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        assert await tunnelled(proxy, port) == b""
    (exchange,) = await proxy.exchanges()
    assert exchange.end is End.UPSTREAM_REFUSED
    assert f"127.0.0.1:{port} refused the connection" in (exchange.error or "")
