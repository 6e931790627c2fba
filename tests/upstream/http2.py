"""HTTP/2 with the `h2` state machine: many behaviours at once on one connection."""

import asyncio
from collections.abc import AsyncIterator, Callable

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from tests.upstream.contract import Behaviour, Framing, Gone, Pairs, Request
from tests.upstream.world import World

_READ = 64 * 1024


class _Stream:
    """What one stream waits for: pieces of its body, and room to send."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.room = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Http2Connection:
    """One connection; streams run side by side and end with it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        world: World,
        route: Callable[[str], Behaviour],
        number: int,
    ) -> None:
        self._reader = reader
        self.writer = writer
        self._world = world
        self._route = route
        self._number = number
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        self.h2 = h2.connection.H2Connection(config=config)
        self.streams: dict[int, _Stream] = {}

    async def serve(self) -> None:
        """Until the client leaves."""
        self.h2.initiate_connection()
        await self.flush()
        async with asyncio.TaskGroup() as group:
            try:
                await self._loop(group)
            except (ConnectionError, h2.exceptions.ProtocolError):
                pass  # the client is gone or mad: the streams below end with the connection
            finally:
                for stream in self.streams.values():
                    if stream.task is not None:
                        stream.task.cancel()

    async def flush(self) -> None:
        """Writes what the state machine has to say."""
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()

    async def _loop(self, group: asyncio.TaskGroup) -> None:
        while data := await self._reader.read(_READ):
            for event in self.h2.receive_data(data):
                self._take(event, group)
            await self.flush()

    def _take(self, event: h2.events.Event, group: asyncio.TaskGroup) -> None:
        if isinstance(event, h2.events.RequestReceived):
            begun = self.streams.setdefault(event.stream_id, _Stream())
            begun.task = group.create_task(self._run(event, begun))
        elif isinstance(event, h2.events.DataReceived):
            if (stream := self.streams.get(event.stream_id)) is not None:
                stream.pieces.put_nowait(event.data)
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            if (stream := self.streams.get(event.stream_id)) is not None:
                stream.pieces.put_nowait(None)
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            for waiting in self.streams.values():
                waiting.room.set()
        elif isinstance(event, h2.events.StreamReset):
            stream = self.streams.get(event.stream_id)
            if stream is not None and stream.task is not None:
                stream.task.cancel()

    async def _run(self, event: h2.events.RequestReceived, stream: _Stream) -> None:
        seen = self._world.begin(self._number, "h2")
        headers = tuple((bytes(name), bytes(value)) for name, value in event.headers or ())
        pseudo = {name: value.decode() for name, value in headers if name.startswith(b":")}
        seen.method, seen.target = pseudo[b":method"], pseudo[b":path"]
        seen.headers = tuple(pair for pair in headers if not pair[0].startswith(b":"))

        async def body() -> AsyncIterator[bytes]:
            while (piece := await stream.pieces.get()) is not None:
                seen.received.add(piece)
                seen.body.add(piece)
                seen.chunks.append(len(piece))
                yield piece

        request = Request(seen, self._world, body())
        reply = Http2Reply(self, event.stream_id, request)
        how = "cancelled"
        try:
            await self._route(request.path)(request, reply)
            how = "done"
        except (Gone, ConnectionError, h2.exceptions.ProtocolError) as gone:
            how = str(gone) or type(gone).__name__
        finally:
            self._world.end(seen, how)
            del self.streams[event.stream_id]


class Http2Reply:
    """A reply on an HTTP/2 stream; see `contract.Reply`."""

    def __init__(self, connection: Http2Connection, stream: int, request: Request) -> None:
        self._connection = connection
        self._stream = stream
        self._seen = request.seen

    async def inform(self, status: int, headers: Pairs = ()) -> None:
        self._connection.h2.send_headers(self._stream, [(":status", str(status)), *headers])
        await self._connection.flush()

    async def head(self, status: int, headers: Pairs = (), framing: Framing = "length") -> None:
        self._connection.h2.send_headers(
            self._stream, [(":status", str(status)), *headers], end_stream=framing == "none"
        )
        await self._connection.flush()

    async def send(self, data: bytes) -> None:
        self._seen.reply.add(data)
        while data:
            room = min(
                self._connection.h2.local_flow_control_window(self._stream),
                self._connection.h2.max_outbound_frame_size,
            )
            if room <= 0:
                waiting = self._connection.streams[self._stream].room
                waiting.clear()
                await waiting.wait()
                continue
            self._seen.sent.add(data[:room])
            self._connection.h2.send_data(self._stream, data[:room])
            data = data[room:]
            await self._connection.flush()

    async def end(self, trailers: Pairs = ()) -> None:
        if trailers:
            self._connection.h2.send_headers(self._stream, list(trailers), end_stream=True)
        else:
            self._connection.h2.end_stream(self._stream)
        await self._connection.flush()

    async def raw(self, data: bytes) -> None:
        self._seen.sent.add(data)  # there is no such thing on HTTP/2: the stream breaks
        await self.reset()

    async def hang_up(self) -> None:
        self._connection.writer.close()
        raise Gone("hung up")

    async def reset(self) -> None:
        self._connection.h2.reset_stream(self._stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
        await self._connection.flush()
        raise Gone("reset")
