"""Connections to upstreams: dialled, verified, pooled. Bytes in, bytes out; no HTTP here.

The pool is shared by every way in. A connection is lent to one borrower at a time and comes back
only when a message has ended cleanly on it. What goes wrong is said as the `End` that the exchange
then has.
"""

import asyncio
import asyncio.sslproto
import contextlib
import functools
import ssl
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Protocol, override

from proxy.core.decisions import Address
from proxy.core.http1_messages import absolute_form
from proxy.core.model import End, RequestHead
from proxy.engine.client_tls import check_ca, client_tls, keep_session
from proxy.engine.proxies import Hop, NoTunnelError, Proxies, ProxyError, relay, tunnel

_HIGH_WATER = 256 * 1024
_IDLE_SECONDS = 50.0
STALE = 4.0  # seconds of idleness after which a connection is not trusted with a POST
_IDLE_PER_HOST = 64
_REACHED_SECONDS = 30.0  # that the address of a host is not looked up again
_MOST_REACHED = 1000


# asyncio makes a buffer of this size for each TLS connection, 256 KiB unless told otherwise. A TLS
# record has 16 KiB at most. See `_shares_buffer`.
asyncio.sslproto.SSLProtocol.max_size = 32 * 1024

type Certificates = Mapping[str, tuple[Path, Path | None]]


class UpstreamError(Exception):
    """No connection could be had, and why in the exchange's own terms."""

    def __init__(self, end: End, message: str) -> None:
        super().__init__(message)
        self.end = end


class Borrower(Protocol):
    """Who holds a connection."""

    def upstream_data(self, data: bytes) -> None:
        """Bytes came in."""

    def upstream_closed(self, error: Exception | None) -> None:
        """The other side is gone: None is a clean end of stream."""


class Connection(asyncio.Protocol):
    """One connection; looks enough like a StreamWriter to be written to as one."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.transport: asyncio.Transport | None = None
        self.borrower: Borrower | None = None
        self.uses = 0
        self.idle_since = 0.0
        self.eof = False
        self.idle_timer: asyncio.TimerHandle | None = None
        self.on_idle_loss: Callable[[Connection], None] | None = None
        self.relay: Hop | None = None  # a proxy at its other end, which is asked for the address
        self._writable = asyncio.Event()
        self._writable.set()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream protocol's transport
        self.transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER)

    @override
    def data_received(self, data: bytes) -> None:
        if self.borrower is not None:
            self.borrower.upstream_data(data)
        else:
            self.abort()  # nobody asked: the peer is out of step

    @override
    def eof_received(self) -> bool:
        return False  # closes the transport; connection_lost(None) follows

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.eof = True
        if not self.uses and self.transport is not None:
            keep_session(self.transport)
        self._writable.set()
        if self.borrower is not None:
            self.borrower.upstream_closed(exc)
        elif self.on_idle_loss is not None:
            self.on_idle_loss(self)

    @override
    def pause_writing(self) -> None:
        self._writable.clear()

    @override
    def resume_writing(self) -> None:
        self._writable.set()

    def addressed(self, head: bytes) -> bytes:
        """A request's head as the other end takes it."""
        if self.relay is None:
            return head
        where = RequestHead("", "http", self.address.host, self.address.port, "").authority
        return absolute_form(head, where.encode("idna"), self.relay.credentials)

    def write(self, data: bytes) -> None:
        """Sends `data`; lost silently once the connection is."""
        if self.transport is not None and not self.eof:
            self.transport.write(data)

    async def drain(self) -> None:
        """Waits until there is room in the send buffer."""
        await self._writable.wait()

    @property
    def is_full(self) -> bool:
        """Whether it is better to wait before more is sent; see `drain`."""
        return not self._writable.is_set()

    def pause(self) -> None:
        """Stops reading until `resume`."""
        if self.transport is not None:
            self.transport.pause_reading()

    def resume(self) -> None:
        """Reads again."""
        if self.transport is not None:
            self.transport.resume_reading()

    def is_closing(self) -> bool:
        """Whether writes are pointless."""
        return self.eof or self.transport is None or self.transport.is_closing()

    def write_eof(self) -> None:
        """Half-closes where the transport can."""
        if self.transport is not None and self.transport.can_write_eof():
            self.transport.write_eof()

    def close(self) -> None:
        """Closes after what is buffered has been sent."""
        # Told twice, asyncio's transport of TLS forgets its protocol, which is to hear of the end.
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()

    def abort(self) -> None:
        """Closes now."""
        if self.transport is not None:
            self.transport.abort()


