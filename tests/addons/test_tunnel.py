import asyncio
import ssl

import pytest

from proxy.core.decisions import Decision, Refuse
from proxy.core.model import End, Own
from proxy.engine.recorder import Tx
from tests.addons.conftest import Proxy, Reader, Writer
from tests.addons.test_connect import connect


class Refusing:
    """A replay without any recording, which takes its time to say so."""

    def wants(self, own: Own) -> bool:
        return True

    def may_dial(self, host: str) -> bool:
        return False

    def decide_at_once(self, tx: Tx) -> None:
        return None

    async def decide(self, tx: Tx) -> Decision:
        return Refuse(424, (), b"", "miss", End.MISSED)


async def shout(head: bytes, reader: Reader, writer: Writer) -> bool:
    writer.write(head.upper())
    return False


async def test_bytes_pass_and_are_counted(proxy: Proxy) -> None:
    proxy.upstream.play = shout
    reader, writer = await connect(proxy, proxy.upstream.port)
    writer.write(b"\x01ab\r\n\r\n")
    assert await reader.read() == b"\x01AB\r\n\r\n"
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert exchange.end is End.COMPLETE
    assert exchange.response is not None
    assert exchange.response.status == 200
    assert (exchange.request_body.data, exchange.response_body.data) == (b"", b"")
    assert exchange.notes[0].endswith("; 7 bytes sent, 7 received")


async def test_one_side_may_end_before_the_other(proxy: Proxy) -> None:
    async def echo(reader: Reader, writer: Writer) -> None:
        writer.write(await reader.read())
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await connect(proxy, server.sockets[0].getsockname()[1])
    writer.write(b"\x00all of it")
    writer.write_eof()
    assert await reader.read() == b"\x00all of it"
    writer.close()
    server.close()
    assert [one.end for one in await proxy.exchanges()] == [End.COMPLETE]


async def test_what_came_in_tls_goes_on_in_tls(proxy: Proxy) -> None:
    proxy.upstream.play = shout
    reader, writer = await proxy.tunnel("mqtt")
    writer.write(b"\x10secret\r\n\r\n")
    assert await reader.read() == b"\x10SECRET\r\n\r\n"
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert (exchange.lane, exchange.end) == ("tunnel", End.COMPLETE)


async def test_an_upstream_that_is_not_there(proxy: Proxy) -> None:
    reader, writer = await connect(proxy, 1)
    writer.write(b"\x01")
    assert await reader.read() == b""
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert (exchange.end, exchange.response) == (End.UPSTREAM_REFUSED, None)


async def test_a_tunnel_to_dashcam_itself_is_refused(proxy: Proxy) -> None:
    reader, writer = await connect(proxy, proxy.port)
    writer.write(b"\x01")
    assert await reader.read() == b""
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert (exchange.end, exchange.error) == (
        End.REFUSED,
        "the tunnel was refused: it leads to Dashcam itself",
    )


async def test_a_replay_opens_no_tunnel(proxy: Proxy) -> None:
    proxy.engine.replays = Refusing()
    reader, writer = await connect(proxy, proxy.upstream.port)
    writer.write(b"\x01")
    assert await reader.read() == b""
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert exchange.end is End.MISSED
    assert proxy.upstream.connections == 0


async def test_hosts_that_are_left_alone_are_neither_opened_nor_recorded(proxy: Proxy) -> None:
    proxy.interceptor._layers._ignored = lambda host: host == "localhost"
    _, writer = await connect(proxy, proxy.upstream.tls_port)
    theirs = ssl.create_default_context(cafile=proxy.authority.cert_path)
    with pytest.raises(ssl.SSLCertVerificationError):  # it is the upstream's own certificate
        await writer.start_tls(theirs, server_hostname="localhost")
    assert proxy.upstream.connections == 0
    assert await proxy.exchanges() == []
