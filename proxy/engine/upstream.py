"""Connections to upstreams: dialled, verified, pooled. Bytes in, bytes out; no HTTP here.

The pool is shared by every way in. A connection is lent to one borrower at a time and comes back
only when a message has ended cleanly on it. What goes wrong is said as the `End` that the exchange
then has.
"""

import asyncio
import contextlib
import os
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, override

from proxy.core.decisions import Address
from proxy.core.model import End
from proxy.errors import ConfigError

USUAL_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
_HIGH_WATER = 256 * 1024
_IDLE_SECONDS = 50.0
STALE = 4.0  # seconds of idleness after which a connection is not trusted with a POST
_IDLE_PER_HOST = 64


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

    def write(self, data: bytes) -> None:
        """Sends `data`; lost silently once the connection is."""
        if self.transport is not None and not self.eof:
            self.transport.write(data)

    async def drain(self) -> None:
        """Waits until there is room in the send buffer."""
        await self._writable.wait()

    def is_closing(self) -> bool:
        """Whether writes are pointless."""
        return self.eof or self.transport is None or self.transport.is_closing()

    def write_eof(self) -> None:
        """Half-closes where the transport can."""
        if self.transport is not None and self.transport.can_write_eof():
            self.transport.write_eof()

    def close(self) -> None:
        """Closes after what is buffered has been sent."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Closes now."""
        if self.transport is not None:
            self.transport.abort()


class Pool:
    """Dials and keeps connections. `connect_timeout` is in seconds and covers TLS."""

    def __init__(self, *, upstream_ca: Path | None = None, connect_timeout: float = 10.0) -> None:
        self._tls = client_tls(upstream_ca)
        self._connect_timeout = connect_timeout
        self._idle: dict[Address, deque[Connection]] = defaultdict(deque)

    async def acquire(
        self, address: Address, borrower: Borrower, *, repeatable: bool = True
    ) -> Connection:
        """An open connection to `address`: an idle one, or a new one. Raises UpstreamError.

        A request that is not `repeatable` gets only a connection that was used a moment ago: one
        that the upstream may be closing just now would lose it.
        """
        connection = self._acquire_idle(address, borrower, _IDLE_SECONDS if repeatable else STALE)
        return connection if connection is not None else await self.dial(address, borrower)

    def _acquire_idle(
        self, address: Address, borrower: Borrower, max_age: float
    ) -> Connection | None:
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
        loop = asyncio.get_running_loop()
        secure = address.scheme in {"https", "wss"}
        try:
            async with asyncio.timeout(self._connect_timeout):
                _, connection = await loop.create_connection(
                    lambda: Connection(address),
                    address.host,
                    address.port,
                    ssl=self._tls if secure else None,
                    server_hostname=address.name if secure else None,
                    happy_eyeballs_delay=None if _is_literal(address.host) else 0.25,
                )
        except TimeoutError:
            said = f"no connection to {place(address)} in {self._connect_timeout:g} s"
            raise UpstreamError(End.UPSTREAM_TIMEOUT, said) from None
        except OSError as error:
            raise UpstreamError(*explain(error, address)) from error
        connection.borrower = borrower
        return connection

    def release(self, connection: Connection) -> None:
        """Takes back a connection on which a message has ended cleanly."""
        connection.borrower = None
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


def client_tls(upstream_ca: Path | None) -> ssl.SSLContext:
    """A verifying client context: the public roots of this machine, and `upstream_ca`."""
    context = ssl.create_default_context()
    if not context.get_ca_certs() and not os.environ.get("SSL_CERT_FILE"):
        for usual in USUAL_BUNDLES:
            if Path(usual).is_file():
                context.load_verify_locations(usual)
                break
    if upstream_ca is not None:
        try:
            context.load_verify_locations(upstream_ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"the upstream CA {str(upstream_ca)!r} cannot be read: {error}",
                hint="--upstream-ca (DASHCAM_UPSTREAM_CA) takes a PEM file of CA certificates",
            ) from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def explain(error: OSError, address: Address) -> tuple[End, str]:
    """What a failed connection attempt means: how the exchange ends, and a sentence."""
    where = place(address)
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


def _is_literal(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