class Pool:
    """Dials and keeps connections. `connect_timeout` is in seconds and covers proxies and TLS.

    `certificates` are what we show to upstreams that ask who we are: PEM files with a certificate
    and its key, or one each, by host (`*` stands for any part).
    """

    def __init__(
        self,
        *,
        upstream_ca: Path | None = None,
        connect_timeout: float = 10.0,
        proxies: Proxies | None = None,
        certificates: Certificates | None = None,
    ) -> None:
        self._upstream_ca = upstream_ca
        if upstream_ca is not None:
            check_ca(upstream_ca)
        self._own_tls = {
            host.lower(): client_tls(upstream_ca, files)
            for host, files in (certificates or {}).items()
        }
        self.certificates: Certificates = certificates or {}
        self._connect_timeout = connect_timeout
        self._proxies = proxies or Proxies()
        self._idle: dict[Address, deque[Connection]] = defaultdict(deque)
        self._buffer = bytearray(asyncio.sslproto.SSLProtocol.max_size)
        self._relays: set[Hop] = set()  # proxies that make no tunnels for plain HTTP
        self._reached: dict[tuple[str, int], tuple[str, float]] = {}  # at which address, until when

    async def acquire(
        self, address: Address, borrower: Borrower, *, repeatable: bool = True
    ) -> Connection:
        """An open connection to `address`: an idle one, or a new one. Raises UpstreamError.

        A request that is not `repeatable` gets only a connection that was used a moment ago: one
        that the upstream may be closing just now would lose it.
        """
        connection = self.idle(address, borrower, repeatable=repeatable)
        return connection if connection is not None else await self.dial(address, borrower)

    def idle(
        self, address: Address, borrower: Borrower, *, repeatable: bool = True
    ) -> Connection | None:
        """As `acquire`, but only a connection that there is already."""
        max_age = _IDLE_SECONDS if repeatable else STALE
        waiting = self._idle.get(address)
        while waiting and time.monotonic() - waiting[-1].idle_since < max_age:
            connection = waiting.pop()
            if connection.idle_timer is not None:
                connection.idle_timer.cancel()
                connection.idle_timer = None
            if not connection.is_closing():
                connection.borrower = borrower
                return connection
        return None

    async def dial(self, address: Address, borrower: Borrower) -> Connection:
        """A new connection. Raises UpstreamError."""
        secure = address.scheme in {"https", "wss"}
        hop = self._proxies.hop("https" if secure else "http", address.host, address.port)
        async with self._explained(address, hop):
            if hop is None:
                connection = await self._straight(address, secure=secure)
            else:
                connection = await self._through(hop, address, secure=secure)
        connection.borrower = borrower
        return connection

    async def stream(self, address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection as a stream, without TLS, whatever the scheme. Raises UpstreamError."""
        hop = self._proxies.hop(address.scheme, address.host, address.port)
        async with self._explained(address, hop):
            if hop is None:
                return await asyncio.open_connection(
                    address.host, address.port, happy_eyeballs_delay=_delay(address.host)
                )
            transport, said_already = await tunnel(
                hop, address.host, address.port, lambda: self._tls
            )
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        reader.feed_data(said_already)
        transport.resume_reading()
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    @contextlib.asynccontextmanager
    async def _explained(self, address: Address, hop: Hop | None) -> AsyncIterator[None]:
        """In time, or an UpstreamError."""
        try:
            address.host.encode("idna")  # as those who look it up do, not all of them here
            async with asyncio.timeout(self._connect_timeout):
                yield
        except ProxyError as error:
            raise UpstreamError(error.end, str(error)) from error
        except TimeoutError:
            through = f" through the upstream proxy {hop.place}" if hop is not None else ""
            said = f"no connection to {place(address)}{through} in {self._connect_timeout:g} s"
            raise UpstreamError(End.UPSTREAM_TIMEOUT, said) from None
        except UnicodeError:
            said = f"{place(address)} cannot be reached: that is no name of a host"
            raise UpstreamError(End.UPSTREAM_REFUSED, said) from None
        except OSError as error:
            raise UpstreamError(*explain(error, address, hop)) from error

    async def _straight(self, address: Address, *, secure: bool) -> Connection:
        """To where the host was reached a moment ago, if it was; else its name is looked up."""
        key = (address.host, address.port)
        found, until = self._reached.get(key, ("", 0.0))
        if time.monotonic() < until:
            try:
                return await self._connect(address, found, secure=secure)
            except OSError:
                del self._reached[key]  # it may have moved
        connection = await self._connect(address, address.host, secure=secure)
        if len(self._reached) >= _MOST_REACHED:
            self._reached.clear()
        assert connection.transport is not None  # noqa: S101 - it is connected
        name = connection.transport.get_extra_info("peername")
        self._reached[key] = (name[0], time.monotonic() + _REACHED_SECONDS)
        return connection

    async def _connect(self, address: Address, where: str, *, secure: bool) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(address),
            where,
            address.port,
            ssl=self._context(address) if secure else None,
            server_hostname=certified(address.name) if secure else None,
            happy_eyeballs_delay=_delay(where),
        )
        if secure:
            _shares_buffer(connection.transport, self._buffer)
        return connection

    async def _through(self, hop: Hop, address: Address, *, secure: bool) -> Connection:
        if hop in self._relays and not secure:
            return await self._relayed(hop, address)
        connection = Connection(address)
        try:
            transport, said_already = await tunnel(
                hop, address.host, address.port, lambda: self._tls
            )
        except NoTunnelError:
            if secure:
                raise
            self._relays.add(hop)
            return await self._relayed(hop, address)
        if said_already:  # neither TLS nor HTTP has the server speak first
            transport.abort()
            said = f"the upstream proxy {hop.place} sends bytes that nobody asked for"
            raise ProxyError(End.UPSTREAM_INVALID, said)
        if not secure:
            return _taken_over(transport, connection)
        try:
            wrapped = await asyncio.get_running_loop().start_tls(
                transport,
                connection,
                self._context(address),
                server_hostname=certified(address.name),
            )
        except BaseException:
            transport.abort()
            raise
        assert wrapped is not None  # noqa: S101 - None is for transports already closed
        connection.connection_made(wrapped)
        _shares_buffer(wrapped, self._buffer)
        return connection

    async def _relayed(self, hop: Hop, address: Address) -> Connection:
        connection = Connection(address)
        connection.relay = hop
        return _taken_over(await relay(hop, lambda: self._tls), connection)

    def _context(self, address: Address) -> ssl.SSLContext:
        if self._own_tls:
            for glob, context in self._own_tls.items():
                if fnmatch(certified(address.name).lower(), glob):
                    return context
        return self._tls

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        """Made when it is needed: the public roots take long to load, and a replay needs none."""
        return client_tls(self._upstream_ca)

    def release(self, connection: Connection) -> None:
        """Takes back a connection on which a message has ended cleanly."""
        connection.borrower = None
        if not connection.uses and connection.transport is not None:
            keep_session(connection.transport)
        waiting = self._idle[connection.address]
        if connection.is_closing() or len(waiting) >= _IDLE_PER_HOST:
            connection.close()
            return
        connection.uses += 1
        connection.idle_since = time.monotonic()
        connection.on_idle_loss = self._forget
        connection.idle_timer = asyncio.get_running_loop().call_later(
            _IDLE_SECONDS, self._expire, connection
        )
        waiting.append(connection)

    def discard(self, connection: Connection) -> None:
        """Drops a connection whose state is not known."""
        connection.borrower = None
        connection.abort()

    def close(self) -> None:
        """Closes every idle connection."""
        for waiting in self._idle.values():
            for connection in waiting:
                if connection.idle_timer is not None:
                    connection.idle_timer.cancel()
                connection.on_idle_loss = None
                connection.abort()
        self._idle.clear()

    def _expire(self, connection: Connection) -> None:
        self._forget(connection)
        connection.close()

    def _forget(self, connection: Connection) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._idle[connection.address].remove(connection)
            if not self._idle[connection.address]:
                del self._idle[connection.address]


def _taken_over(transport: asyncio.Transport, connection: Connection) -> Connection:
    """A connection that goes on with a transport that stands already, and is paused."""
    transport.set_protocol(connection)
    connection.connection_made(transport)
    transport.resume_reading()
    return connection


def _shares_buffer(transport: asyncio.BaseTransport | None, buffer: bytearray) -> None:
    """TLS reads into `buffer`, which the connections of one event loop can share.

    A selector's loop fills it and has it emptied in one step; others wait in between.
    """
    protocol = getattr(transport, "_ssl_protocol", None)
    if isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop) and isinstance(
        protocol, asyncio.sslproto.SSLProtocol
    ):
        protocol._ssl_buffer = buffer  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way
        protocol._ssl_buffer_view = memoryview(buffer)  # type: ignore[attr-defined]  # noqa: SLF001 - likewise


def certified(name: str) -> str:
    """A host's name as TLS knows it: without the dot that ends an absolute one (RFC 6066, 3)."""
    return name.removesuffix(".")


def explain(error: OSError, address: Address, hop: Hop | None = None) -> tuple[End, str]:
    """What a failed connection attempt means: how the exchange ends, and a sentence."""
    where = place(address)
    if hop is not None and not isinstance(error, ssl.SSLError):
        where = f"the upstream proxy {hop.place} ({hop.source})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return End.UPSTREAM_TLS, f"the certificate of {where} is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return (
            End.UPSTREAM_TLS,
            f"TLS with {where} failed: {getattr(error, 'reason', None) or error}",
        )
    if isinstance(error, ConnectionResetError):
        return End.UPSTREAM_RESET, f"{where} reset the connection"
    if isinstance(error, ConnectionRefusedError):
        return End.UPSTREAM_REFUSED, f"{where} refused the connection"
    said = error.strerror or str(error) or type(error).__name__
    return End.UPSTREAM_REFUSED, f"{where} cannot be reached: {said}"


def place(address: Address) -> str:
    """The upstream for people: as it was asked for, and where that was mapped to."""
    dialled = f"{address.host}:{address.port}"
    return dialled if address.name == address.host else f"{address.name} (at {dialled})"


def _delay(host: str) -> float | None:
    """Seconds until a host's next address is tried; a literal has no other."""
    return None if ":" in host or host.replace(".", "").isdigit() else 0.25
