"""Ports that are open at once, and served by something that takes long to load.

It is loaded when the first client has come, or by `load`; clients that have come before that wait.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from proxy.engine.ports import bound, port_of
from proxy.engine.tasks import spawn

type Serve[T] = Callable[[T, Sequence[socket.socket]], Awaitable[Any]]


class Doors[T]:
    """Some ports: `make` loads what serves them, `serve` gives it the sockets of one."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, T]], serve: Serve[T]) -> None:
        self._make = make
        self._serve = serve
        self._waiting: dict[int, Sequence[socket.socket]] = {}
        self._making: asyncio.Task[T] | None = None

    def open(self, host: str, port: int, *, shared: bool = False) -> int:
        """Listens; port 0 takes a free one. Raises ListenError."""
        sockets = bound(host, port, shared=shared)
        number = port_of(sockets)
        self._waiting[number] = sockets
        for each in sockets:
            asyncio.get_running_loop().add_reader(each, self._knocked, number)
        return number

    def close(self, port: int) -> bool:
        """Closes a port that nobody has come to yet; False if there is none of that number."""
        sockets = self._quiet(port)
        for each in sockets:
            each.close()
        return bool(sockets)

    async def load(self) -> T:
        """Loads what serves the ports, and has it serve them."""
        if self._making is None:
            self._making = spawn(self._make(), "loading a server")
        made = await asyncio.shield(self._making)
        while self._waiting:
            sockets = self._quiet(next(iter(self._waiting)))
            await self._serve(made, sockets)
        return made

    @property
    def made(self) -> T | None:
        """What serves the ports, if it has been loaded."""
        if self._making is None or not self._making.done() or self._making.exception():
            return None
        return self._making.result()

    @property
    def waited_for(self) -> bool:
        """Whether somebody has come, or the loading has begun without."""
        return self._making is not None

    async def stop(self) -> T | None:
        """Closes what waits; returns what was loaded to serve the rest, for the caller to stop."""
        for port in list(self._waiting):
            self.close(port)
        if self._making is not None:
            await asyncio.wait([self._making])
        return self.made

    def _knocked(self, port: int) -> None:
        for each in self._waiting.get(port, ()):
            asyncio.get_running_loop().remove_reader(each)
        spawn(self._answered(port), "answering the first client")

    async def _answered(self, port: int) -> None:
        try:
            await self.load()
        except Exception:  # whatever it is, nobody is to wait there
            self.close(port)
            raise

    def _quiet(self, port: int) -> Sequence[socket.socket]:
        """The sockets of a port, which is watched no longer."""
        sockets = self._waiting.pop(port, ())
        for each in sockets:
            asyncio.get_running_loop().remove_reader(each)
        return sockets
