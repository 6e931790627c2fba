"""WebSocket behaviours on an HTTP/1.1 upgrade, with `wsproto`; picked by path under /ws/."""

import asyncio
from collections.abc import Awaitable, Callable

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.extensions import Extension, PerMessageDeflate

from tests.upstream import contract
from tests.upstream.contract import Gone

_READ = 64 * 1024


class Socket:
    """One WebSocket: whole messages in, single frames out."""

    def __init__(
        self, request: contract.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.request = request
        self._reader = reader
        self._writer = writer
        self._ws = WSConnection(ConnectionType.SERVER)
        self._ws.receive_data(request.seen.received.data)
        self._events: list[Event] = []

    async def accept(self) -> None:
        """Answers the upgrade; with `?reject=403` it is refused."""
        event = next(self._ws.events())
        if not isinstance(event, Request):
            raise Gone("no WebSocket upgrade")
        if status := self.request.number("reject"):
            await self.send(RejectConnection(status_code=status))
            raise Gone("rejected")
        extensions: list[Extension] = []
        if self.request.number("deflate"):
            extensions.append(PerMessageDeflate())
        protocol = event.subprotocols[0] if event.subprotocols else None
        await self.send(AcceptConnection(subprotocol=protocol, extensions=extensions))

    async def send(self, event: Event) -> None:
        """One frame."""
        data = self._ws.send(event)
        self.request.seen.sent.add(data)
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> str | bytes:
        """The next whole message; a ping is answered, a close ends the socket."""
        whole: list[str | bytes] = []
        while True:
            event = await self._event()
            if isinstance(event, Ping):
                await self.send(event.response())
            elif isinstance(event, CloseConnection):
                await self.send(event.response())
                raise Gone(f"closed by the client: {event.code} {event.reason or ''}".rstrip())
            elif isinstance(event, TextMessage | BytesMessage):
                whole.append(event.data if isinstance(event.data, str) else bytes(event.data))
                if event.message_finished:
                    return _joined(whole)

    async def close(self, code: int, reason: str) -> None:
        """Closes in good order and waits for the answer to it."""
        await self.send(CloseConnection(code=code, reason=reason))
        while not isinstance(await self._event(), CloseConnection):
            pass
        raise Gone(f"closed by us: {code}")

    def drop(self) -> None:
        """Ends the connection without a close frame."""
        self._writer.transport.abort()
        raise Gone("dropped")

    async def _event(self) -> Event:
        while not self._events:
            data = await self._reader.read(_READ)
            if not data:
                raise Gone("the client left without a close")
            self.request.seen.received.add(data)
            self._ws.receive_data(data)
            self._events = list(self._ws.events())
        return self._events.pop(0)


async def serve(
    request: contract.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Runs the WebSocket behaviour that the path names."""
    behaviour = BEHAVIOURS.get(request.path.removeprefix("/ws/"), _echo)
    ws = Socket(request, reader, writer)
    await ws.accept()
    await behaviour(ws)


async def _echo(ws: Socket) -> None:
    while True:
        message = await ws.receive()
        await ws.send(TextMessage(message) if isinstance(message, str) else BytesMessage(message))


async def _close(ws: Socket) -> None:
    """`?after=N&code=C&reason=R`: closes after N messages of the client."""
    for _ in range(ws.request.number("after")):
        await ws.receive()
    await ws.close(ws.request.number("code", 1000), ws.request.text("reason"))


async def _fragments(ws: Socket) -> None:
    """One text message in three frames with a ping between them, then an echo."""
    await ws.send(TextMessage("one ", message_finished=False))
    await ws.send(TextMessage("two ", message_finished=False))
    await ws.send(Ping(b"?"))
    await ws.send(TextMessage("three", message_finished=True))
    await _echo(ws)


async def _count(ws: Socket) -> None:
    """`?n=N`: sends N messages at once, text and binary by turns, and closes."""
    for index in range(ws.request.number("n", 3)):
        await ws.send(BytesMessage(b"%d" % index) if index % 2 else TextMessage(f"{index}"))
    await ws.close(1000, "counted")


async def _drop(ws: Socket) -> None:
    """`?after=N`: cuts the connection after N messages of the client, without a close frame."""
    for _ in range(ws.request.number("after")):
        await ws.receive()
    ws.drop()


BEHAVIOURS: dict[str, Callable[[Socket], Awaitable[None]]] = {
    "echo": _echo,
    "close": _close,
    "fragments": _fragments,
    "count": _count,
    "drop": _drop,
}


def _joined(parts: list[str | bytes]) -> str | bytes:
    if isinstance(parts[0], str):
        return "".join(part for part in parts if isinstance(part, str))
    return b"".join(part for part in parts if isinstance(part, bytes))
