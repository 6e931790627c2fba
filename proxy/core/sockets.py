"""WebSocket exchanges whose frames are JSON events: one socket, many turns."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from proxy.core import loose
from proxy.core.calls import Call, Usage
from proxy.core.model import Exchange

_TEXT, _BINARY = 1, 2


class FrameEvent(NamedTuple):
    """A frame that holds a JSON object; `place` is its index among the exchange's frames."""

    place: int
    at_us: int
    from_client: bool
    value: dict[str, Any]


class Turn(NamedTuple):
    """One call on a socket: frames `first` to `last`, both included, and their times."""

    call: Call
    first: int
    last: int
    started_us: int
    ended_us: int


def frame_events(exchange: Exchange) -> Iterator[FrameEvent]:
    """The frames that hold JSON objects, in order; binary ones may (some clients send them so)."""
    for place, frame in enumerate(exchange.frames):
        if frame.opcode in (_TEXT, _BINARY) and frame.data[:1].lstrip() in (b"{", b""):
            value = loose.parse(frame.data).value
            if isinstance(value, dict):
                yield FrameEvent(place, frame.at_us, frame.from_client, value)


def together(turns: Sequence[Turn]) -> Call | None:
    """A whole socket as one call: its last turn, with the usage of all and the first error."""
    if not turns:
        return None
    last = turns[-1].call
    if len(turns) == 1:
        return last
    return replace(
        last,
        usage=added([turn.call.usage for turn in turns]),
        error=next((turn.call.error for turn in turns if turn.call.error), None),
        complete=all(turn.call.complete for turn in turns),
        notes=(
            *last.notes,
            f"{len(turns)} turns on one socket: this is the last, usage is that of all",
        ),
    )


def added(usages: Sequence[Usage]) -> Usage:
    """The sum; a part that is unknown makes it an estimate."""
    known = [usage for usage in usages if usage.source != "unknown"]
    if not known:
        return Usage()
    exact = len(known) == len(usages) and all(usage.source == "exact" for usage in known)
    return Usage(
        input_tokens=loose.total(*(u.input_tokens for u in known)),
        output_tokens=loose.total(*(u.output_tokens for u in known)),
        cache_read_tokens=loose.total(*(u.cache_read_tokens for u in known)),
        cache_write_tokens=loose.total(*(u.cache_write_tokens for u in known)),
        reasoning_tokens=loose.total(*(u.reasoning_tokens for u in known)),
        source="exact" if exact else "estimated",
    )
