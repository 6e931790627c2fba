import asyncio
import ssl

import pytest

from tests.addons.conftest import OK, Proxy, Reader, Writer


async def tunnel(proxy: Proxy) -> tuple[Reader, Writer]:
    reader, writer = await proxy.connect()
    writer.write(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % proxy.upstream.tls_port)
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_a_hello_may_come_in_pieces(proxy: Proxy) -> None:
    reader, writer = await tunnel(proxy)
    down, up = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=proxy.authority.cert_path)
    client = context.wrap_bio(down, up, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = up.read()
    for piece in (hello[:8], hello[8:50], hello[50:]):
        assert not reader._buffer, "the proxy has begun before it heard all"  # type: ignore[attr-defined]
        writer.write(piece)
        for _ in range(20):  # the pieces arrive one by one
            await asyncio.sleep(0)
    async with asyncio.timeout(20):
        while True:
            down.write(await reader.read(65536))
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(up.read())
        client.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        writer.write(up.read())
        got = b""
        while got != OK:
            down.write(await reader.read(65536))
            while down.pending:
                try:
                    got += client.read()
                except ssl.SSLWantReadError:
                    break
    writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\3\1\0\0\0\0\0",  # an empty record
        b"\x16\3\1\0\4\2\0\0\0",  # a ServerHello
        b"\x16\3\1\0\4\1\0\0\0",  # nothing in it
        b"\x16\3\1\0\x2a\1\0\0\x26\3\3" + bytes(32) + b"\xff\0\0\0",  # shorter than it says
    ],
)
async def test_what_is_no_hello_ends_the_connection(
    proxy: Proxy, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await tunnel(proxy)
    writer.write(data)
    async with asyncio.timeout(20):
        assert await reader.read() == b""
    writer.close()
    assert not caplog.records
    assert proxy.upstream.connections == 0
