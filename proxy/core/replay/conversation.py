"""A recorded WebSocket conversation, played to a client that takes part in it.

The server's messages leave in their recorded order and pace, each once the client has sent as many
messages as it had when the message was recorded. What the client says is compared with what it said
then; a difference is taken down and the conversation goes on. A client that offers the compression
that it offered then is told that it was agreed on; our own messages need not be compressed for it.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from proxy.core.diff import Change, changes
from proxy.core.http1 import render_headers
from proxy.core.matching import bodies
from proxy.core.matching.trees import Normaliser
from proxy.core.model import End, Exchange, Frame, RequestHead, ResponseHead, header
from proxy.core.replay.turns import AwaitFrame, Fail, Hold, SendFrame, SendHead, turns
from proxy.core.websocket import CLOSE, PONG, Reader, agreed_deflate, close_code, frame_bytes

SWITCHING: Final = 101
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_ACCEPT: Final = b"sec-websocket-accept"
_EXTENSIONS: Final = b"sec-websocket-extensions"
_LEFT: Final = Frame(0, True, CLOSE, b"")


type Differed = Callable[[Sequence[Change]], None]


def is_conversation(exchange: Exchange) -> bool:
    """Whether an exchange became a WebSocket."""
    return exchange.response is not None and exchange.response.status == SWITCHING


class Say(NamedTuple):
    """What to do next, `delay` seconds after the last: send `wire`, or with `end` finish so."""

    wire: bytes = b""
    delay: float = 0.0
    frame: tuple[int, bytes] | None = None  # opcode and data of the message in `wire`
    end: End | None = None
    error: str | None = None


class Conversation:
    """One client's replay of `exchange`, whose answer is a 101.

    Args:
        pace: seconds of replay per recorded second; 0 is at once.
        differed: called with the differences of a message of the client's.
    """

    def __init__(self, exchange: Exchange, pace: float, differed: Differed | None) -> None:
        self._turns = turns(exchange, pace)
        self._differed = differed
        self._awaited: Frame | None = None
        self._early: list[tuple[int, bytes]] = []  # said before its turn
        self._reader = Reader()
        self._then, self._now = Normaliser(), Normaliser()
        self._number = 0
        self._offered = header(exchange.request.headers, _EXTENSIONS)
        self.ended = False
        step = next(self._turns)
        assert isinstance(step, SendHead)  # noqa: S101 - what a conversation begins with
        self._head, self._delay = step.response, step.delay_us / 1e6

    def head(self, request: RequestHead) -> ResponseHead:
        """The answer to the client's handshake: its own key is accepted, and what it offers."""
        key = header(request.headers, b"sec-websocket-key") or b""
        accept = base64.b64encode(hashlib.sha1(key.strip() + _GUID).digest())  # noqa: S324 - RFC 6455
        ours = {_ACCEPT}
        deflate = agreed_deflate(self._head.headers)
        offered = header(request.headers, _EXTENSIONS)
        if deflate is None or offered is None or offered != self._offered:
            ours.add(_EXTENSIONS)
        else:
            self._reader = Reader(deflate=True, resets=deflate.client_resets)
        kept = [pair for pair in self._head.headers if pair[0].lower() not in ours]
        headers = (*kept, (b"Sec-WebSocket-Accept", accept))
        self._head = replace(self._head, http_version="HTTP/1.1", headers=headers)
        return self._head

    def open(self) -> Iterator[Say]:
        """What the server says at once: the head, and messages up to the client's turn."""
        line = b"HTTP/1.1 101 Switching Protocols\r\n"
        yield Say(line + render_headers(self._head.headers), self._delay)
        yield from self._go_on()

    def heard(self, data: bytes) -> Iterator[tuple[tuple[int, bytes] | None, list[Say]]]:
        """Takes the client's bytes: each whole message with what it is answered with.

        A ping has no message of its own, only its answer.
        """
        for opcode, payload in self._reader.feed(data):
            self._early.append((opcode, payload))
            yield (opcode, payload), list(self._go_on())
        while self._reader.pings:  # RFC 6455, 5.5.3: the last one is enough
            yield None, [Say(frame_bytes(PONG, self._reader.pings.pop()))]
        if self._reader.broken is not None and not self.ended:
            self.ended = True
            yield None, [Say(end=End.CLIENT_INVALID, error=self._reader.broken)]

    def _go_on(self) -> Iterator[Say]:
        """What is to be said until the client has its turn."""
        while not self.ended:
            if self._awaited is None:
                yield from self._step()
            elif self._early:
                yield from self._answer(self._awaited, *self._early.pop(0))
            else:
                return

    def _step(self) -> Iterator[Say]:
        step = next(self._turns, None)
        if isinstance(step, AwaitFrame):
            self._awaited = step.frame
        elif isinstance(step, SendFrame):
            opcode, data = step.frame.opcode, step.frame.data
            yield Say(frame_bytes(opcode, data), step.delay_us / 1e6, (opcode, data))
        elif isinstance(step, Hold):  # the client left, and will do so again
            self._awaited = _LEFT
        elif isinstance(step, Fail):
            self.ended = True
            yield Say(delay=step.delay_us / 1e6, end=step.end, error=step.error)
        else:
            self.ended = True
            yield Say(end=End.COMPLETE)

    def _answer(self, recorded: Frame, opcode: int, data: bytes) -> Iterator[Say]:
        """Takes the client's message for the recorded one; an early goodbye is returned."""
        self._awaited = None
        self._number += 1
        differences = self._compared(recorded, opcode, data)
        if differences and self._differed is not None:
            self._differed(differences)
        if opcode == CLOSE and recorded.opcode != CLOSE:
            self.ended = True
            yield Say(frame_bytes(CLOSE, data), frame=(CLOSE, data))
            yield Say(end=End.COMPLETE)

    def _compared(self, recorded: Frame, opcode: int, data: bytes) -> list[Change]:
        path = f"$.message[{self._number}]"
        if CLOSE not in (recorded.opcode, opcode):
            then = bodies.tree(recorded.data, "", self._then)
            return changes(then, bodies.tree(data, "", self._now), path)
        then, now = _goodbye(recorded.opcode, recorded.data), _goodbye(opcode, data)
        same = then == now or (recorded is _LEFT and opcode == CLOSE)
        return [] if same else [Change(path, "changed", then, now)]


def _goodbye(opcode: int, data: bytes) -> str:
    return f"close {close_code(data)}" if opcode == CLOSE else "a message"
