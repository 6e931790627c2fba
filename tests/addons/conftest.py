import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from addons.interceptor import Interceptor
from proxy.core.correlation import WITNESSES
from proxy.core.model import Exchange
from proxy.engine.engine import Engine
from proxy.engine.ports import bound, port_of
from proxy.engine.router import Router, parse
from proxy.engine.runs import RunBook
from proxy.engine.upstream import Pool
from proxy.launch.authority import Authority, load_or_create
from proxy.servers.api import Api
from proxy.servers.app import Site
from proxy.servers.early import Early
from proxy.servers.gateway import Gateway
from proxy.stores.memory import MemoryStore
from tests.engine.conftest import make_writer

type Reader = asyncio.StreamReader
type Writer = asyncio.StreamWriter
type Play = Callable[[bytes, Reader, Writer], Coroutine[Any, Any, bool]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
RUN = "r1"


@dataclass(slots=True)
class Upstream:
    """Answers each head by `play`, which says whether the connection goes on."""

    play: Play
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    tls_port: int = 0

    async def serve(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                if not await self.play(self.heads[-1], reader, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


async def plain(head: bytes, reader: Reader, writer: Writer) -> bool:
    length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
    await reader.readexactly(int(length or 0))
    writer.write(OK)
    return True


@dataclass(slots=True)
class Proxy:
    """An interceptor in this process, with an upstream behind it."""

    engine: Engine
    store: MemoryStore
    interceptor: Interceptor
    authority: Authority
    upstream: Upstream
    port: int

    async def connect(self) -> tuple[Reader, Writer]:
        """A plain connection to the proxy."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def tunnel(self, *alpn: str) -> tuple[Reader, Writer]:
        """A CONNECT to the TLS upstream, and TLS inside it."""
        reader, writer = await self.connect()
        target = f"localhost:{self.upstream.tls_port}".encode()
        writer.write(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, target))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        context = ssl.create_default_context(cafile=self.authority.cert_path)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        await writer.start_tls(context, server_hostname="localhost")
        return reader, writer

    async def exchanges(self) -> list[Exchange]:
        """What has been recorded, once all that is open has ended."""
        async with asyncio.timeout(20):
            while self.engine._open:  # noqa: ASYNC110 - nobody sets an event for this
                await asyncio.sleep(0)
            await self.engine.writer.write()
        return list(self.store.exchanges(RUN))


@asynccontextmanager
async def gateway_to(proxy: Proxy, upstream: str) -> AsyncIterator[int]:
    """The port of a gateway whose upstream `mine` has this URL."""
    proxy.engine.router.named["mine"] = parse(upstream)
    site = Site(Api(proxy.engine, proxy.store), Gateway(proxy.engine), "token")
    sockets = bound("127.0.0.1", 0)
    early = Early(site.gateway, site.load)
    await early.serve(sockets)
    await early.load()
    yield port_of(sockets)
    await early.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return load_or_create(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="session")
def upstream_ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def no_public_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here has a public certificate, and each proxy would load all roots anew."""
    (tmp_path / "roots.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))


@pytest.fixture
async def upstream(upstream_ca: trustme.CA) -> AsyncIterator[Upstream]:
    made = Upstream(plain)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    upstream_ca.issue_cert("localhost").configure_cert(context)
    open_server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    tls_server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    made.port = open_server.sockets[0].getsockname()[1]
    made.tls_port = tls_server.sockets[0].getsockname()[1]
    yield made
    open_server.close()
    tls_server.close()


@pytest.fixture
async def proxy(
    upstream: Upstream, authority: Authority, upstream_ca: trustme.CA, tmp_path: Path
) -> AsyncIterator[Proxy]:
    ca_file = tmp_path / "upstream.pem"
    upstream_ca.cert_pem.write_to_path(ca_file)
    store = MemoryStore("memory:")
    engine = Engine(
        RunBook(order=tuple(WITNESSES)),
        make_writer(store),
        Pool(upstream_ca=ca_file),
        Router.of({}),
    )
    await engine.start()
    interceptor = Interceptor(engine, authority=authority.pem_path, upstream_ca=ca_file)
    port = await interceptor.listen("127.0.0.1", 0, run=RUN)
    yield Proxy(engine, store, interceptor, authority, upstream, port)
    await interceptor.stop()
    await engine.stop()
