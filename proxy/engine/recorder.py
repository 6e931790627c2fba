"""One exchange while it happens: the adapters tell it what passes, it keeps bytes and times.

Everything here runs on the forward path, so it only appends. Reading, redacting and storing happen
in the writer, after `finish`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from proxy.core.correlation import Peer
from proxy.core.decisions import Decision
from proxy.core.model import (
    Body,
    End,
    Exchange,
    Frame,
    Headers,
    Own,
    Part,
    RequestHead,
    ResponseHead,
)
from proxy.engine.clock import new_id, ticks, wall

if TYPE_CHECKING:
    from proxy.core.serving import Act

HELD_MOST = 16 * 1024 * 1024  # bytes of an answer that is checked before it is passed on
KEPT_MOST = 48 * 1024 * 1024  # bytes of an exchange; what is larger passes, and is not kept
_MESSAGES = (1, 2)  # the opcodes of a WebSocket's messages
_BEGUN = "Dashcam ended before the answer did"


class Tx:
    """An exchange in the making. `hold` asks the adapter to wait for the whole request body."""

    __slots__ = (
        "_finish",
        "_kept",
        "_request",
        "_response",
        "_start",
        "_too_large",
        "_unkept",
        "abort",
        "activity",
        "decision",
        "error",
        "exchange",
        "finished",
        "frames",
        "hold",
        "peer",
        "playback",
        "request_trailers",
        "response_missing",
        "response_trailers",
        "rewritten",
        "timed_out",
        "withheld",
    )

    def __init__(  # noqa: PLR0917 - called on the hot path, by position
        self,
        run_id: str,
        seq: int,
        via: str,
        lane: str,
        head: RequestHead,
        own: Own,
        peer: Peer,
        finish: Callable[["Tx"], asyncio.Future[bool] | None],
    ) -> None:
        self._start = ticks()
        self._finish = finish
        self._request: list[tuple[int, bytes]] = []
        self._response: list[tuple[int, bytes]] = []
        self._kept = 0  # bytes of all that is kept
        self._too_large: tuple[str, ...] = ()  # the sides whose bodies are not
        self._unkept = 0  # messages that are not
        self.activity = self._start
        self.peer = peer
        self.hold = False
        self.rewritten = False
        self.decision: Decision | None = None
        self.playback: object | None = None
        self.finished = False
        self.timed_out: str | None = None
        self.withheld: bytearray | None = None  # what the client does not get before a check
        self.abort: Callable[[], None] | None = None  # how the adapter is stopped when it hangs
        self.error: str | None = None
        self.frames: list[Frame] = []
        self.request_trailers: Headers = ()
        self.response_missing = 0
        self.response_trailers: Headers = ()
        self.exchange = Exchange(
            id=new_id("ex"),
            run_id=run_id,
            seq=seq,
            via=via,
            started_at=wall(),
            request=head,
            own=own,
            lane=lane,
        )

    def now(self) -> int:
        """Microseconds since the exchange began."""
        self.activity = ticks()
        return self.activity - self._start

    def request_data(self, *pieces: bytes) -> None:
        """Pieces of the request body came in."""
        at = self.now()
        self._request += [(at, data) for data in pieces]
        self._keep(pieces)

    def request_end(self, trailers: Headers = ()) -> None:
        """The request is whole."""
        self.exchange.request_end_us = self.now()
        self.request_trailers = trailers

    @property
    def request_bytes(self) -> bytes:
        """The request body so far."""
        return b"".join([data for _, data in self._request])

    def rewrite(self, head: RequestHead, body: bytes, note: str) -> None:
        """A held request goes on as another one, which is the one that is recorded."""
        self.rewritten = True
        self.exchange.request = head
        self.exchange.notes = (*self.exchange.notes, note)
        at = self._request[-1][0] if self._request else self.now()
        self._request = [(at, body)] if body else []

    def note(self, text: str) -> None:
        """Something that the record is to say of the exchange."""
        self.exchange.notes = (*self.exchange.notes, text)

    def hold_answer(self) -> None:
        """The answer is to be seen whole before the client gets any of it."""
        self.withheld = bytearray()

    def keep(self, data: bytes) -> bytes:
        """Bytes for the client; returns those that may be sent now: none while it is held."""
        if self.withheld is None:
            return data
        self.withheld += data
        if len(self.withheld) <= HELD_MOST:
            return b""
        self.note(f"larger than {HELD_MOST >> 20} MiB: passed on without a check")
        return self.release()

    def release(self) -> bytes:
        """What was held, for the client; nothing is held any more."""
        held, self.withheld = bytes(self.withheld or b""), None
        return held

    def response_head(self, head: ResponseHead) -> None:
        """The response has begun."""
        self.exchange.response = head
        self.exchange.first_byte_us = self.now()

    def response_data(self, *pieces: bytes) -> None:
        """Pieces of the response body came in."""
        at = self.now()
        self._response += [(at, data) for data in pieces]
        self._keep(pieces)

    def _keep(self, pieces: Sequence[bytes]) -> None:
        """Counts what came; the larger body goes where both are too large to be recorded."""
        self._kept += sum(map(len, pieces))
        if self._kept <= KEPT_MOST:
            return
        sides = {"response": self._response}
        if not self.hold:  # else all of it is needed to decide
            sides["request"] = self._request
        sizes = {side: sum(len(data) for _, data in kept) for side, kept in sides.items()}
        side = max(sizes, key=sizes.__getitem__)
        if not sizes[side]:
            return
        sides[side].clear()
        self._kept -= sizes[side]
        if side not in self._too_large:
            self._too_large += (side,)
            self.note(f"{side} body dropped: over {KEPT_MOST >> 20} MiB")

    @property
    def repeatable(self) -> bool:
        """Whether the request body is there to be sent again."""
        return "request" not in self._too_large

    def response_cut(self, data: bytes, missing: int) -> None:
        """The answer ended inside a chunk: what came of it, and how much of it did not."""
        self.response_data(data)
        self.response_missing = missing

    def played(self, act: "Act") -> None:
        """A step of a recorded answer is taken."""
        if act.head is not None:
            self.response_head(act.head)
        self.response_data(*act.pieces)
        self.response_missing = act.missing
        if act.kind == "end":
            self.response_trailers = act.trailers

    @property
    def response_bytes(self) -> bytes:
        """The response body so far."""
        return b"".join([data for _, data in self._response])

    def frame(self, *, from_client: bool, opcode: int, data: bytes) -> None:
        """A whole WebSocket message passed."""
        if opcode in _MESSAGES:
            if self._kept + len(data) > KEPT_MOST:
                self._unkept += 1
                self.now()
                return
            self._kept += len(data)
        self.frames.append(Frame(self.now(), from_client, opcode, data))

    def finish(self, end: End, error: str | None = None) -> asyncio.Future[bool] | None:
        """The exchange is over; only the first call counts.

        Returns what to wait for before the end of the answer is released, or None.
        """
        if self.finished:
            return None
        self.finished = True
        exchange = self.exchange
        exchange.ended_us = self.now()
        exchange.end = end
        exchange.error = error
        return self._finish(self)

    def begun(self) -> Exchange:
        """The exchange so far, as it will stand if Dashcam ends before it does."""
        body = _body(self._request, self.request_trailers)
        return replace(
            self.exchange, request_body=body, ended_us=self.now(), end=End.INTERRUPTED, error=_BEGUN
        )

    def build(self) -> Exchange:
        """The finished exchange with its bodies; called once, off the forward path."""
        for side, pieces in (("request", self._request), ("response", self._response)):
            if side in self._too_large:
                pieces.clear()  # the end of it
        if self._unkept:
            self.note(f"{self._unkept} messages dropped: over {KEPT_MOST >> 20} MiB")
        exchange = self.exchange
        exchange.request_body = _body(self._request, self.request_trailers)
        exchange.response_body = _body(
            self._response, self.response_trailers, self.response_missing
        )
        exchange.frames = tuple(self.frames)
        return exchange

    @property
    def size(self) -> int:
        """About how many bytes this exchange holds in memory."""
        return (
            2048
            + sum(len(data) for _, data in self._request)
            + sum(len(data) for _, data in self._response)
            + sum(len(frame.data) for frame in self.frames)
        )


def _body(pieces: list[tuple[int, bytes]], trailers: Headers, missing: int = 0) -> Body:
    if not pieces and not trailers:
        return EMPTY
    return Body(
        b"".join([data for _, data in pieces]),
        tuple([Part(at, len(data)) for at, data in pieces]),
        trailers,
        missing,
    )


EMPTY = Body()
