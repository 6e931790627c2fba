from proxy.core.model import End
from tests.addons.conftest import Proxy, Reader, Writer

HEAD = b"GET /x HTTP/1.1\r\nHost: localhost\r\n"


async def test_after_an_upgrade_bytes_are_relayed_and_messages_noted(proxy: Proxy) -> None:
    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi")
        assert await reader.readexactly(8) == b"\x81\x82\0\0\0\0yo"
        writer.write(b"\x88\x02\x03\xe8")
        await reader.readexactly(8)
        return False

    proxy.upstream.play = play
    reader, writer = await proxy.tunnel()
    writer.write(HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    await reader.readuntil(b"\x81\x02hi")
    writer.write(b"\x81\x82\0\0\0\0yo")
    assert await reader.readexactly(4) == b"\x88\x02\x03\xe8"
    writer.write(b"\x88\x82\0\0\0\0\x03\xe8")
    await reader.read()
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert exchange.end is End.COMPLETE
    assert [frame[1:] for frame in exchange.frames] == [
        (False, 1, b"hi"),
        (True, 1, b"yo"),
        (False, 8, b"\x03\xe8"),
        (True, 8, b"\x03\xe8"),
    ]
