"""One request and its answer over a pooled connection, for the ways in that are coroutines."""

import asyncio
from collections import deque

from proxy.core.decisions import Address
from proxy.core.http1_response import Progress, ResponseStream
from proxy.engine.upstream import Connection, Pool


class RoundTrip:
    """Borrows a connection, sends, and hands out what comes back as it comes."""

    def __init__(self, pool: Pool, method: bytes) -> None:
        self._pool = pool
        self._incoming: deque[bytes] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._connection: Connection | None = None
        self.answer = ResponseStream(method)
        self.closed = False
        self.lost: Exception | None = None

    async def open(self, address: Address, *, repeatable: bool) -> None:
        """Gets a connection; see `Pool.acquire`. Raises UpstreamError."""
        self._connection = await self._pool.acquire(address, self, repeatable=repeatable)

    @property
    def reused(self) -> bool:
        """Whether the connection had been used before."""
        return self._connection is not None and self._connection.uses > 0

    def send(self, data: bytes) -> None:
        """Sends bytes of the request."""
        if self._connection is not None:
            self._connection.write(data)

    async def drain(self) -> None:
        """Waits for room to send more."""
        if self._connection is not None:
            await self._connection.drain()

    def upstream_data(self, data: bytes) -> None:
        """Bytes from the upstream; see `upstream.Borrower`."""
        self._incoming.append(data)
        self._notify()

    def upstream_closed(self, error: Exception | None) -> None:
        """The upstream is gone; see `upstream.Borrower`."""
        self.closed, self.lost = True, error
        self._notify()

    async def receive(self) -> Progress | None:
        """What came next, or None when the connection is gone. Raises FormatError."""
        if not self._incoming and not self.closed:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        if self._incoming:
            return self.answer.feed(self._incoming.popleft())
        return None

    async def receive_raw(self) -> bytes | None:
        """The next bytes after an upgrade, or None when the connection is gone."""
        if not self._incoming and not self.closed:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        return self._incoming.popleft() if self._incoming else None

    def pause(self) -> None:
        """Stops reading from the upstream until `resume`."""
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        """Reads again."""
        if self._connection is not None:
            self._connection.resume()

    def abort(self) -> None:
        """Ends it now."""
        if self._connection is not None:
            self._connection.abort()

    def close(self) -> None:
        """Gives the connection back if a whole answer has ended on it, else drops it."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self.answer.reusable and not self.closed and not self._incoming:
            self._pool.release(connection)
        else:
            self._pool.discard(connection)

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
