"""HTTP/1.1 on raw asyncio streams, with every byte in the log."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus

from tests.upstream import websocket
from tests.upstream.contract import Behaviour, Framing, Gone, Pairs, Request
from tests.upstream.world import Fields, Seen, World

_READ = 64 * 1024
_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}


class Http1Connection:
    """Requests one after the other; each is answered by the behaviour that `route` names."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        world: World,
        route: Callable[[str], Behaviour],
        number: int,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._world = world
        self._route = route
        self._number = number

    async def serve(self) -> None:
        """Until the client leaves, asks to close, or a behaviour ends the connection."""
        while (request := await self._read_head()) is not None:
            reply = Http1Reply(self._writer, request.seen)
            how = "cancelled"
            try:
                if (request.seen.header("upgrade") or "").lower() == "websocket":
                    await websocket.serve(request, self._reader, self._writer)
                else:
                    await self._route(request.path)(request, reply)
                    await request.drain()
                how = "done"
            except (Gone, ConnectionError, EOFError) as gone:
                how = str(gone) or type(gone).__name__
                return
            finally:
                self._world.end(request.seen, how)
            if (request.seen.header("connection") or "").lower() == "close":
                return

    async def _read_head(self) -> Request | None:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            return None
        seen = self._world.begin(self._number, "http/1.1")
        seen.received.add(head)
        line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        method, _, rest = line.decode("latin-1").partition(" ")
        seen.method, seen.target = method, rest.rpartition(" ")[0]
        seen.headers = _fields(fields)
        return Request(seen, self._world, self._body(seen))

    async def _body(self, seen: Seen) -> AsyncIterator[bytes]:
        if (seen.header("expect") or "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if (seen.header("transfer-encoding") or "").lower() == "chunked":
            pieces = self._chunked(seen)
        else:
            pieces = self._sized(seen, int(seen.header("content-length") or 0))
        async for piece in pieces:
            seen.body.add(piece)
            yield piece

    async def _sized(self, seen: Seen, left: int) -> AsyncIterator[bytes]:
        while left:
            data = await self._reader.read(min(left, _READ))
            if not data:
                raise Gone("the client left in its body")
            seen.received.add(data)
            left -= len(data)
            yield data

    async def _chunked(self, seen: Seen) -> AsyncIterator[bytes]:
        while True:
            line = await self._line(seen)
            size = int(line.partition(b";")[0], 16)
            if not size:
                break
            data = await self._reader.readexactly(size + 2)
            seen.received.add(data)
            seen.chunks.append(size)
            yield data[:-2]
        trailers = []
        while line := (await self._line(seen)).rstrip(b"\r\n"):
            trailers.append(line)
        seen.trailers = _fields(trailers)

    async def _line(self, seen: Seen) -> bytes:
        line = await self._reader.readline()
        seen.received.add(line)
        if not line.endswith(b"\n"):
            raise Gone("the client left in its body")
        return line


class Http1Reply:
    """A reply on an HTTP/1.1 connection; see `contract.Reply`."""

    def __init__(self, writer: asyncio.StreamWriter, seen: Seen) -> None:
        self._writer = writer
        self._seen = seen
        self._framing: Framing = "length"

    async def inform(self, status: int, headers: Pairs = ()) -> None:
        await self.raw(_head(status, headers))

    async def head(self, status: int, headers: Pairs = (), framing: Framing = "length") -> None:
        self._framing = framing
        extra: Pairs = {
            "chunked": [("transfer-encoding", "chunked")],
            "close": [("connection", "close")],
        }.get(framing, [])
        await self.raw(_head(status, [*headers, *extra]))

    async def send(self, data: bytes) -> None:
        self._seen.reply.add(data)
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data) if self._framing == "chunked" else data)

    async def end(self, trailers: Pairs = ()) -> None:
        if self._framing == "chunked":
            lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
            await self.raw(f"0\r\n{lines}\r\n".encode("latin-1"))
        if self._framing == "close":
            await self.hang_up()

    async def raw(self, data: bytes) -> None:
        self._seen.sent.add(data)
        self._writer.write(data)
        await self._writer.drain()

    async def hang_up(self) -> None:
        self._writer.close()
        raise Gone("hung up")

    async def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)  # on, for no time: close sends RST instead of FIN
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()
        raise Gone("reset")


def _head(status: int, headers: Pairs) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    phrase = _PHRASES.get(status, "Unassigned")
    return f"HTTP/1.1 {status} {phrase}\r\n{lines}\r\n".encode("latin-1")


def _fields(lines: list[bytes]) -> Fields:
    pairs = (line.partition(b":") for line in lines)
    return tuple((name, value.strip()) for name, _, value in pairs)
