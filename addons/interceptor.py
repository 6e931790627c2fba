"""The forward proxy: ports that are listened on, a handler for each connection."""

import asyncio
import functools
import logging
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mitmproxy import options as moptions
from mitmproxy.proxy import events

from addons import default_addons
from addons.handler import Handler, hook_table
from addons.layers import Layers
from addons.limits import USUAL, ClientLimits
from addons.slow_lane import SlowLane
from proxy.engine.engine import Engine
from proxy.engine.ports import BACKLOG, bound, port_of
from proxy.engine.tasks import spawn

_log = logging.getLogger(__name__)

_SWEEP = 1.0
_LOOK = 0.05  # seconds between two looks at who is idle, at the end
_BEHIND = 0.5  # seconds of delay that tell of a busy process rather than of slow clients
HOOKS = (
    "next_layer",
    "client_disconnected",
    "server_connect",
    "server_connected",
    "server_connect_error",
    "tls_start_client",
    "tls_start_server",
    "tls_established_client",
    "tls_failed_client",
    "tls_failed_server",
    "requestheaders",
    "request",
    "responseheaders",
    "response",
    "error",
)


class Interceptor:
    """Opens listeners; one of them may belong to one run."""

    def __init__(
        self,
        engine: Engine,
        *,
        authority: Path,
        upstream_ca: Path | None = None,
        ignored: Callable[[str], bool] = lambda _host: False,
        limits: ClientLimits = USUAL,
    ) -> None:
        self._engine = engine
        self._limits = limits
        self._runs: dict[int, str] = {}
        addons = default_addons(
            engine,
            runs=self._runs,
            authority=authority,
            upstream_ca=upstream_ca,
            ignored=ignored,
            limits=limits,
        )
        (self._layers,) = (addon for addon in addons if isinstance(addon, Layers))
        (slow_lane,) = (addon for addon in addons if isinstance(addon, SlowLane))
        slow_lane.push = self._push
        self._table = hook_table(addons, HOOKS)
        self._options = _options()
        self._servers: dict[int, list[asyncio.Server]] = {}
        self._handlers: dict[asyncio.Task[None], Handler] = {}
        self._sweeper: asyncio.Task[None] | None = None

    async def listen(self, host: str, port: int, *, run: str | None = None) -> int:
        """Opens a listener, of `run` if given; port 0 takes a free one. Raises ListenError."""
        return await self.serve(bound(host, port), run=run)

    async def serve(self, sockets: Sequence[socket.socket], *, run: str | None = None) -> int:
        """The same for sockets that listen already."""
        if self._sweeper is None:
            self._sweeper = spawn(self._sweep(), "client sweeper")
        port = port_of(sockets)
        if run is not None:
            self._runs[port] = run
        self._engine.router.own_ports.add(port)
        self._servers[port] = [
            await asyncio.start_server(self._connected, sock=each, backlog=BACKLOG)
            for each in sockets
        ]
        return port

    def forget(self, port: int) -> None:
        """Closes a listener; connections that are open go on."""
        for server in self._servers.pop(port, ()):
            server.close()
        self._runs.pop(port, None)
        self._engine.router.own_ports.discard(port)

    async def drain(self) -> None:
        """Stops listening, and lets everybody finish: who has nothing under way is hung up on."""
        for port in list(self._servers):
            self.forget(port)
        while self._engine.busy or not self._all_idle():
            self._hang_up_on_idle()
            await asyncio.sleep(_LOOK)
        await self._engine.settle()

    def _hang_up_on_idle(self) -> None:
        for handler in list(self._handlers.values()):
            lane = self._layers.lanes.get(handler.client.id)
            if getattr(lane, "idle", False):
                handler.hang_up()

    def _all_idle(self) -> bool:
        """Whether no lane that can say so has something under way."""
        lanes = [self._layers.lanes.get(one.client.id) for one in self._handlers.values()]
        return all(getattr(lane, "idle", True) for lane in lanes)

    async def stop(self) -> None:
        """Closes every listener and every connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for port in list(self._servers):
            self.forget(port)
        for handler in self._handlers:
            handler.cancel()
        if self._handlers:
            await asyncio.wait(self._handlers, timeout=5)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = Handler(reader, writer, self._options, table=self._table, pool=self._engine.pool)
        task = spawn(handler.handle_client(), "client")
        self._handlers[task] = handler
        task.add_done_callback(self._handlers.pop)

    def _push(self, client: str, event: events.Event) -> None:
        """An event for the layers of one client."""
        for handler in self._handlers.values():
            if handler.client.id == client:
                handler.push(event)

    async def _sweep(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_SWEEP)
            # What clients have sent may wait here when this process is behind.
            if time.monotonic() - before < _SWEEP + _BEHIND:
                self.sweep(time.time())

    def sweep(self, now: float) -> None:
        """Hangs up on clients that say nothing for too long; `now` is wall time, in seconds."""
        for handler in list(self._handlers.values()):
            lane = self._layers.lanes.get(handler.client.id)
            if lane is None:  # not even a request's head, or the TLS before it
                late = now - handler.client.timestamp_start > self._limits.first
            else:
                quiet = now - handler.timeout_watchdog.last_activity
                late = quiet > self._limits.idle and getattr(lane, "idle", False)
            if late:
                handler.hang_up()


# What mitmproxy's layers look up; its own addons, which would define these, are not loaded.
_OPTIONS: tuple[tuple[str, object, object], ...] = (
    ("body_size_limit", str | None, None),
    ("connection_strategy", str, "lazy"),
    ("http2_ping_keepalive", int, 0),
    ("http_connect_send_host_header", bool, True),
    ("keep_host_header", bool, False),
    ("normalize_outbound_headers", bool, True),
    ("proxy_debug", bool, False),
    ("proxyauth", str | None, None),
    ("rawtcp", bool, True),
    ("store_streamed_bodies", bool, False),
    ("stream_large_bodies", str | None, None),
    ("tcp_timeout", int, 24 * 3600),
    ("validate_inbound_headers", bool, True),
    ("websocket", bool, True),
)


@functools.cache
def _options() -> moptions.Options:
    """Nobody changes them, so one is enough for a process."""
    options = moptions.Options()
    for name, kind, value in _OPTIONS:
        if name in options:
            options.update_known(**{name: value})  # type: ignore[no-untyped-call]  # mitmproxy's
        else:
            options.add_option(name, kind, value, "")
    return options
