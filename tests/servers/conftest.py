from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from proxy.core.correlation import WITNESSES
from proxy.engine.engine import Engine
from proxy.engine.router import Router
from proxy.engine.runs import RunBook
from proxy.engine.upstream import Pool
from proxy.servers.api import Api
from proxy.servers.app import Site
from proxy.servers.gateway import Gateway
from proxy.stores.memory import MemoryStore
from tests.engine.conftest import make_writer

TOKEN = "a-token-of-the-tests"


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
    listening = await site.open("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.port}"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(auto_decompress=False, headers=headers) as http:
        yield Served(engine, store, site, url, http)
    await listening.stop()
    await engine.stop()
