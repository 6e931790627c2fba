import asyncio
import logging
import socket

import pytest

from addons.handler import hook_table
from tests.addons.conftest import OK, Proxy, Reader, Writer


class First:
    def request(self, flow: object) -> None: ...


class Second:
    def request(self, flow: object) -> None: ...

    def error(self, flow: object) -> None: ...


def test_hooks_go_to_the_addons_in_their_order() -> None:
    first, second = First(), Second()
    table = hook_table([first, second], ["request", "error", "response"])
    assert table == {"request": [first.request, second.request], "error": [second.error]}


async def test_an_addon_that_fails_does_not_harm_the_traffic(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_flow: object) -> None:
        raise ValueError("a bug")

    table = dict(proxy.interceptor._table)
    proxy.interceptor._table = {**table, "next_layer": [broken, *table["next_layer"]]}
    with caplog.at_level(logging.ERROR):
        reader, writer = await proxy.tunnel()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await reader.readexactly(len(OK)) == OK
    writer.close()
    assert "next_layer failed" in caplog.text


UPGRADE = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\n"


def small_buffers(some: socket.socket) -> None:
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        some.setsockopt(socket.SOL_SOCKET, option, 1 << 16)


@pytest.mark.parametrize(("way", "megabytes"), [("upgraded", 4), ("opaque", 12)])
async def test_a_client_that_sends_all_before_it_reads_is_not_stopped(
    proxy: Proxy, way: str, megabytes: int
) -> None:
    much = b"x" * (megabytes << 20)

    async def echo(_head: bytes, reader: Reader, writer: Writer) -> bool:
        if way == "upgraded":
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: own\r\n\r\n")
        small_buffers(writer.get_extra_info("socket"))
        left = len(much)
        while left:
            data = await reader.read(65536)
            left -= len(data)
            writer.write(data)  # as much as comes, whether it is taken or not
        await writer.drain()
        return False

    proxy.upstream.play = echo
    for server in proxy.interceptor._servers[proxy.port]:
        small_buffers(server.sockets[0])  # those that it accepts have them, too
    reader, writer = await (proxy.tunnel() if way == "upgraded" else proxy.connect())
    small_buffers(writer.get_extra_info("socket"))
    if way == "upgraded":
        writer.write(UPGRADE)
    else:
        writer.write(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % proxy.upstream.port)
    await reader.readuntil(b"\r\n\r\n")
    if way == "opaque":
        writer.write(b"neither TLS nor HTTP\r\n\r\n")
    async with asyncio.timeout(20):
        writer.write(much)
        await writer.drain()
        assert await reader.readexactly(len(much)) == much
    writer.close()
