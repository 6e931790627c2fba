"""A recorded answer as what to send and when, whatever the transport.

Chunks keep their recorded boundaries. Failures are played as failures: an answer that was cut off
is cut off at the same byte, one that was refused is refused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.core.model import End, Exchange, Frame, Headers, ResponseHead

INSTANT: Final = 0.0
_LEAST_WAIT_US: Final = 1_000_000  # for a client that left by itself: it may need a moment
_CLOSE: Final = 8
_SWITCHING: Final = 101


@dataclass(slots=True, frozen=True)
class SendHead:
    """Send the status line and headers. Delays are microseconds after the step before."""

    response: ResponseHead
    delay_us: int = 0


@dataclass(slots=True, frozen=True)
class SendChunk:
    """Send one piece of the body, and flush it."""

    data: bytes
    delay_us: int = 0


@dataclass(slots=True, frozen=True)
class SendEnd:
    """End the message as its framing demands."""

    trailers: Headers = ()
    delay_us: int = 0


@dataclass(slots=True, frozen=True)
class SendFrame:
    """Send one WebSocket message, or the close frame (opcode 8)."""

    frame: Frame
    delay_us: int = 0


@dataclass(slots=True, frozen=True)
class AwaitFrame:
    """Wait for the client's message; `frame` is what it sent in the recording."""

    frame: Frame
    delay_us: int = 0


@dataclass(slots=True, frozen=True)
class Fail:
    """End without an end, as `end` says.

    upstream_refused, upstream_tls, upstream_timeout and upstream_invalid before the head: there is
    no answer to send. upstream_reset: reset the connection. upstream_truncated, interrupted, and
    all of them after the head: close it in the middle of the message.
    """

    end: End
    error: str | None = None
    delay_us: int = 0


@dataclass(slots=True, frozen=True)
class Hold:
    """The client left here: wait up to `delay_us` for it to leave again, then close."""

    delay_us: int = 0


type Step = SendHead | SendChunk | SendEnd | SendFrame | AwaitFrame | Fail | Hold


def script(exchange: Exchange, pace: float = INSTANT) -> Sequence[Step]:
    """The steps that answer as was answered then.

    Args:
        exchange: recorded.
        pace: seconds of replay per recorded second; 0 is at once.
    """
    return tuple(_steps(exchange, _Clock(pace, exchange.request_end_us or 0)))


class _Clock:
    """Turns recorded times into delays."""

    def __init__(self, pace: float, start_us: int) -> None:
        self._pace = pace
        self._now = start_us

    def until(self, at_us: int | None) -> int:
        """The scaled time from the step before; 0 where the time is unknown."""
        if at_us is None:
            return 0
        waited = max(0, at_us - self._now)
        self._now = max(self._now, at_us)
        return round(waited * self._pace)


def _steps(exchange: Exchange, clock: _Clock) -> Iterator[Step]:
    head = exchange.response
    if head is not None:
        yield SendHead(head, clock.until(exchange.first_byte_us))
        if exchange.frames or head.status == _SWITCHING:
            yield from _frames(exchange, clock)
            return
        yield from _chunks(exchange, clock)
        if exchange.end in (End.COMPLETE, End.REFUSED):
            yield SendEnd(exchange.response_body.trailers, clock.until(exchange.ended_us))
            return
    yield _failure(exchange, clock)


def _failure(exchange: Exchange, clock: _Clock) -> Step:
    wait = clock.until(exchange.ended_us)
    if exchange.end is End.CLIENT_GONE:
        return Hold(max(wait, _LEAST_WAIT_US))
    # A complete exchange without an answer cannot be; if a recording says so, it is cut off.
    end = End.UPSTREAM_TRUNCATED if exchange.end is End.COMPLETE else exchange.end
    return Fail(end, exchange.error, wait)


def _chunks(exchange: Exchange, clock: _Clock) -> Iterator[SendChunk]:
    data, at = exchange.response_body.data, 0
    for part in exchange.response_body.parts:
        if part.size:
            yield SendChunk(data[at : at + part.size], clock.until(part.at_us))
        at += part.size
    if at < len(data):
        yield SendChunk(data[at:], 0)


def _frames(exchange: Exchange, clock: _Clock) -> Iterator[Step]:
    closed = False
    for frame in exchange.frames:
        wait = clock.until(frame.at_us)
        yield AwaitFrame(frame, wait) if frame.from_client else SendFrame(frame, wait)
        closed = closed or frame.opcode == _CLOSE
    if not closed:
        yield _failure(exchange, clock)
