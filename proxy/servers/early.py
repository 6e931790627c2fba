"""The port of the gateway and the API: the gateway is there at once, the API when it is asked for.

aiohttp, which has the API, takes longer to load than all else that answers a first call.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, override

from proxy.engine.ports import BACKLOG
from proxy.engine.tasks import spawn
from proxy.servers.client import Factory
from proxy.servers.gateway import GRACE, Gateway
from proxy.servers.gateway_lane import Lane

if TYPE_CHECKING:
    from proxy.servers.loaded_api import LoadedApi


class Waiting(asyncio.Protocol):
    """Holds a connection, and what has come of it, until another protocol goes on with it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._input = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream protocol's transport
        self.transport = transport
        transport.pause_reading()

    @override
    def data_received(self, data: bytes) -> None:
        self._input += data

    def hand_over(self, make: Factory) -> None:
        """Has a new protocol go on."""
        if self.transport.is_closing():
            return
        protocol = make()
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        protocol.data_received(self._input)
        self.transport.resume_reading()


@dataclass(slots=True, eq=False)
class Early:
    """Serves `gateway`; `make` loads what takes the connections that are not for it."""

    gateway: Gateway
    make: Callable[[], Awaitable["LoadedApi"]]
    _servers: list[asyncio.Server] = field(default_factory=list)
    _waiting: set[Waiting] = field(default_factory=set)
    _making: asyncio.Future["LoadedApi"] | None = None

    async def serve(self, sockets: Sequence[socket.socket]) -> None:
        """Answers at sockets that listen already."""
        loop = asyncio.get_running_loop()
        lane = partial(Lane, self.gateway, self._other)
        for each in sockets:
            self._servers.append(await loop.create_server(lane, sock=each, backlog=BACKLOG))

    async def load(self) -> "LoadedApi":
        """Loads the API, before somebody waits for it."""
        if self._making is None:
            self._making = asyncio.ensure_future(self.make())
        return await asyncio.shield(self._making)

    async def drain(self) -> None:
        """Stops listening; returns once nobody is being answered by the gateway."""
        for server in self._servers:
            server.close()
        await self.gateway.drain()

    async def stop(self) -> None:
        """Stops listening, and ends open requests."""
        for server in self._servers:
            server.close()
        for waiting in self._waiting:
            waiting.transport.abort()
        await self.gateway.stop(GRACE)
        if self._making is not None:
            await asyncio.wait([self._making])
        if (made := self._made()) is not None:
            await made.stop()

    def _made(self) -> "LoadedApi | None":
        making = self._making
        if making is None or not making.done() or making.exception() is not None:
            return None
        return making.result()

    def _other(self) -> asyncio.Protocol:
        if (made := self._made()) is not None:
            return made.connection()
        waiting = Waiting()
        self._waiting.add(waiting)
        spawn(self._hand_over(waiting), "loading the API")
        return waiting

    async def _hand_over(self, waiting: Waiting) -> None:
        try:
            waiting.hand_over((await self.load()).connection)
        except Exception:  # whatever it is, nobody is to wait there
            waiting.transport.abort()
            raise
        finally:
            self._waiting.discard(waiting)
