import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import aiohttp
import pytest

from proxy.core.model import End, Exchange, header
from proxy.engine.endings import break_off
from proxy.engine.router import parse
from proxy.errors import StoreError
from proxy.stores._api import AddExchange, Write
from tests.engine.gates import BAD_ANSWER, BAD_REQUEST, BOTH, enforce
from tests.servers.conftest import Served

type Reader = asyncio.StreamReader
type Writer = asyncio.StreamWriter
type Play = Callable[[bytes, Reader, Writer], Coroutine[Any, Any, bool]]


class Upstream:
    """Answers each request by `play`, which says whether the connection goes on."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.play: Play = self.plain

    async def serve(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                if not await self.play(head, reader, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def body(self, head: bytes, reader: Reader) -> bytes:
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            data = await reader.readuntil(b"0\r\n\r\n")
        else:
            length = lower.partition(b"content-length: ")[2].split(b"\r\n")[0]
            data = await reader.readexactly(int(length or 0))
        self.bodies.append(data)
        return data

    async def plain(self, head: bytes, reader: Reader, writer: Writer) -> bool:
        await self.body(head, reader)
        writer.write(b"HTTP/1.1 200 OK\r\nX-Odd-CASE: 1\r\nContent-Length: 2\r\n\r\nok")
        return True


@pytest.fixture
async def upstream(served: Served) -> AsyncIterator[Upstream]:
    made = Upstream()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    served.engine.router.named["mine"] = parse(f"http://127.0.0.1:{port}/base")
    async with server:
        yield made
        served.engine.pool.close()  # else the server waits for idle connections


async def wire(served: Served, data: bytes) -> tuple[Reader, Writer]:
    port = int(served.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    return reader, writer


async def recorded(served: Served) -> Exchange:
    """The only exchange, once what is queued has been written."""
    async with asyncio.timeout(20):
        while served.engine._open:  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)
        await served.engine.writer.write()
    return next(iter(served.store.exchanges("r1")))


HEADERS = {"Dashcam-Run": "r1", "Authorization": "Bearer key"}


async def test_head_and_body_go_through_and_back_byte_for_byte(
    served: Served, upstream: Upstream
) -> None:
    body = b'{"b": 1,  "a":2}'
    url = f"{served.url}/mine/v1/chat/completions?x=%20y"
    async with served.http.post(url, data=body, headers=HEADERS) as answer:
        assert (answer.status, await answer.read()) == (200, b"ok")
        assert [name for name, _ in answer.raw_headers] == [b"X-Odd-CASE", b"Content-Length"]
    head = upstream.heads[0]
    assert head.startswith(b"POST /base/v1/chat/completions?x=%20y HTTP/1.1\r\n")
    assert b"Authorization: Bearer key\r\n" in head
    assert b"dashcam" not in head.lower()
    assert upstream.bodies == [body]
    exchange = await recorded(served)
    assert (exchange.via, exchange.request_body.data, exchange.end) == (
        "gateway",
        body,
        End.COMPLETE,
    )


async def test_connections_to_the_upstream_are_kept(served: Served, upstream: Upstream) -> None:
    for _ in range(3):
        async with served.http.get(f"{served.url}/mine/x", headers=HEADERS) as answer:
            await answer.read()
    assert (len(upstream.heads), upstream.connections) == (3, 1)


async def test_a_chunked_upload_streams_through(served: Served, upstream: Upstream) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async with served.http.post(f"{served.url}/mine/x", data=pieces(), headers=HEADERS) as answer:
        assert answer.status == 200
    assert upstream.bodies[0].replace(b"\r\n", b"").endswith(b"0")
    assert (await recorded(served)).request_body.data == b"onetwo"


async def test_each_chunk_is_passed_on_when_it_comes(served: Served, upstream: Upstream) -> None:
    gates = [asyncio.Event(), asyncio.Event()]

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number, gate in enumerate(gates):
            await gate.wait()
            writer.write(b"3\r\n%d..\r\n" % number)
        writer.write(b"0\r\n\r\n")
        return True

    upstream.play = play
    async with served.http.get(f"{served.url}/mine/sse", headers=HEADERS) as answer:
        for number, gate in enumerate(gates):
            gate.set()
            assert await answer.content.readexactly(3) == b"%d.." % number
        assert await answer.content.read() == b""
    exchange = await recorded(served)
    assert [part.size for part in exchange.response_body.parts] == [3, 3]


async def test_the_end_waits_for_the_record(served: Served, upstream: Upstream) -> None:
    async with served.http.get(f"{served.url}/mine/x", headers=HEADERS) as answer:
        await answer.read()
        assert served.engine.writer.counters.stored == 1


async def cut(head: bytes, reader: Reader, writer: Writer) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    return False


async def silent(head: bytes, reader: Reader, writer: Writer) -> bool:
    return False


async def broken(head: bytes, reader: Reader, writer: Writer) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")
    return False


@pytest.mark.parametrize(
    ("play", "line", "end"),
    [
        (cut, b"HTTP/1.1 200 OK", End.UPSTREAM_TRUNCATED),
        (silent, b"HTTP/1.1 502 Bad Gateway", End.UPSTREAM_RESET),
        (broken, b"HTTP/1.1 502 Bad Gateway", End.UPSTREAM_INVALID),
    ],
)
async def test_each_failure_is_one_finished_record(
    served: Served, upstream: Upstream, play: Play, line: bytes, end: End
) -> None:
    upstream.play = play
    request = b"GET /mine/x HTTP/1.1\r\nHost: a\r\nDashcam-Run: r1\r\nConnection: close\r\n\r\n"
    reader, writer = await wire(served, request)
    answer = await reader.read()
    writer.close()
    assert answer.startswith(line)
    exchange = await recorded(served)
    assert exchange.end is end
    if play is cut:
        assert answer.endswith(b"half")
        assert exchange.response_body.data == b"half"


async def test_a_reset_is_not_the_end_of_an_answer_that_ends_with_its_connection(
    served: Served, upstream: Upstream
) -> None:
    seen = asyncio.Event()

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf")
        await seen.wait()
        break_off(writer.transport)
        writer.transport.abort()
        return False

    upstream.play = play
    reader, writer = await wire(
        served, b"GET /mine/x HTTP/1.1\r\nHost: a\r\nDashcam-Run: r1\r\n\r\n"
    )
    await reader.readuntil(b"half")
    seen.set()
    with pytest.raises(ConnectionResetError):  # nor is it for the client
        await reader.read()
    writer.close()
    exchange = await recorded(served)
    assert (exchange.end, exchange.response_body.data) == (End.UPSTREAM_RESET, b"half")


async def test_nobody_listens_there(served: Served, upstream: Upstream) -> None:
    served.engine.router.named["down"] = parse("http://127.0.0.1:1")
    async with served.http.post(f"{served.url}/down/x", data=b"{}", headers=HEADERS) as answer:
        assert answer.status == 502
        assert "refused the connection" in await answer.text()
    exchange = await recorded(served)
    assert (exchange.end, exchange.request_body.data) == (End.UPSTREAM_REFUSED, b"{}")


async def test_a_client_that_leaves_is_recorded_and_the_upstream_let_go(
    served: Served, upstream: Upstream
) -> None:
    gone = asyncio.Event()

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await reader.read()
        gone.set()
        return False

    upstream.play = play
    reader, writer = await wire(
        served, b"GET /mine/x HTTP/1.1\r\nHost: a\r\nDashcam-Run: r1\r\n\r\n"
    )
    await reader.readuntil(b"one\r\n")
    writer.close()
    await gone.wait()
    exchange = await recorded(served)
    assert (exchange.end, exchange.response_body.data) == (End.CLIENT_GONE, b"one")


async def test_the_hops_own_headers_stay_on_their_hop(served: Served, upstream: Upstream) -> None:
    request = (
        b"GET /mine/x HTTP/1.1\r\nHost: a\r\nDashcam-Run: r1\r\nConnection: close, X-Hop\r\n"
        b"X-Hop: 1\r\nProxy-Authorization: Basic eDp5\r\nKeep-Alive: 5\r\nX-Mine: 2\r\n\r\n"
    )
    reader, writer = await wire(served, request)
    await reader.read()
    writer.close()
    names = [line.partition(b":")[0] for line in upstream.heads[0].split(b"\r\n")[1:-2]]
    assert names == [b"Host", b"X-Mine"]
    assert header((await recorded(served)).request.headers, b"x-mine") == b"2"


async def until_closed(head: bytes, reader: Reader, writer: Writer) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
    await writer.drain()
    return False


@pytest.mark.parametrize("breaks", ["before", "after", "after, ended by a close"])
async def test_strict_mode_gives_no_answer_that_is_not_recorded(
    served: Served, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    monkeypatch.setattr(served.engine.writer, "_durability", "strict")
    if "close" in breaks:
        upstream.play = until_closed
    write = served.store.write

    def full(batch: Sequence[Write]) -> None:
        ends = [one.exchange.end for one in batch if isinstance(one, AddExchange)]
        if breaks == "before" or End.COMPLETE in ends:
            raise StoreError("no space left on the device")
        write(batch)

    with monkeypatch.context() as patch:
        patch.setattr(served.store, "write", full)
        if breaks == "before":
            async with served.http.post(f"{served.url}/mine/x", headers=HEADERS) as answer:
                assert answer.status == 503
                assert answer.headers["Retry-After"] == "5"
            assert upstream.heads == []
        elif breaks == "after":
            with pytest.raises(aiohttp.ClientError):
                async with served.http.post(f"{served.url}/mine/x", headers=HEADERS) as answer:
                    await answer.read()
            assert len(upstream.heads) == 1
        else:  # aiohttp's client takes a reset for the end of such an answer
            port = int(served.url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /mine/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()


@pytest.mark.parametrize(
    ("body", "status", "reached"), [(BOTH, 200, 1), (BAD_ANSWER, 502, 1), (BAD_REQUEST, 422, 0)]
)
async def test_an_enforced_schema_stops_bad_requests_and_bad_answers(
    served: Served, upstream: Upstream, body: bytes, status: int, reached: int
) -> None:
    async def echo(head: bytes, reader: Reader, writer: Writer) -> bool:
        data = await upstream.body(head, reader)
        size = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        for piece in (size, data[:9], data[9:]):
            writer.write(piece)
            await writer.drain()
        return True

    upstream.play = echo
    enforce(served.engine)
    for _ in range(2):
        async with served.http.post(
            f"{served.url}/mine/echo", data=body, headers=HEADERS
        ) as answer:
            assert answer.status == status
            assert (await answer.read() == body) is (status == 200)
    assert len(upstream.bodies) == 2 * reached
    exchange = await recorded(served)
    assert exchange.end is (End.COMPLETE if status == 200 else End.REFUSED)
    assert (exchange.response_body.data == body) is (reached == 1)


async def test_an_answer_that_breaks_while_it_is_held_is_an_error(
    served: Served, upstream: Upstream
) -> None:
    async def cut(head: bytes, reader: Reader, writer: Writer) -> bool:
        await upstream.body(head, reader)
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"customerId"')
        return False

    upstream.play = cut
    enforce(served.engine)
    async with served.http.post(f"{served.url}/mine/echo", data=BOTH, headers=HEADERS) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (
            502,
            "upstream_truncated",
        )
