import asyncio

import pytest

from addons.layers import _is_ip, _looks_like_http
from tests.addons.conftest import Proxy, Reader, Writer


@pytest.mark.parametrize(
    ("data", "http"),
    [
        (b"GET / HTTP/1.1\r\n", True),
        (b"PROPFIND /x HTTP/1.1", True),
        (b"M-SEARCH * HTTP/1.1", True),
        (b"GE\x00T / HTTP/1.1\r\n", True),
        (b"\r\nGET\tx\tHTTP/1.1\r\n", True),
        (b"GET /" + b"a" * 10_000, True),
        (b"SSH-2.0-OpenSSH", False),
        (b"SSH-2.0-OpenSSH a comment", False),
        (b"NICK somebody\r\n", False),
        (b"a001 LOGIN ann pw\r\n", False),
        (b"PING\r\n", False),
        (b"\x00\x01", False),
    ],
)
def test_what_looks_like_http(data: bytes, http: bool) -> None:
    assert _looks_like_http(data) is http


@pytest.mark.parametrize(("host", "ip"), [("127.0.0.1", True), ("::1", True), ("a1.test", False)])
def test_what_is_an_address(host: str, ip: bool) -> None:
    assert _is_ip(host) is ip


async def test_a_tunnel_of_something_else_is_passed_through(proxy: Proxy) -> None:
    async def shout(reader: Reader, writer: Writer) -> None:
        writer.write((await reader.readexactly(4)).upper())
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await proxy.connect()
    writer.write(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n\r\n" % port)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x01ab\n")
    assert await reader.readexactly(4) == b"\x01AB\n"
    writer.close()
    server.close()


async def test_clients_that_speak_both_are_offered_http1(proxy: Proxy) -> None:
    _, writer = await proxy.tunnel("h2", "http/1.1")
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
    writer.close()
    _, writer = await proxy.tunnel("h2")
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
    writer.close()
