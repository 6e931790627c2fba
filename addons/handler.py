"""One client connection: mitmproxy's connection handler, with our dispatch and our upstream pool.

Hooks go straight to the addons through a table made once, and connections to upstreams that are a
`PooledServer` come from the engine's pool, TLS included.
"""

import asyncio
import collections
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, override

from mitmproxy import options as moptions
from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import commands, events, mode_specs
from mitmproxy.proxy.layer import NextLayerHook
from mitmproxy.proxy.layers import ClientTLSLayer, modes
from mitmproxy.proxy.server import ConnectionIO, LiveConnectionHandler

from addons.direct import open_direct
from addons.fast_lane import FastLane
from addons.hooks import WaitHook, WaitRecord
from addons.inbound import Inbound
from addons.pooled import PooledServer
from addons.shortcut import Shortcut, shortcut
from addons.tls import farewell
from proxy.engine.endings import break_off
from proxy.engine.tasks import spawn
from proxy.engine.upstream import Pool, UpstreamError

_log = logging.getLogger(__name__)
_CLIENT_BACKLOG = 256 * 1024  # bytes; no more is read for a client that does not take them
_UNREAD = 4 << 20  # bytes; a client that has not taken them is not listened to either
_UPSTREAMS = 10_000  # connections to one address, of one client connection

type Table = Mapping[str, Sequence[Callable[[Any], Any]]]


def hook_table(addons: Sequence[object], names: Sequence[str]) -> Table:
    """The addons' methods by hook name, in the addons' order."""
    found = {
        name: [method for addon in addons if (method := getattr(addon, name, None)) is not None]
        for name in names
    }
    return {name: methods for name, methods in found.items() if methods}


