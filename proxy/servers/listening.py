"""A listening aiohttp server, whose errors repeat nothing."""

import asyncio
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import override

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from proxy.core.http1 import MAX_HEAD, MAX_HEADERS
from proxy.engine.ports import BACKLOG, port_of
from proxy.servers.client import Factory
from proxy.servers.gateway import GRACE, Gateway
from proxy.servers.gateway_lane import Lane

_log = logging.getLogger(__name__)
HEAD = 10.0  # seconds until a new connection must have sent a request's head
_IDLE = 600.0  # seconds that a connection may be quiet between requests


class _Handler(RequestHandler):
    """aiohttp's own, but what was malformed is not repeated in the answer or the log.

    A client that has sent no request in `HEAD` seconds is hung up on.
    """

    __slots__ = ("_hurry",)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._hurry = asyncio.get_running_loop().call_later(HEAD, self.late)

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        self._hurry.cancel()
        super().connection_lost(exc)

    def late(self) -> None:
        """The time for the first request is over."""
        if not self._request_count and self.transport is not None:
            self.transport.close()

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status >= 500:  # noqa: PLR2004 - HTTP
            _log.error("a request failed", exc_info=exc)
        said = "the request is malformed" if status < 500 else "internal error"  # noqa: PLR2004 - HTTP
        response = web.Response(status=status, text=f"Dashcam: {said}\n")
        response.force_close()
        return response


@dataclass(slots=True)
class Listening:
    """An open port; `other` makes what serves the API on a connection."""

    runner: web.AppRunner
    servers: list[asyncio.Server]
    port: int
    gateway: Gateway
    other: Factory

    async def stop(self) -> None:
        """Stops listening, and ends open requests."""
        for server in self.servers:
            server.close()
        await self.gateway.stop(GRACE)
        await self.runner.cleanup()


async def listen(
    app: web.Application, sockets: Sequence[socket.socket], gateway: Gateway
) -> Listening:
    """Serves `gateway` at sockets that listen already, and `app` for what is not for it.

    There may be no sockets, where others have connections for it.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,
        auto_decompress=False,
        shutdown_timeout=GRACE,
    )
    await runner.setup()
    manager = runner.server
    assert manager is not None  # noqa: S101 - setup made it
    loop = asyncio.get_running_loop()

    def handler() -> RequestHandler:
        return _Handler(
            manager,
            loop=loop,
            max_line_size=MAX_HEAD,  # as on the forward proxy
            max_field_size=MAX_HEAD,
            max_headers=MAX_HEADERS,
            keepalive_timeout=_IDLE,
            **manager._kwargs,  # noqa: SLF001 - as Server makes its own
        )

    lane = partial(Lane, gateway, handler)
    servers = [await loop.create_server(lane, sock=each, backlog=BACKLOG) for each in sockets]
    port = port_of(sockets) if sockets else 0
    return Listening(runner, servers, port, gateway, handler)
