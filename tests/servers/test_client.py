import asyncio
import contextlib

import pytest

from proxy.core.model import End
from proxy.engine.ports import bound, port_of
from proxy.servers import client
from proxy.servers.early import Early
from tests.servers.conftest import OK, Place, Reader, Writer, answers

GET = b"GET /mine/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"


async def test_a_port_that_is_closed_lets_answers_end(place: Place) -> None:
    go = asyncio.Event()

    async def slow(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK[:-1])
        await go.wait()
        writer.write(OK[-1:])
        await reader.read()

    await place.upstream(slow)
    site, sockets = place.served.site, bound("127.0.0.1", 0)
    early = Early(site.gateway, site.load)
    await early.serve(sockets)
    idle_reader, _ = await place.client(port_of(sockets))
    reader, writer = await place.client(port_of(sockets))
    writer.write(GET + b"\r\n")
    await reader.readexactly(len(OK) - 1)
    stopping = asyncio.ensure_future(early.stop())
    assert await idle_reader.read() == b""
    go.set()
    assert await reader.read() == b"k"
    await stopping


@pytest.mark.parametrize("begun", [b"", GET[:20]])
async def test_a_head_must_come_in_time(
    place: Place, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HEAD_SECONDS", 0.01)
    reader, writer = await place.client()
    writer.write(begun)
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionResetError):  # it may come before its bytes are read
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
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    assert ended == [End.INTERRUPTED]
    assert "a request failed" in caplog.text
