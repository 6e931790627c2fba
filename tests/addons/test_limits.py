import asyncio
import ssl
import time

import pytest

from addons.limits import ClientLimits
from proxy.core.model import End
from tests.addons.conftest import OK, Proxy, Reader, Writer
from tests.addons.test_connect import connect
from tests.addons.test_fast_lane import HEAD, answer

IDLE = 1000


def limit(proxy: Proxy, limits: ClientLimits) -> None:
    proxy.interceptor._limits = proxy.interceptor._layers.limits = limits


@pytest.mark.parametrize("secure", [True, False])
async def test_a_head_that_does_not_come_whole_is_refused_in_time(
    proxy: Proxy, secure: bool
) -> None:
    limit(proxy, ClientLimits(head=0.05))
    reader, writer = await (proxy.tunnel() if secure else proxy.connect())
    writer.write(HEAD)
    said = await reader.read()
    assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"its head did not come whole in 0.05 s" in said
    writer.close()


async def test_patience_is_for_one_head_and_not_for_its_body(proxy: Proxy) -> None:
    limit(proxy, ClientLimits(head=0.05))
    reader, writer = await proxy.tunnel()
    for size in (1, 0):
        writer.write(HEAD)
        await writer.drain()
        writer.write(b"Content-Length: %d\r\n\r\n" % size)
        async with asyncio.timeout(20):
            while len(proxy.upstream.heads) < 2 - size:  # noqa: ASYNC110 - nobody sets an event
                await asyncio.sleep(0.06)  # longer than a head may take
        writer.write(b"x" * size)
        assert await answer(reader) == OK
    writer.close()


async def test_a_head_has_a_size(proxy: Proxy) -> None:
    limit(proxy, ClientLimits(head_bytes=1000))
    reader, writer = await proxy.tunnel()
    writer.write(HEAD + b"X: " + b"y" * 2000)
    assert b"the head is longer than 1000 bytes" in await reader.read()
    writer.close()


async def test_before_the_first_head_there_is_a_limit_too(proxy: Proxy) -> None:
    silent, waiting = await proxy.connect()
    begun, writer = await proxy.connect()
    writer.write(b"CONNECT a.test:443 HTTP/1.1\r\n")
    tunnel, inside = await connect(proxy, 1)
    inside.write(b"\x16\x03\x01\x02")  # TLS that goes no further
    await asyncio.sleep(0)
    proxy.interceptor.sweep(time.time() + 59)
    assert not any(each.at_eof() for each in (silent, begun, tunnel))
    proxy.interceptor.sweep(time.time() + 61)
    for reader in (silent, begun, tunnel):
        assert await reader.read() == b""
    for each in (waiting, writer, inside):
        each.close()
    assert await proxy.exchanges() == []


async def test_a_handshake_that_we_break_off_is_not_said_to_be_the_clients_doing(
    proxy: Proxy,
) -> None:
    reader, writer = await connect(proxy, 1)
    hello = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="a.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    writer.write(hello.read())
    assert await reader.read(1)  # it is shown the certificate
    proxy.interceptor.sweep(time.time() + 61)
    await reader.read()
    writer.close()
    async with asyncio.timeout(20):
        while proxy.interceptor._handlers:  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)
    assert await proxy.exchanges() == []


async def test_between_requests_a_client_may_be_quiet_for_long_but_not_for_ever(
    proxy: Proxy,
) -> None:
    reader, writer = await proxy.tunnel()
    for later in (11, 599):
        writer.write(HEAD + b"\r\n")
        assert await answer(reader) == OK
        proxy.interceptor.sweep(time.time() + later)
    writer.write(HEAD + b"\r\n")
    assert await answer(reader) == OK
    proxy.interceptor.sweep(time.time() + 601)
    assert await reader.read() == b""
    writer.close()


async def test_an_answer_is_waited_for_however_long_it_takes(proxy: Proxy) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        asked.set()
        await go.wait()
        writer.write(OK)
        return True

    proxy.upstream.play = play
    reader, writer = await proxy.tunnel()
    writer.write(HEAD + b"\r\n")
    await asked.wait()
    proxy.interceptor.sweep(time.time() + 10_000)
    go.set()
    assert await answer(reader) == OK
    writer.close()
    assert [one.end for one in await proxy.exchanges()] == [End.COMPLETE]


async def test_a_thousand_idle_connections_leave_a_normal_call_alone(proxy: Proxy) -> None:
    idle = [await proxy.connect() for _ in range(IDLE)]
    for _, writer in idle[::2]:
        writer.write(b"GET http://a.test/ HTTP/1.1\r\nX: ")
    reader, writer = await proxy.tunnel()
    began = time.monotonic()
    writer.write(HEAD + b"\r\n")
    assert await answer(reader) == OK
    took = time.monotonic() - began
    writer.close()
    proxy.interceptor.sweep(time.time() + 61)
    silent = idle[1::2]
    assert [await reader.read() for reader, _ in silent] == [b""] * len(silent)
    for _, each in idle:
        each.close()
    assert took < 2.5  # a quarter of a second, on a machine that is not ten times too slow
