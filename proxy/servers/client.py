"""A client's connection to our port, whatever is said on it: its time, room to write, its end."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, override

from proxy.core.correlation import Peer

_log = logging.getLogger(__name__)
HEAD_SECONDS = 10.0  # until a request's head must have come whole
_IDLE_SECONDS = 600.0  # that a connection may be quiet between requests
_LINGER_SECONDS = 2.0
HIGH_WATER = 256 * 1024

type Factory = Callable[[], asyncio.Protocol]


class Client(asyncio.Protocol):
    """One connection; subclasses say what is done with what comes in.

    `connections` has it for as long as it is open and ours. `other` makes the protocol that takes
    it over when need be.
    """

    def __init__(self, connections: set["Client"], other: Factory) -> None:
        self._connections = connections
        self._other = other
        self._transport: asyncio.Transport
        self.gone: asyncio.Future[None]  # done when the connection is closed or handed over
        self._peer = Peer("")
        self._input = b""
        self._keep = True  # whether another request may follow the one that is being answered
        self._served = False
        self._since = 0.0  # when it became idle, or when a head began to come
        self._lingers = False  # the answer is given, the rest of the request is passed over
        self._timer: asyncio.TimerHandle | None = None
        self._doing: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()  # to write more to the client
        self._room.set()

    @property
    def idle(self) -> bool:
        """Whether it is between two requests."""
        raise NotImplementedError

    def received(self) -> None:
        """There is more in `_input`."""
        raise NotImplementedError

    def lost(self) -> None:
        """The client is gone."""
        raise NotImplementedError

    def failed(self) -> None:
        """Something of ours has failed; the connection is aborted after this."""
        raise NotImplementedError

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream protocol's transport
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        address, listener = (
            f"{name[0]}:{name[1]}" if (name := transport.get_extra_info(end)) else ""
            for end in ("peername", "sockname")
        )
        self._peer = Peer(address, connection=address, listener=listener)
        self._since = time.monotonic()
        self._connections.add(self)
        loop = asyncio.get_running_loop()
        self.gone = loop.create_future()
        self._timer = loop.call_later(HEAD_SECONDS, self._look)

    @override
    def data_received(self, data: bytes) -> None:
        if not self._lingers:
            self._input = self._input + data if self._input else data
            self.received()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()
        self.lost()
        for task in list(self._doing):
            task.cancel()

    @override
    def pause_writing(self) -> None:
        self._room.clear()

    @override
    def resume_writing(self) -> None:
        self._room.set()

    def end(self) -> None:
        """Closes it, after the answer that is being given."""
        self._keep = False
        if self.idle:
            self._transport.close()

    def abort(self) -> None:
        """Closes it now."""
        self._transport.abort()

    def _look(self) -> None:
        """Closes a connection that has kept quiet for too long."""
        if self.idle:
            limit = _IDLE_SECONDS if self._served and not self._input else HEAD_SECONDS
            if time.monotonic() - self._since >= limit:
                self._transport.close()
                return
        self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._look)

    def _let_go(self) -> None:
        self._connections.discard(self)
        if not self.gone.done():
            self.gone.set_result(None)
        if self._timer is not None:
            self._timer.cancel()

    def _hand_over(self) -> None:
        """Another protocol goes on with this connection, from what has come and is not read."""
        self._let_go()
        waiting, self._input = self._input, b""
        protocol = self._other()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(waiting)

    def _linger(self) -> None:
        """Ends our side and passes over what still comes: a reset might take the answer away."""
        if self._transport.is_closing():
            return
        self._lingers = True
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.close)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs it as far as it goes now, and the rest as a task that ends with the connection."""
        task = asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
        if task.done():
            self._done(task)
        else:
            self._doing.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._doing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a request failed", exc_info=error)
            self.failed()
            self._transport.abort()
