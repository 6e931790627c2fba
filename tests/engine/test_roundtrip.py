import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.core.decisions import Address
from proxy.engine.roundtrip import RoundTrip
from proxy.engine.upstream import Pool
from proxy.errors import FormatError

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@asynccontextmanager
async def answering(*answers: bytes, close: bool = False) -> AsyncIterator[Address]:
    """Answers each head with the next of `answers`."""
    waiting = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while waiting:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            writer.write(waiting.pop(0))
            await writer.drain()
            if close:
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Address("http", "127.0.0.1", server.sockets[0].getsockname()[1], "127.0.0.1")


async def opened(pool: Pool, address: Address) -> RoundTrip:
    trip = RoundTrip(pool, b"GET")
    await trip.open(address, repeatable=True)
    trip.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    return trip


async def read(trip: RoundTrip) -> bytes:
    data = b""
    while not trip.answer.done:
        progress = await trip.receive()
        if progress is None:
            break
        data += progress.raw + progress.held
    return data


async def test_a_whole_answer_gives_its_connection_back() -> None:
    pool = Pool()
    async with answering(WHOLE, WHOLE) as address:
        first = await opened(pool, address)
        assert await read(first) == WHOLE
        first.close()
        second = await opened(pool, address)
        assert second.reused
        assert await read(second) == WHOLE
        second.close()
        pool.close()


async def test_an_answer_that_is_not_whole_keeps_nothing() -> None:
    pool = Pool()
    async with answering(WHOLE[:-2], close=True) as address:
        trip = await opened(pool, address)
        assert await read(trip) == WHOLE[:-2]
        assert trip.closed
        assert not trip.answer.eof()
        trip.close()
        assert not pool._idle


async def test_an_answer_that_breaks_http_raises() -> None:
    pool = Pool()
    async with answering(b"HTTP/9.9 what\r\n\r\n") as address:
        trip = await opened(pool, address)
        with pytest.raises(FormatError):
            await read(trip)
        trip.close()
        assert not pool._idle


async def test_more_than_was_asked_for_is_not_a_connection_to_keep() -> None:
    pool = Pool()
    async with answering(WHOLE + b"surplus") as address:
        trip = await opened(pool, address)
        assert await read(trip) == WHOLE
        trip.close()
        assert not pool._idle