class Handler(LiveConnectionHandler):
    """Handles one client connection from its first byte to its last."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        options: moptions.Options,
        *,
        table: Table,
        pool: Pool,
    ) -> None:
        super().__init__(reader, writer, options, mode_specs.ProxyMode.parse("regular"))
        self.layer = modes.HttpProxy(self.layer.context)
        # mitmproxy allows five connections to an upstream; calls beyond would wait for each other.
        self.max_conns = collections.defaultdict(lambda: asyncio.Semaphore(_UPSTREAMS))
        self._table = table
        self._pool = pool
        self._lane: FastLane | None = None
        self._short: Shortcut | None = None
        self._tls: ClientTLSLayer | None = None
        self._due: deque[events.Event] = deque()  # what the layers have not heard of yet
        self._at_work = False

    @override
    async def server_event(self, event: events.Event) -> None:
        self.push(event)

    def push(self, event: events.Event) -> None:
        """The layers hear of an event at once, or when they are through with those before it.

        They never wait in the middle of one, so it takes no task and no lock.
        """
        self._due.append(event)
        if self._at_work:
            return
        self._at_work = True
        try:
            while self._due:
                self._say(self._due.popleft())
        finally:
            self._at_work = False

    def _say(self, event: events.Event) -> None:
        self.timeout_watchdog.register_activity()  # type: ignore[no-untyped-call]  # mitmproxy's
        short = self._short
        try:
            if short is not None and short.takes(event):
                said = short.said(event)
            else:
                said = self.layer.handle_event(event)
            for command in said:
                self._execute(command)
        except Exception:  # noqa: BLE001 - as mitmproxy does: a layer that fails is logged
            _log.exception("a connection failed")
        if short is None and self._lane is not None:
            self._short = shortcut(self._lane)
            if self._short is not None:
                self._read_directly(self._short)

    def _read_directly(self, short: Shortcut) -> None:
        """What the client sends from now on goes to the lane without a task between them."""
        io = self.transports.get(self.client)
        if io is None or not isinstance(io.writer, asyncio.StreamWriter):
            return
        reader, transport = io.reader, io.writer.transport
        assert isinstance(reader, asyncio.StreamReader)  # noqa: S101 - both are of one socket
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - likewise

        def take(data: bytes) -> bool:
            if short.over:
                return False
            self.push(events.DataReceived(self.client, data))
            if short.is_ending():
                short.over = True
                self.push(events.DataReceived(self.client, b""))
            elif self._lane is not None and (
                self._lane.upload_waits or self.client_backlog() > _UNREAD
            ):
                self.hold_back(transport, from_client=True)
            return True

        transport.set_protocol(Inbound(transport.get_protocol(), reader, take))

    def hold_back(self, transport: asyncio.ReadTransport, *, from_client: bool) -> None:
        """Stops reading until those whom it is for have taken what they were sent."""
        transport.pause_reading()
        spawn(self._resume_when_drained(transport, from_client), "back-pressure")

    @override
    async def drain_writers(self) -> None:
        """What was read waits for those whom it is for.

        mitmproxy waits for everybody; then a client that sends all before it reads, and an upstream
        that answers meanwhile, wait for each other.
        """
        io = self.transports.get(self.client)
        await self._drained(from_client=io is None or io.handler is asyncio.current_task())

    async def _drained(self, *, from_client: bool) -> None:
        """Waits for those who are sent what is read; for the client itself only if it is deaf."""
        deaf = self.client_backlog() > _UNREAD
        for connection, io in list(self.transports.items()):
            own = (connection is self.client) == from_client
            if io.writer is None or (own and not (from_client and deaf)):
                continue
            try:
                await io.writer.drain()
            except OSError as error:
                if io.handler is not None:
                    io.handler.cancel(f"Error sending data: {error}")

    async def _resume_when_drained(
        self, transport: asyncio.ReadTransport, from_client: bool
    ) -> None:
        await self._drained(from_client=from_client)
        if not transport.is_closing():
            transport.resume_reading()

    def _start(self, hook: commands.StartHook) -> None:
        """Starts a hook; the layer that waits for it goes on as soon as it is done."""
        if isinstance(hook, WaitRecord):
            hook.stored.add_done_callback(lambda _stored: self.push(events.HookCompleted(hook)))
            return
        task = spawn(self.handle_hook(hook), "hook", eager=True)
        if not hook.blocking:
            return
        if task.done():
            self._due.append(events.HookCompleted(hook))
        else:
            task.add_done_callback(lambda _task: self.push(events.HookCompleted(hook)))

    def _execute(self, command: commands.Command) -> None:
        if isinstance(command, commands.OpenConnection):
            task = spawn(self.open_connection(command), "upstream")
            self.transports[command.connection] = ConnectionIO(handler=task)
        elif isinstance(command, commands.StartHook):
            self._start(command)
        elif isinstance(command, commands.ConnectionCommand):
            io = self.transports.get(command.connection)
            if io is None:
                return  # it is closed already
            if isinstance(command, commands.SendData):
                if io.writer is not None and not io.writer.is_closing():
                    io.writer.write(command.data)
            else:
                half = isinstance(command, commands.CloseTcpConnection) and command.half_close
                self.close_connection(command.connection, half)
        elif isinstance(command, commands.RequestWakeup):
            self.wakeup_timer.add(spawn(self.wakeup(command), "wakeup"))
        elif isinstance(command, commands.Log):
            self.log(command.message, command.level)
        else:
            raise TypeError(f"a command that nobody knows: {command}")

    @override
    async def handle_hook(self, hook: commands.StartHook) -> None:
        with self.timeout_watchdog.disarm():
            if isinstance(hook, WaitHook):
                try:
                    await hook.work()
                except Exception:  # noqa: BLE001 - the layer must go on, or the client hangs
                    _log.exception("a wait failed")
                return
            for method in self._table.get(hook.name, ()):
                try:
                    result = method(*hook.args())
                    if isinstance(result, Awaitable):
                        await result
                except Exception:  # noqa: BLE001 - an observer never harms the observed
                    _log.exception("%s failed", hook.name)
            if isinstance(hook, NextLayerHook):
                if isinstance(hook.data.layer, FastLane):
                    self._lane = hook.data.layer
                elif isinstance(hook.data.layer, ClientTLSLayer):
                    self._tls = hook.data.layer

    @override
    def close_connection(self, connection: Connection, half_close: bool = False) -> None:
        """mitmproxy's, which says no goodbye in TLS; and how an answer broke off is passed on."""
        io = self.transports.get(connection)
        writer = io.writer if io is not None else None
        if (
            connection is self.client
            and not half_close
            and isinstance(writer, asyncio.StreamWriter)
        ):
            if self._lane is not None and self._lane.breaks_off:
                break_off(writer.transport)
            elif self._tls is not None and connection.state is ConnectionState.OPEN:
                writer.write(farewell(self._tls))
        super().close_connection(connection, half_close)

    @override
    async def open_connection(self, command: commands.OpenConnection) -> None:
        server = command.connection
        if not isinstance(server, PooledServer):
            await open_direct(self, command, self._pool)
            return
        lost = asyncio.Event()
        borrower = _Borrower(self, server, lost)
        try:
            if server.fresh:
                connection = await self._pool.dial(server.target, borrower)
            else:
                connection = await self._pool.acquire(
                    server.target, borrower, repeatable=server.repeatable
                )
        except UpstreamError as error:
            server.failed = error.end
            server.error = str(error)
            self.transports.pop(server, None)
            await self.server_event(events.OpenConnectionCompleted(command, str(error)))
            return
        server.connection = connection
        server.state = ConnectionState.OPEN
        server.timestamp_start = server.timestamp_tcp_setup = time.time()
        self.transports[server] = ConnectionIO(
            handler=asyncio.current_task(),
            writer=connection,  # type: ignore[arg-type]  # it is written to as a StreamWriter is
        )
        await self.server_event(events.OpenConnectionCompleted(command, None))
        try:
            await lost.wait()
        finally:
            self.transports.pop(server, None)
            server.state = ConnectionState.CLOSED
            if server.clean and not lost.is_set():
                self._pool.release(connection)
            else:
                self._pool.discard(connection)
        await self.server_event(events.ConnectionClosed(server))

    def hang_up(self) -> None:
        """Closes the client's connection; its layers are told as if the client had left."""
        # That TLS ends with it is not the client's doing.
        self._table = {name: do for name, do in self._table.items() if name != "tls_failed_client"}
        io = self.transports.get(self.client)
        if io is not None and io.handler is not None:
            io.handler.cancel("it took too long")

    def client_backlog(self) -> int:
        """Bytes that the client has not taken yet."""
        io = self.transports.get(self.client)
        writer = io.writer if io else None
        if not isinstance(writer, asyncio.StreamWriter):
            return 0
        return int(writer.transport.get_write_buffer_size())

    @override
    def log(self, message: str, level: int = logging.DEBUG, exc_info: Any = None) -> None:
        if level >= logging.ERROR:
            _log.log(level, message, exc_info=exc_info)


class _Borrower:
    """Passes what the pool's connection says into the layers."""

    def __init__(self, handler: Handler, server: PooledServer, lost: asyncio.Event) -> None:
        self._handler = handler
        self._server = server
        self._lost = lost

    def upstream_data(self, data: bytes) -> None:
        self._handler.push(events.DataReceived(self._server, data))
        if self._handler.client_backlog() > _CLIENT_BACKLOG:
            self._hold_back()

    def upstream_closed(self, error: Exception | None) -> None:
        self._server.lost = error
        self._lost.set()

    def _hold_back(self) -> None:
        """Stops reading from the upstream until the client has caught up."""
        connection = self._server.connection
        if connection is None or connection.transport is None or connection.is_closing():
            return
        self._handler.hold_back(connection.transport, from_client=False)
