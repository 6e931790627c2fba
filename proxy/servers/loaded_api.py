"""The aiohttp server of the API, whose errors repeat nothing. It has no port of its own."""

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import override

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from proxy.core.http1 import MAX_HEAD, MAX_HEADERS
from proxy.servers.client import Factory
from proxy.servers.gateway import GRACE

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
class LoadedApi:
    """An application on connections that others have accepted; each is given to a `connection`."""

    connection: Factory
    _runner: web.AppRunner

    async def stop(self) -> None:
        """Ends open requests."""
        await self._runner.cleanup()


async def loaded(app: web.Application) -> LoadedApi:
    """Starts `app`."""
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
    connection = partial(
        _Handler,
        manager,
        loop=asyncio.get_running_loop(),
        max_line_size=MAX_HEAD,  # as on the forward proxy
        max_field_size=MAX_HEAD,
        max_headers=MAX_HEADERS,
        keepalive_timeout=_IDLE,
        **manager._kwargs,  # noqa: SLF001 - as Server makes its own
    )
    return LoadedApi(connection, runner)
