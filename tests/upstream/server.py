"""The upstream: a server in a thread that does what the path of a request says.

    with Upstream(certificates) as upstream:
        ... f"{upstream.http}/chunked?sizes=1,10" ...
        upstream.world.seen[0].received.data

It listens on 127.0.0.1: `https` (ALPN h2 and http/1.1), `https1` (http/1.1 only), `http`, and one
port for each bad certificate. `tunnel` is a proxy that leads to `https` and does nothing else.
"""

import asyncio
import contextlib
import ssl
import threading
from concurrent.futures import Future
from http import HTTPStatus
from typing import Self

from tests.upstream import behaviours, llm
from tests.upstream.certificates import Certificates
from tests.upstream.contract import Behaviour, Reply, Request
from tests.upstream.http1 import Http1Connection
from tests.upstream.http2 import Http2Connection
from tests.upstream.tunnel import Tunnel
from tests.upstream.world import PATIENCE, World

_LIMIT = 1 << 20  # the longest head


class Upstream:
    """A context manager: it listens when entered, and nobody answers after it is left."""

    def __init__(self, certificates: Certificates) -> None:
        self.certificates = certificates
        self._thread = threading.Thread(target=self._main, name="upstream", daemon=True)
        self._ready: Future[None] = Future()
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self.ports: dict[str, int] = {}
        self.world: World

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def http(self) -> str:
        """The base URL of the plain port."""
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def https(self) -> str:
        """The base URL of the TLS port that offers HTTP/2."""
        return f"https://127.0.0.1:{self.ports['https']}"

    def stop(self) -> None:
        """Stops listening and cuts every connection; a second call does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(PATIENCE)

    def mapping(self, *hosts: str, port: str = "https") -> str:
        """The value of `DASHCAM_UPSTREAM` that sends `hosts` here."""
        scheme = "http" if port == "http" else "https"
        return ",".join(f"{host}={scheme}://127.0.0.1:{self.ports[port]}" for host in hosts)

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.world = World(self._loop)
        listeners: dict[str, ssl.SSLContext | None] = {
            "http": None,
            "https": self.certificates.good("h2", "http/1.1"),
            "https1": self.certificates.good("http/1.1"),
            "expired": self.certificates.expired(),
            "wrong_host": self.certificates.wrong_host(),
            "self_signed": self.certificates.self_signed(),
            "tunnel": None,
        }
        writers: set[asyncio.StreamWriter] = set()
        tasks: set[asyncio.Task[None] | None] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.add(writer)
            tasks.add(asyncio.current_task())
            try:
                with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
                    await self._connection(reader, writer)
            finally:
                writers.discard(writer)
                tasks.discard(asyncio.current_task())
                writer.close()

        async with contextlib.AsyncExitStack() as stack:
            for name, context in listeners.items():
                server = await asyncio.start_server(
                    accept, "127.0.0.1", 0, ssl=context, limit=_LIMIT, backlog=512
                )
                await stack.enter_async_context(server)
                self.ports[name] = server.sockets[0].getsockname()[1]
            self._ready.set_result(None)
            await self._stop.wait()
            for writer in list(writers):
                writer.transport.abort()
            for task in list(tasks):
                if task is not None:
                    task.cancel()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if writer.get_extra_info("sockname")[1] == self.ports.get("tunnel"):
            await Tunnel({443: self.ports["https"]}).serve(reader, writer)
            return
        secure = writer.get_extra_info("ssl_object")
        h2 = secure is not None and secure.selected_alpn_protocol() == "h2"
        kind = Http2Connection if h2 else Http1Connection
        number = next(self.world.connections)
        await kind(reader, writer, self.world, _route, number).serve()


def _route(path: str) -> Behaviour:
    return behaviours.BEHAVIOURS.get(path) or llm.BEHAVIOURS.get(path) or _unknown


async def _unknown(request: Request, reply: Reply) -> None:
    await request.drain()
    await reply.head(HTTPStatus.NOT_FOUND, [("content-length", "0")])
    await reply.end()
