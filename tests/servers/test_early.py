import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from proxy.engine.ports import bound, port_of
from proxy.servers.early import Early
from proxy.servers.gateway import RESERVED
from proxy.servers.health import PATHS
from proxy.servers.loaded_api import LoadedApi
from tests.servers.conftest import OK, Place, answers

LIVE = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
MINE = b"GET /mine/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Ways:
    """A port whose API is loaded when `go` is set; `made` counts how often."""

    def __init__(self, place: Place) -> None:
        self.go = asyncio.Event()
        self.made = 0
        self.broken = False
        self._place = place
        self.early = Early(place.served.site.gateway, self._make)

    async def _make(self) -> LoadedApi:
        self.made += 1
        await self.go.wait()
        if self.broken:
            raise ImportError("there is no aiohttp")
        return await self._place.served.site.load()


@pytest.fixture
async def ways(place: Place) -> AsyncIterator[tuple[Ways, int]]:
    made = Ways(place)
    sockets = bound("127.0.0.1", 0)
    await made.early.serve(sockets)
    yield made, port_of(sockets)
    made.go.set()
    await made.early.stop()


async def held(early: Early, count: int) -> None:
    async with asyncio.timeout(20):
        while len(early._waiting) < count:  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)


def test_paths_of_the_api_are_no_upstreams() -> None:
    assert {"api", *(path.removeprefix("/") for path in PATHS)} == RESERVED


async def test_the_gateway_needs_no_api(place: Place, ways: tuple[Ways, int]) -> None:
    made, port = ways
    await place.upstream(answers)
    reader, writer = await place.client(port)
    writer.write(MINE)
    assert await reader.readexactly(len(OK)) == OK
    assert made.made == 0


async def test_who_comes_before_the_api_waits_for_it(place: Place, ways: tuple[Ways, int]) -> None:
    made, port = ways
    early, early_writer = await place.client(port)
    early_writer.write(LIVE)
    gone, gone_writer = await place.client(port)
    gone_writer.write(LIVE)
    await held(made.early, 2)
    gone_writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await gone.read()
    made.go.set()
    assert (await early.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    later, later_writer = await place.client(port)
    later_writer.write(LIVE)
    assert (await later.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    assert made.made == 1
    assert not made.early._waiting


async def test_nobody_waits_for_an_api_that_cannot_be_loaded(
    place: Place, ways: tuple[Ways, int], caplog: pytest.LogCaptureFixture
) -> None:
    made, port = ways
    made.broken = True
    made.go.set()
    reader, writer = await place.client(port)
    writer.write(LIVE)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    assert "loading the API failed: ImportError" in caplog.text


async def test_who_waits_is_hung_up_on_when_the_port_is_closed(
    place: Place, ways: tuple[Ways, int]
) -> None:
    made, port = ways
    reader, writer = await place.client(port)
    writer.write(LIVE)
    await held(made.early, 1)
    stopping = asyncio.ensure_future(made.early.stop())
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    made.go.set()
    await stopping
