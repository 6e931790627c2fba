"""The short way between a client's connection and its fast lane.

Between the socket and the lane stand up to six of mitmproxy's layers, generators in generators, and
each event goes through all of them, there and back. Once TLS is established they only pass on what
they get, except for TLS itself, which is done here on the same OpenSSL connection. What is not
plain data (a close, an alert) still goes the long way, and so does all until the lane stands.
"""

from collections.abc import Iterator

from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.tls import TLSLayer
from mitmproxy.proxy.tunnel import TunnelState
from OpenSSL import SSL

from addons.fast_lane import FastLane

_lib, _ffi = SSL._lib, SSL._ffi  # type: ignore[attr-defined] # noqa: SLF001 - see _Tls
_ROOM = 65536
_buffer = _ffi.new("char[]", _ROOM)


class Shortcut:
    """Takes events to `lane` and its commands back; `tls` is the client's side of TLS, if any.

    `over` is set once the client's bytes go the long way again.
    """

    def __init__(self, lane: FastLane, tls: SSL.Connection | None) -> None:
        self.over = False
        self._lane = lane
        self._client: Connection = lane.context.client
        self._tls = None if tls is None else _Tls(tls)
        self._issued: dict[int, commands.Command] = {}  # whose answers come this way
        self._opened: set[Connection] = set()

    def takes(self, event: events.Event) -> bool:
        """Whether an event goes this way."""
        if isinstance(event, events.DataReceived):
            return not self.over or event.connection is not self._client
        if isinstance(event, events.CommandCompleted):
            return id(event.command) in self._issued
        return isinstance(event, events.ConnectionClosed) and event.connection in self._opened

    def said(self, event: events.Event) -> Iterator[commands.Command]:
        """What the lane says to an event; data for the client is encrypted.

        What is sent to one connection comes together, before the next command of another kind.
        """
        if isinstance(event, events.DataReceived) and event.connection is self._client:
            if self._tls is not None:
                event = events.DataReceived(self._client, self._tls.decrypted(event.data))
                if reply := self._tls.outgoing():
                    yield commands.SendData(self._client, reply)
            if not event.data:
                return
        elif isinstance(event, events.CommandCompleted):
            del self._issued[id(event.command)]
        elif isinstance(event, events.ConnectionClosed):
            self._opened.discard(event.connection)
        yield from self._gathered(self._lane.handle_event(event))

    def _gathered(self, said: Iterator[commands.Command]) -> Iterator[commands.Command]:
        waiting: dict[Connection, list[bytes]] = {}
        for command in said:
            if isinstance(command, commands.SendData):
                waiting.setdefault(command.connection, []).append(command.data)
                continue
            yield from self._sent(waiting)
            if isinstance(command, commands.OpenConnection):
                self._opened.add(command.connection)
            if command.blocking:
                self._issued[id(command)] = command
            yield command
        yield from self._sent(waiting)

    def is_ending(self) -> bool:
        """Whether the client has said its last, which mitmproxy's layers have to hear."""
        return self._tls is not None and self._tls.is_ending()

    def _sent(self, waiting: dict[Connection, list[bytes]]) -> Iterator[commands.Command]:
        for connection, pieces in waiting.items():
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            if connection is self._client and self._tls is not None:
                data = self._tls.encrypted(data)
            if data:
                yield commands.SendData(connection, data)
        waiting.clear()


def shortcut(lane: FastLane) -> Shortcut | None:
    """The short way to a lane, if there is one by now."""
    layers: list[Layer] = lane.context.layers
    tunnels = [layer for layer in layers if isinstance(layer, TLSLayer)]
    if any(layer._paused for layer in layers if layer is not lane) or len(tunnels) > 1:  # noqa: SLF001 - mitmproxy's own state
        return None
    if not tunnels:
        return Shortcut(lane, None)
    tunnel = tunnels[0]
    if tunnel.tunnel_state is not TunnelState.OPEN or tunnel.conn is not lane.context.client:
        return None
    return Shortcut(lane, tunnel.tls)


class _Tls:
    """The client's TLS connection.

    OpenSSL is asked directly where pyOpenSSL would raise an exception to say that there is no more,
    which is what nearly every event ends with.
    """

    def __init__(self, connection: SSL.Connection) -> None:
        self._connection = connection
        self._ssl = connection._ssl  # noqa: SLF001 - see above
        self._out = connection._from_ssl  # noqa: SLF001 - see above

    def decrypted(self, data: bytes) -> bytes:
        """The plain text of what came in; what ends the connection is left to be read again."""
        self._connection.bio_write(data)
        plain: list[bytes] = []
        while (size := _lib.SSL_read(self._ssl, _buffer, _ROOM)) > 0:
            plain.append(_ffi.buffer(_buffer, size)[:])
        _lib.ERR_clear_error()
        return plain[0] if len(plain) == 1 else b"".join(plain)

    def encrypted(self, data: bytes) -> bytes:
        """The records of what goes out; none when the client reads no more."""
        try:
            self._connection.sendall(data)
        except (SSL.ZeroReturnError, SSL.SysCallError):
            return b""
        return self.outgoing()

    def outgoing(self) -> bytes:
        """The records that wait to be sent."""
        pieces: list[bytes] = []
        while (size := _lib.BIO_read(self._out, _buffer, _ROOM)) > 0:
            pieces.append(_ffi.buffer(_buffer, size)[:])
            if size < _ROOM:
                break
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def is_ending(self) -> bool:
        """Whether the client has said its last."""
        return bool(self._connection.get_shutdown() & SSL.RECEIVED_SHUTDOWN)
