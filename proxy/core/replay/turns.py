"""A recorded WebSocket conversation as turns: what the server says, and what is waited for.

Answers over HTTP are played by `core.serving`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from proxy.core.model import End, Exchange, Frame, ResponseHead

_LEAST_WAIT_US: Final = 1_000_000  # for a client that left by itself: it may need a moment
_CLOSE: Final = 8


@dataclass(slots=True, frozen=True)
class SendHead:
    """Send the status line and headers. Delays are microseconds after the turn before."""

    response: ResponseHead
    delay_us: int = 0


@dataclass(slots=True, frozen=True)
class SendFrame:
    """Send one message, or the close frame (opcode 8)."""

    frame: Frame
    delay_us: int = 0


@dataclass(slots=True, frozen=True)
class AwaitFrame:
    """Wait for the client's message; `frame` is what it sent in the recording."""

    frame: Frame
    delay_us: int = 0


@dataclass(slots=True, frozen=True)
class Fail:
    """Break off without a close frame, as `end` says."""

    end: End
    error: str | None = None
    delay_us: int = 0


@dataclass(slots=True, frozen=True)
class Hold:
    """The client left here: wait up to `delay_us` for it to leave again, then close."""

    delay_us: int = 0


type Turn = SendHead | SendFrame | AwaitFrame | Fail | Hold


def turns(exchange: Exchange, pace: float) -> Iterator[Turn]:
    """The turns of an exchange whose answer is a 101.

    Args:
        exchange: recorded.
        pace: seconds of replay per recorded second; 0 is at once.
    """
    clock = _Clock(pace, exchange.request_end_us or 0)
    if exchange.response is not None:
        yield SendHead(exchange.response, clock.until(exchange.first_byte_us))
    closed = False
    for frame in exchange.frames:
        wait = clock.until(frame.at_us)
        yield AwaitFrame(frame, wait) if frame.from_client else SendFrame(frame, wait)
        closed = closed or frame.opcode == _CLOSE
    if closed:
        return
    wait = clock.until(exchange.ended_us)
    if exchange.end is End.CLIENT_GONE:
        yield Hold(max(wait, _LEAST_WAIT_US))
        return
    # A whole conversation without a close cannot be; if a recording says so, it is cut off.
    end = End.UPSTREAM_TRUNCATED if exchange.end is End.COMPLETE else exchange.end
    yield Fail(end, exchange.error, wait)


class _Clock:
    """Turns recorded times into delays."""

    def __init__(self, pace: float, start_us: int) -> None:
        self._pace = pace
        self._now = start_us

    def until(self, at_us: int | None) -> int:
        """The scaled time from the turn before; 0 where the time is unknown."""
        if at_us is None:
            return 0
        waited = max(0, at_us - self._now)
        self._now = max(self._now, at_us)
        return round(waited * self._pace)
