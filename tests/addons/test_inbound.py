import asyncio

import pytest

from addons.inbound import Inbound
from tests.addons.conftest import OK, Proxy, Reader, Writer


@pytest.mark.parametrize("takes", [True, False])
async def test_what_the_lane_takes_does_not_come_to_the_reader(takes: bool) -> None:
    reader = asyncio.StreamReader()
    taken: list[bytes] = []

    def take(data: bytes) -> bool:
        taken.append(data)
        return takes

    inbound = Inbound(asyncio.StreamReaderProtocol(reader), reader, take)
    inbound.data_received(b"a")
    inbound.eof_received()
    assert taken == [b"a"]
    assert await reader.read() == (b"" if takes else b"a")


async def test_what_came_before_is_read_before() -> None:
    reader = asyncio.StreamReader()
    stream = asyncio.StreamReaderProtocol(reader)
    taken: list[bytes] = []

    def take(data: bytes) -> bool:
        taken.append(data)
        return True

    inbound = Inbound(stream, reader, take)
    stream.data_received(b"a")
    inbound.data_received(b"b")
    assert await reader.read(9) == b"ab"
    inbound.data_received(b"c")
    assert taken == [b"c"]


async def test_a_large_upload_waits_for_an_upstream_that_does_not_read(proxy: Proxy) -> None:
    size, go = 16 * 1024 * 1024, asyncio.Event()

    async def slow(head: bytes, reader: Reader, writer: Writer) -> bool:
        await go.wait()
        await reader.readexactly(size)
        writer.write(OK)
        return True

    async def send(writer: Writer) -> None:
        for _ in range(size >> 16):
            writer.write(bytes(1 << 16))
            await writer.drain()

    proxy.upstream.play = slow
    reader, writer = await proxy.tunnel()
    writer.write(b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size)
    sending = asyncio.ensure_future(send(writer))
    async with asyncio.timeout(20):
        while not proxy.upstream.heads:  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)
    (tx,) = proxy.engine._open
    taken = -1
    while tx.size != taken:  # until nothing more is taken
        taken = tx.size
        for _ in range(50):
            await asyncio.sleep(0)
    assert taken < size
    assert not sending.done()
    go.set()
    async with asyncio.timeout(20):
        assert await reader.readexactly(len(OK)) == OK
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert len(exchange.request_body.data) == size
