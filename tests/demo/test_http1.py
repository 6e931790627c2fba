"""The demo's HTTP/1.1: framing, keep-alive, and what is refused."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from proxy.demo.http1 import HEAD_LIMIT, Connection, Request, Response, event_stream, json_response


def handler(request: Request) -> Response:
    if request.path == "/stream":
        return event_stream([b"data: 1\n\n", b"data: 22\n\n"])
    return json_response(200, {"path": request.path, "body": request.body.decode()})


async def talk(sent: bytes) -> bytes:
    """Everything the server says to `sent`, which the client ends with a half-close."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Connection(reader, writer, handler).serve()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=HEAD_LIMIT)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        writer.write_eof()
        got = await reader.read()
        writer.close()
    return got


POST = b"POST /a HTTP/1.1\r\n"
GOOD = [
    ("length", POST + b"Content-Length: 2\r\n\r\nhi", b'{"path": "/a", "body": "hi"}'),
    (
        "chunked",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n1\r\n!\r\n0\r\nt: 1\r\n\r\n",
        b'"body": "hi!"}',
    ),
    (
        "expect",
        POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
    ),
    (
        "stream",
        b"GET /stream HTTP/1.1\r\n\r\n",
        b"\r\n\r\n9\r\ndata: 1\n\n\r\na\r\ndata: 22\n\n\r\n0\r\n\r\n",
    ),
    ("head", b"HEAD /a HTTP/1.1\r\n\r\n", b"content-length: 26\r\n\r\n"),
]


@pytest.mark.parametrize(("sent", "part"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
async def test_good_requests(sent: bytes, part: bytes) -> None:
    assert part in await talk(sent)


async def test_keep_alive_until_the_client_asks_to_close() -> None:
    get = b"GET /%d HTTP/1.1\r\n%b\r\n"
    got = await talk(get % (1, b"") + get % (2, b"Connection: close\r\n") + get % (3, b""))
    assert got.count(b"HTTP/1.1 200 OK") == 2
    assert b'"path": "/3"' not in got


BAD = [
    ("version", b"GET / HTTP/1.0\r\n\r\n"),
    ("cut head", b"GET / HTTP/1.1\r\nHos"),
    ("long head", b"GET / HTTP/1.1\r\nx: " + b"y" * HEAD_LIMIT + b"\r\n\r\n"),
    ("odd length", POST + b"Content-Length: x\r\n\r\n"),
    ("negative length", POST + b"Content-Length: -1\r\n\r\n"),
    ("huge length", POST + b"Content-Length: 99999999999\r\n\r\n"),
    ("cut body", POST + b"Content-Length: 9\r\n\r\nhi"),
    ("odd chunk", POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
]


@pytest.mark.parametrize("sent", [row[1] for row in BAD], ids=[row[0] for row in BAD])
async def test_broken_requests_are_answered_400(sent: bytes) -> None:
    got = await talk(sent)
    assert got.startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_a_handler_may_be_a_coroutine() -> None:
    async def later(request: Request) -> Response:
        await asyncio.sleep(0)
        return handler(request)

    answers: list[Callable[[Request], Awaitable[Response] | Response]] = [handler, later]
    for answer in answers:
        reader = asyncio.StreamReader()
        reader.feed_data(b"GET /b HTTP/1.1\r\n\r\n")
        reader.feed_eof()
        writer = _Writer()
        await Connection(reader, writer, answer).serve()  # type: ignore[arg-type]  # a stand-in
        assert b'"path": "/b"' in writer.data


class _Writer:
    """Keeps what is written."""

    data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    async def drain(self) -> None:
        return
