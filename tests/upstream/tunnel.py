"""A blind CONNECT tunnel: the way to an upstream by name with nobody in between who looks."""

import asyncio
import contextlib
from collections.abc import Mapping

_READ = 64 * 1024


class Tunnel:
    """Leads every CONNECT, whatever host it names, to one of `ports` by the port it names."""

    def __init__(self, ports: Mapping[int, int]) -> None:
        self._ports = ports

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head.decode("latin-1").partition(" ")
        wanted = int(rest.partition(" ")[0].rpartition(":")[2]) if method == "CONNECT" else 0
        if wanted not in self._ports:
            writer.write(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n")
            return
        there = await asyncio.open_connection("127.0.0.1", self._ports[wanted])
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, there[1]))
                group.create_task(_pump(there[0], writer))
        finally:
            there[1].close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_READ):
            writer.write(data)
            await writer.drain()
    if writer.can_write_eof():
        with contextlib.suppress(OSError):
            writer.write_eof()
