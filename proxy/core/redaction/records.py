"""Streams taken apart into records: events, lines of JSON, messages."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


class Record(NamedTuple):
    """One message of a stream, which begins at `start`.

    `more` are the other lines of an event that has several: (offset in payload, in the stream).
    """

    payload: bytes
    start: int
    more: tuple[tuple[int, int], ...] = ()

    def places(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where `payload[start:end]` is in the stream, in as many pieces as it takes."""
        if not self.more:
            yield self.start + start, self.start + end
            return
        lines = ((0, self.start), *self.more)
        stops = (*(here - 1 for here, _ in self.more), len(self.payload))
        for (here, there), stop in zip(lines, stops, strict=True):
            left, right = max(start, here), min(end, stop)
            if left < right:
                yield there + left - here, there + right - here


class Split(NamedTuple):
    """A stream taken apart: its records, and the lines that are none, known when it was read."""

    records: Iterable[Record]
    rest: set[bytes]


class Events:
    """The events of a stream, read one by one; `at` is where the next one begins.

    `lead` is what the last one has before its data, empty when it is of several lines. Who knows
    what comes may move `at` on.
    """

    def __init__(self, data: bytes, rest: set[bytes]) -> None:
        self._data = data
        self._rest = rest
        self.at = 0
        self.lead = b""

    def __iter__(self) -> Iterator[Record]:
        data, rest = self._data, self._rest
        if b"\r" in data:
            yield from _event_lines(data, 0, rest)
            return
        self.at = 0
        while self.at < len(data):
            at = self.at
            end = data.find(b"\n\n", at)
            if end < 0:
                end = len(data)
            self.at = end + 2
            # Nearly all events are one line of data, perhaps after others.
            head = at
            if not data.startswith(b"data:", at):
                head = data.find(b"\ndata:", at, end) + 1
                if not head:
                    rest.add(data[at:end])
                    continue
            self.lead = b""
            if data.find(b"\n", head, end) >= 0:
                yield from _event_lines(data[at:end], at, rest)
                continue
            start = head + (6 if data.startswith(b"data: ", head) else 5)
            rest.add(data[at:head])
            self.lead = data[at:start]
            yield Record(data[start:end], start)


def events(data: bytes) -> Split:
    """The data of server-sent events (HTML standard, section 9.2.6)."""
    rest: set[bytes] = set()
    return Split(Events(data, rest), rest)


def _event_lines(data: bytes, at: int, rest: set[bytes]) -> Iterator[Record]:
    """The events in `data`, which begins at `at`, line by line."""
    lines: list[tuple[bytes, int]] = []
    for line in (*data.splitlines(keepends=True), b"\n"):
        if line.startswith(b"data:"):
            skip = 6 if line.startswith(b"data: ") else 5
            lines.append((line[skip:].rstrip(b"\r\n"), at + skip))
        elif line not in (b"\n", b"\r\n", b"\r"):
            rest.add(line)
        elif lines:
            yield _joined(lines)
            lines = []
        at += len(line)


def _joined(lines: Sequence[tuple[bytes, int]]) -> Record:
    """The lines of one event as one record, joined by line feeds."""
    more: list[tuple[int, int]] = []
    here = len(lines[0][0]) + 1
    for line, there in lines[1:]:
        more.append((here, there))
        here += len(line) + 1
    return Record(b"\n".join(line for line, _ in lines), lines[0][1], tuple(more))


def json_lines(data: bytes) -> Split:
    """Newline-delimited JSON."""
    records: list[Record] = []
    at = 0
    for line in data.splitlines(keepends=True):
        if text := line.strip():
            records.append(Record(text, at + line.index(text)))
        at += len(line)
    return Split(records, set())


def messages(payloads: Iterable[bytes]) -> tuple[bytes, Split]:
    """Messages with a line feed between them, as one stream."""
    records: list[Record] = []
    at = 0
    for payload in payloads:
        records.append(Record(payload, at))
        at += len(payload) + 1
    return b"\n".join(record.payload for record in records), Split(records, set())
