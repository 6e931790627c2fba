"""Records what passed: reads it off a pipe, pairs it to exchanges, hands these to a sink.

It happens in a process of its own, which outlives the one that passes the messages on: MCP clients
end their servers with signals, and then nothing must be lost. See `feeding` for the other end.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from proxy.core.model import Exchange
from proxy.errors import DashcamError
from proxy.mcp.framing import CLIENT, OVER, SERVER, STOPPED, Passed, Stop, messages
from proxy.mcp.pairing import Lines, Pairing

_READ = 1 << 20
_KILLED = "dashcam mcp was killed"


class Sink(Protocol):
    """Where exchanges go."""

    async def open(self) -> None:
        """Gets ready. Raises DashcamError."""

    async def add(self, exchanges: Sequence[Exchange]) -> None:
        """Keeps them. Raises DashcamError."""

    async def close(self) -> None:
        """Ends the run if it is the server's own. Raises DashcamError."""


def record(source: int, pairing: Pairing, sinks: Sequence[Callable[[], Sink]]) -> None:
    """Records what comes on the pipe `source` until its end; `sinks` are tried in order.

    What cannot be recorded is told on stderr.
    """
    try:
        asyncio.run(_record(source, pairing, list(sinks)))
    except Exception as error:  # noqa: BLE001 - nobody else is there to hear of it
        said = error.message if isinstance(error, DashcamError) else repr(error)
        sys.stderr.write(f"dashcam: {pairing.server} is not recorded: {said}\n")


async def _record(source: int, pairing: Pairing, makers: list[Callable[[], Sink]]) -> None:
    reading = _Reading(pairing)
    sink: Sink | None = None
    buffer = bytearray()
    while data := await asyncio.to_thread(os.read, source, _READ):
        buffer += data
        done = [exchange for item in messages(buffer) for exchange in reading.take(item)]
        sink = await _kept(sink, makers, done)
    sink = await _kept(sink, makers, reading.over(_KILLED))
    if sink is not None:
        await sink.close()


class _Reading:
    """What is known of the connection so far."""

    def __init__(self, pairing: Pairing) -> None:
        self._pairing = pairing
        self._lines = {CLIENT: Lines(), SERVER: Lines()}
        self._last = 0
        self._client_left = False
        self._over = False

    def take(self, item: Passed) -> list[Exchange]:
        """The exchanges that are whole now."""
        self._last = item.at
        if item.what == OVER:
            return self.over(item.data.decode())
        if item.what == STOPPED:
            self._pairing.stopped(Stop.unpack(item.data))
            return []
        lines = self._lines[item.what]
        found = lines.feed(item.data) if item.data else lines.close()
        self._client_left = self._client_left or (item.what == CLIENT and not item.data)
        return self._paired(item.what, found)

    def over(self, ended: str) -> list[Exchange]:
        """What is left when the connection is over; only the first reason counts."""
        if self._over:
            return []
        self._over = True
        done = [
            one for what, rest in self._lines.items() for one in self._paired(what, rest.close())
        ]
        return done + self._pairing.ended(self._last, ended, by_client=self._client_left)

    def _paired(self, what: int, lines: Sequence[bytes]) -> list[Exchange]:
        pair = self._pairing.line
        mine = what == CLIENT
        return [one for line in lines for one in pair(self._last, from_client=mine, data=line)]


async def _kept(
    sink: Sink | None, makers: list[Callable[[], Sink]], done: Sequence[Exchange]
) -> Sink | None:
    """Hands exchanges to the sink in use, else to the next one that can be had."""
    while done:
        try:
            if sink is None:
                sink = makers.pop(0)()
                await sink.open()
            await sink.add(done)
        except DashcamError as error:
            if not makers:
                raise
            sys.stderr.write(f"dashcam: {error.message}; it is recorded in the store instead\n")
            sink = None
        else:
            break
    return sink
