import asyncio
from collections.abc import AsyncIterator

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, TrailersReceived

from addons.limits import ClientLimits
from proxy.core.model import End
from tests.addons.conftest import OK, Proxy, Reader, Writer
from tests.addons.test_slow_lane import http2

TRAILERS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n"
)


async def test_trailers_reach_an_http2_client_and_come_from_it(proxy: Proxy) -> None:
    asked = b""

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        nonlocal asked
        asked = await reader.readuntil(b"x-sum: 9\r\n\r\n")
        writer.write(TRAILERS)
        return True

    proxy.upstream.play = play
    reader, writer = await proxy.tunnel("h2")
    wire = H2Connection(H2Configuration(client_side=True))
    wire.initiate_connection()
    port = proxy.upstream.tls_port
    wire.send_headers(
        1,
        [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", f"localhost:{port}"),
            (":path", "/x"),
        ],
    )
    wire.send_data(1, b"hello")
    wire.send_headers(1, [("x-sum", "9")], end_stream=True)
    writer.write(wire.data_to_send())
    seen: list[object] = []
    async with asyncio.timeout(20):
        while not any(isinstance(event, StreamEnded) for event in seen):
            seen += wire.receive_data(await reader.read(65536))
            writer.write(wire.data_to_send())
    writer.close()
    assert [type(event) for event in seen if getattr(event, "stream_id", 0)][-4:] == [
        ResponseReceived,
        DataReceived,
        TrailersReceived,
        StreamEnded,
    ]
    (trailers,) = (event for event in seen if isinstance(event, TrailersReceived))
    assert trailers.headers == [(b"x-t", b"1"), (b"x-u", b"2")]
    assert b"transfer-encoding: chunked\r\n" in proxy.upstream.heads[0]
    assert asked == b"5\r\nhello\r\n0\r\nx-sum: 9\r\n\r\n"
    (exchange,) = await proxy.exchanges()
    assert exchange.end is End.COMPLETE
    assert exchange.request_body.trailers == ((b"x-sum", b"9"),)
    assert [name.lower() for name, _ in exchange.response_body.trailers] == [b"x-t", b"x-u"]


async def test_a_body_of_unknown_length_is_sent_in_chunks(proxy: Proxy) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"one", b"two"):
            yield piece

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        proxy.upstream.heads.append(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(OK)
        return True

    proxy.upstream.play = play
    async with http2(proxy) as client:
        url = f"https://localhost:{proxy.upstream.tls_port}/x"
        assert (await client.post(url, content=pieces())).text == "ok"
    assert b"onetwo" in proxy.upstream.heads[1].replace(b"\r\n3\r\n", b"")
    (exchange,) = await proxy.exchanges()
    assert exchange.request_body.data == b"onetwo"


async def test_waiting_for_the_server_to_begin_ends_with_the_clients_first_word(
    proxy: Proxy,
) -> None:
    proxy.interceptor._layers.limits = ClientLimits(silence=0.05)
    async with http2(proxy) as client:
        for _ in range(2):
            url = f"https://localhost:{proxy.upstream.tls_port}/x"
            assert (await client.get(url)).text == "ok"
            async with asyncio.timeout(20):
                handlers = proxy.interceptor._handlers
                while any(one.wakeup_timer for one in handlers.values()):  # noqa: ASYNC110 - nobody sets an event
                    await asyncio.sleep(0.01)
    assert [one.end for one in await proxy.exchanges()] == [End.COMPLETE] * 2
