import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from proxy.core.model import End
from proxy.engine.recorder import Tx
from proxy.engine.router import parse
from proxy.servers import gateway_lane
from proxy.servers.gateway_lane import Lanes
from tests.servers.conftest import TOKEN, Served

type Reader = asyncio.StreamReader
type Writer = asyncio.StreamWriter

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET /mine/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /mine/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
TOKEN_LINE = f"Authorization: Bearer {TOKEN}\r\n".encode()


class Place:
    """A site with an upstream `mine`; what was opened is closed in the end."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.opened: list[Writer] = []
        self.servers: list[asyncio.Server] = []

    async def upstream(self, play: Callable[[Reader, Writer], Awaitable[None]]) -> None:
        """Plays each connection."""

        async def serve(reader: Reader, writer: Writer) -> None:
            try:
                await play(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.servers.append(server)
        port = server.sockets[0].getsockname()[1]
        self.served.engine.router.named["mine"] = parse(f"http://127.0.0.1:{port}")

    async def client(self, port: int | None = None) -> tuple[Reader, Writer]:
        own = int(self.served.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port or own)
        self.opened.append(writer)
        return reader, writer

    async def close(self) -> None:
        for writer in self.opened:
            writer.close()
        self.served.engine.pool.close()
        for server in self.servers:
            server.close()
            await server.wait_closed()


@pytest.fixture
async def place(served: Served) -> AsyncIterator[Place]:
    made = Place(served)
    yield made
    await made.close()


async def answers(reader: Reader, writer: Writer) -> None:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        writer.write(OK)


async def answer(reader: Reader) -> bytes:
    """The status line and the body of the next answer."""
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        return head.split(b"\r\n")[0] + b" " + await reader.readexactly(int(length or 0))


@pytest.fixture
def lanes(monkeypatch: pytest.MonkeyPatch) -> list[Lanes]:
    """Those of the ports that are opened."""
    made: list[Lanes] = []

    def keep(*given: object) -> Lanes:
        made.append(Lanes(*given))  # type: ignore[arg-type]  # as the site gives them
        return made[-1]

    monkeypatch.setattr("proxy.servers.app.Lanes", keep)
    return made


@pytest.mark.parametrize(
    ("request_", "status", "stays"),
    [
        (GET + b"\r\n", 200, True),
        (POST + b"Content-Length: 3\r\n\r\nabc", 200, True),
        (GET + b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", 200, False),
        (GET + b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n", 200, False),
        (GET.replace(b"mine", b"nobody") + b"\r\n", 404, False),
        (GET.replace(b"/mine/x", b"/livez") + b"\r\n", 200, False),
        (GET.replace(b"mine/x", b"api/v1/runs") + b"\r\n", 401, False),
        (GET + b"Bad Name: x\r\n\r\n", 400, False),
        (GET + b"Host: 127.0.0.1\r\n\r\n", 400, False),
    ],
)
async def test_what_is_plain_stays_and_the_rest_is_handed_over(
    lanes: list[Lanes], place: Place, request_: bytes, status: int, stays: bool
) -> None:
    await place.upstream(answers)
    reader, writer = await place.client()
    writer.write(request_)
    said = await answer(reader)
    if b" 100 " in said:
        said = await answer(reader)
    assert int(said.split()[1]) == status
    assert bool(lanes[0].open) is stays


async def test_a_connection_changes_hands_in_the_middle(lanes: list[Lanes], place: Place) -> None:
    await place.upstream(answers)
    reader, writer = await place.client()
    writer.write(GET + b"\r\n" + POST + b"Content-Length: 3\r\n\r\nabc")  # pipelined
    assert [await answer(reader), await answer(reader)] == [b"HTTP/1.1 200 OK ok"] * 2
    assert lanes[0].open
    writer.write(GET.replace(b"mine/x", b"api/v1/runs") + TOKEN_LINE + b"\r\n")
    assert b"HTTP/1.1 200 OK" in await answer(reader)
    assert not lanes[0].open
    writer.write(GET + b"\r\n")
    assert await answer(reader) == b"HTTP/1.1 200 OK ok"


async def test_a_large_upload_waits_for_an_upstream_that_does_not_read(place: Place) -> None:
    size, go = 16 * 1024 * 1024, asyncio.Event()
    got = 0

    async def slow(reader: Reader, writer: Writer) -> None:
        nonlocal got
        await reader.readuntil(b"\r\n\r\n")
        await go.wait()
        while got < size:
            got += len(await reader.read(1 << 16))
        writer.write(OK)
        await reader.read()

    await place.upstream(slow)
    reader, writer = await place.client()
    writer.transport.set_write_buffer_limits(high=0)
    writer.write(POST + b"Content-Length: %d\r\n\r\n" % size)
    sending = asyncio.ensure_future(_send(writer, size))
    (tx,) = await _open(place.served, 1)
    taken = -1
    while tx.size != taken:  # until nothing more is taken
        taken = tx.size
        for _ in range(50):
            await asyncio.sleep(0)
    assert taken < size
    assert not sending.done()
    go.set()
    assert await answer(reader) == b"HTTP/1.1 200 OK ok"
    assert got == size


async def _send(writer: Writer, size: int) -> None:
    for _ in range(size >> 16):
        writer.write(bytes(1 << 16))
        await writer.drain()


async def _open(served: Served, count: int) -> list[Tx]:
    async with asyncio.timeout(20):
        while len(served.engine._open) != count:  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)
    return list(served.engine._open)


async def test_an_answer_before_the_request_is_whole_is_not_lost(place: Place) -> None:
    async def hasty(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await reader.read()

    await place.upstream(hasty)
    reader, writer = await place.client()
    writer.write(POST + b"Content-Length: 9000000\r\n\r\n" + bytes(1000))
    assert await answer(reader) == b"HTTP/1.1 413 Too Large no"
    assert await reader.read() == b""  # it says that it reads no more requests
    writer.write(bytes(100_000))
    await writer.drain()
    await _open(place.served, 0)


async def test_a_port_that_is_closed_lets_answers_end(place: Place) -> None:
    go = asyncio.Event()

    async def slow(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK[:-1])
        await go.wait()
        writer.write(OK[-1:])
        await reader.read()

    await place.upstream(slow)
    listening = await place.served.site.open("127.0.0.1", 0)
    idle_reader, _ = await place.client(listening.port)
    reader, writer = await place.client(listening.port)
    writer.write(GET + b"\r\n")
    await reader.readexactly(len(OK) - 1)
    stopping = asyncio.ensure_future(listening.stop())
    assert await idle_reader.read() == b""
    go.set()
    assert await reader.read() == b"k"
    await stopping


@pytest.mark.parametrize("begun", [b"", GET[:20]])
async def test_a_head_must_come_in_time(
    place: Place, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_lane, "_HEAD_SECONDS", 0.01)
    reader, writer = await place.client()
    writer.write(begun)
    async with asyncio.timeout(20):
        assert await reader.read() == b""


async def test_a_failure_of_ours_ends_the_connection_and_the_record(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[End | None] = []
    place.served.engine.on_finish.append(lambda exchange: ended.append(exchange.end))

    async def broken(*_given: object) -> None:
        raise ZeroDivisionError

    await place.upstream(answers)
    monkeypatch.setattr(place.served.engine.pool, "dial", broken)
    reader, writer = await place.client()
    writer.write(GET + b"\r\n")
    with pytest.raises(ConnectionResetError):
        raise ConnectionResetError if await reader.read() == b"" else ValueError
    assert ended == [End.INTERRUPTED]
    assert "a request failed" in caplog.text
