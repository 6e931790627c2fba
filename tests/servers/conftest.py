import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import pytest

from proxy.core.correlation import WITNESSES
from proxy.engine.engine import Engine
from proxy.engine.ports import bound, port_of
from proxy.engine.router import Router, parse
from proxy.engine.runs import RunBook
from proxy.engine.upstream import Pool
from proxy.servers.api import Api
from proxy.servers.app import Site
from proxy.servers.early import Early
from proxy.servers.gateway import Gateway
from proxy.stores.memory import MemoryStore
from tests.engine.conftest import make_writer

TOKEN = "a-token-of-the-tests"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

type Reader = asyncio.StreamReader
type Writer = asyncio.StreamWriter


@dataclass(slots=True)
class Served:
    """A site on a port of its own; `url` has no slash at its end."""

    engine: Engine
    store: MemoryStore
    site: Site
    url: str
    http: aiohttp.ClientSession


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    store = MemoryStore("memory:")
    engine = Engine(RunBook(order=tuple(WITNESSES)), make_writer(store), Pool(), Router.of({}))
    await engine.start()
    site = Site(Api(engine, store), Gateway(engine), TOKEN)
    sockets = bound("127.0.0.1", 0)
    early = Early(site.gateway, site.load)
    await early.serve(sockets)
    await early.load()
    url = f"http://127.0.0.1:{port_of(sockets)}"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(auto_decompress=False, headers=headers) as http:
        yield Served(engine, store, site, url, http)
    await early.stop()
    await engine.stop()


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
    """An upstream that answers each request."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        writer.write(OK)
