"""Server-sent events, read incrementally: bytes in, in any split; events out.

Follows the event stream format of the HTML standard (section 9.2.6, "Interpreting an event
stream"): lines end in LF, CR or CRLF, one leading BOM is dropped, lines that start with a colon are
comments, `data` lines are joined by LF, an event without data is not dispatched, `id` persists.

Two things are kept that the standard drops, because a recorder has to tell what was sent: the
unterminated event at the end of a stream that was cut off (`partial`), and lines that are no field
(`stray`): some providers write raw JSON errors into the stream.
"""

from typing import NamedTuple

_FIELDS = frozenset((b"data", b"event", b"id", b"retry"))
_BOM = b"\xef\xbb\xbf"
_STRAY_LIMIT = 1 << 16
_DIGITS = 18  # as many as fit 64 bits


class SSEEvent(NamedTuple):
    """One event. `start` and `end` are its byte span in the stream, blank line included."""

    event: str  # "" when the stream names none
    data: bytes
    id: str | None
    retry: int | None
    start: int
    end: int


class SSEParser:
    """Reads one stream; linear in its length however it is split."""

    def __init__(self) -> None:
        self.stray = bytearray()  # lines that are no field, joined by LF, up to 64 KiB
        self._pieces: list[bytes] = []  # an unterminated line
        self._held = b""  # a CR at the end of a chunk: its LF may still come
        self._offset = 0  # where the next line starts
        self._fresh = True
        self._event = b""
        self._data: list[bytes] = []
        self._id: str | None = None
        self._retry: int | None = None
        self._start: int | None = None  # where the event under way starts

    def feed(self, data: bytes) -> list[SSEEvent]:
        """The events that `data` completes."""
        if self._held:
            data, self._held = self._held + data, b""
        if data.endswith(b"\r"):
            data, self._held = data[:-1], b"\r"
        if b"\n" not in data and b"\r" not in data:
            if data:
                self._pieces.append(data)
            return []
        if self._pieces:
            self._pieces.append(data)
            data = b"".join(self._pieces)
            self._pieces.clear()
        events: list[SSEEvent] = []
        self._fresh = self._fresh and data.startswith(_BOM)
        if self._start is None and not self._fresh and (end := _line_end(data)):
            data = self._blocks(data, end, events)
        lines = data.splitlines(keepends=True)
        if lines and not lines[-1].endswith((b"\n", b"\r")):
            self._pieces.append(lines.pop())
        for line in lines:
            self._line(line.rstrip(b"\r\n"), len(line), events)
        return events

    def _blocks(self, data: bytes, end: bytes, events: list[SSEEvent]) -> bytes:
        """Whole events whose lines all end the same way, faster; returns what is left."""
        *blocks, rest = data.split(end + end)
        width = len(end)
        for block in blocks:
            if block[:6] == b"data: " and end not in block:
                start, self._offset = self._offset, self._offset + len(block) + 2 * width
                events.append(SSEEvent("", block[6:], self._id, None, start, self._offset))
                continue
            for line in block.split(end):
                self._line(line, len(line) + width, events)
            self._line(b"", width, events)
        return rest

    def partial(self) -> SSEEvent | None:
        """The event that the stream ended in, without its blank line; its last line may be cut.

        Ends the stream: call it once, after the last `feed`.
        """
        events: list[SSEEvent] = []
        rest = b"".join(self._pieces) + self._held
        self._pieces.clear()
        self._held = b""
        if rest:
            self._line(rest.rstrip(b"\r"), len(rest), events)
        return events[0] if events else self._dispatch()

    def _line(self, line: bytes, size: int, events: list[SSEEvent]) -> None:
        """One line without its end; `size` counts the end."""
        if self._fresh:
            self._fresh = False
            line = line.removeprefix(_BOM)
        start = self._offset
        self._offset += size
        if not line:
            if (event := self._dispatch()) is not None:
                events.append(event)
            return
        name, _, value = line.partition(b":")
        if not name:
            return  # a comment
        if name not in _FIELDS:
            if len(self.stray) < _STRAY_LIMIT:
                self.stray += line[:_STRAY_LIMIT] + b"\n"
            return
        if self._start is None:
            self._start = start
        self._field(name, value[1:] if value[:1] == b" " else value)

    def _field(self, name: bytes, value: bytes) -> None:
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= _DIGITS:
            self._retry = int(value)

    def _dispatch(self) -> SSEEvent | None:
        event = None
        if self._data:
            event = SSEEvent(
                self._event.decode("utf-8", "replace"),
                self._data[0] if len(self._data) == 1 else b"\n".join(self._data),
                self._id,
                self._retry,
                self._start or 0,
                self._offset,
            )
            self._data = []
        self._event = b""
        self._retry = None
        self._start = None
        return event


def _line_end(data: bytes) -> bytes | None:
    """The one way in which all lines end, LF or CRLF; None where they differ."""
    returns = data.count(b"\r")
    if not returns:
        return b"\n"
    return b"\r\n" if returns == data.count(b"\n") == data.count(b"\r\n") else None
