"""Bodies for people: decoded, JSON indented, streams with arrival times, binary as a hex dump."""

import bisect
import itertools
import json
from collections.abc import Iterator

from proxy.cli._print import Line
from proxy.cli._text import clean, duration, size
from proxy.core import encoding
from proxy.core.model import Body, Frame, Headers, header
from proxy.core.sse import SSEEvent, SSEParser

_DUMP = 256  # bytes of a binary body that are shown
_WIDTH = 16
_PREFIX_WORK = 50_000_000  # bytes decoded to find out when each piece of a compressed stream came
_OPCODES = {1: "text", 2: "binary", 8: "close"}


def body_lines(headers: Headers, body: Body) -> Iterator[Line]:
    """A body in full."""
    if not body.data:
        return
    coding = _text(headers, b"content-encoding")
    plain, _, trouble = encoding.decode(body.data, coding)
    if coding:
        yield [(f"({coding}: {size(len(body.data))} for {size(len(plain))})", "dim")]
    if trouble:
        yield [(f"({trouble})", "yellow")]
    kind = _text(headers, b"content-type").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        yield from _stream(body, coding, plain)
    else:
        yield from data_lines(plain, kind)
    for name, value in body.trailers:
        yield [(f"{name.decode('latin-1')}: ", "dim"), (value.decode("latin-1"), "")]


def data_lines(data: bytes, kind: str = "") -> Iterator[Line]:
    """Decoded bytes: JSON indented, text as it is, anything else as the head of a hex dump."""
    text = _readable(data)
    if text is None:
        yield from _dump(data, kind)
        return
    text = _pretty(text) or text
    yield from ([(line, "")] for line in clean(text, lines=True).rstrip("\n").split("\n"))


def frame_lines(frames: tuple[Frame, ...]) -> Iterator[Line]:
    """WebSocket messages: when, which way, what kind, and the message."""
    for frame in frames:
        way = "client →" if frame.from_client else "← server"
        what = _OPCODES.get(frame.opcode, f"opcode {frame.opcode}")
        yield [
            (f"{duration(frame.at_us / 1000):>9}  ", "cyan"),
            (f"{way}  {what}  {size(len(frame.data))}", "bold"),
        ]
        if frame.opcode == 8 and len(frame.data) > 1:  # noqa: PLR2004 - close: a 2-byte code first
            code = int.from_bytes(frame.data[:2])
            yield [(f"{'':11}{code} {frame.data[2:].decode('utf-8', 'replace')}", "")]
        else:
            yield from ([(" " * 11, ""), *line] for line in data_lines(frame.data))


def _stream(body: Body, coding: str, plain: bytes) -> Iterator[Line]:
    parser = SSEParser()
    events = parser.feed(plain)
    cut = parser.partial()
    arrived = _arrivals(body, coding, len(plain))
    for event in events:
        yield from _event(event, arrived)
    if cut is not None:
        yield from _event(cut, arrived)
        yield [(f"{'':11}(the stream ended inside this event)", "yellow")]
    if parser.stray:
        yield [(f"{'':11}lines that are no field:", "yellow")]
        yield from ([(" " * 11, ""), *line] for line in data_lines(bytes(parser.stray)))


def _event(event: SSEEvent, arrived: list[tuple[int, int]] | None) -> Iterator[Line]:
    at = "?"
    if arrived:
        place = bisect.bisect_left(arrived, (event.end, 0))
        at = duration(arrived[min(place, len(arrived) - 1)][1] / 1000)
    name = f"{event.event}  " if event.event else ""
    mark = f"id {event.id}  " if event.id else ""
    lines = data_lines(event.data)
    first = next(lines, [])
    yield [(f"{at:>9}  ", "cyan"), (f"{name}{mark}", "bold"), *first]
    yield from ([(" " * 11, ""), *line] for line in lines)


def _arrivals(body: Body, coding: str, total: int) -> list[tuple[int, int]] | None:
    """(decoded bytes so far, microseconds) after each piece; None when it cannot be known."""
    ends = list(itertools.accumulate(part.size for part in body.parts))
    if not ends:
        return None
    if encoding.codings(coding):
        if len(ends) * total > _PREFIX_WORK:
            return None
        ends = [len(encoding.decode(body.data[:end], coding).data) for end in ends]
    return [(end, part.at_us) for end, part in zip(ends, body.parts, strict=True)]


def _pretty(text: str) -> str | None:
    """JSON indented; None for what is not one JSON value."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return None


def _readable(data: bytes) -> str | None:
    """The text, or None when the bytes are not text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _dump(data: bytes, kind: str) -> Iterator[Line]:
    yield [(f"({kind or 'binary'}, {size(len(data))})", "dim")]
    for at in range(0, min(len(data), _DUMP), _WIDTH):
        row = data[at : at + _WIDTH]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)  # noqa: PLR2004
        yield [(f"{at:08x}  ", "dim"), (f"{row.hex(' '):<{_WIDTH * 3}} {text}", "")]
    if len(data) > _DUMP:
        yield [(f"… {size(len(data) - _DUMP)} more", "dim")]


def _text(headers: Headers, name: bytes) -> str:
    return (header(headers, name) or b"").decode("latin-1").strip()
