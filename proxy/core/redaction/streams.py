"""Secrets in bodies made of many records: SSE, lines of JSON, JSON arrays, WebSocket messages.

A digest of the records (every distinct string once, streamed strings joined) is searched first. It
is far smaller than the stream, and when nothing is in it the stream is clean. Otherwise the stream
is searched where it is, and what is found in joined strings is taken back to the pieces.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from proxy.core.redaction import names, pairs
from proxy.core.redaction.leaves import Key, Literal, Reader, Reading, literals
from proxy.core.redaction.spans import Find, Hit, outermost, whole
from proxy.core.redaction.tokens import offsets, plain

_ALONE = 20  # a piece as long as this is also searched on its own
_JSON_STARTS = (b"{", b"[", b'"')

type Search = Callable[[bytes], list[Find]]


class Record(NamedTuple):
    """One message of a stream. `at` maps its bytes to the stream: (offset here, offset there)."""

    payload: bytes
    at: tuple[tuple[int, int], ...]

    def places(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where `payload[start:end]` is in the stream, in as many pieces as it takes."""
        heads = [here for here, _ in self.at]
        first = max(0, bisect_right(heads, start) - 1)
        for at in range(first, len(self.at)):
            here, there = self.at[at]
            stop = self.at[at + 1][0] - 1 if at + 1 < len(self.at) else len(self.payload)
            left, right = max(start, here), min(end, stop)
            if left < right:
                yield there + left - here, there + right - here
            if end <= stop:
                break


class Split(NamedTuple):
    """A stream taken apart: its records, and the lines that are none."""

    records: list[Record]
    rest: set[bytes]


def events(data: bytes) -> Split:
    """The data of server-sent events (HTML standard, section 9.2.6)."""
    records: list[Record] = []
    rest: set[bytes] = set()
    lines: list[tuple[bytes, int]] = []
    at = 0
    for line in data.splitlines(keepends=True):
        if line.startswith(b"data:"):
            skip = 6 if line.startswith(b"data: ") else 5
            lines.append((line[skip:].rstrip(b"\r\n"), at + skip))
        elif line in (b"\n", b"\r\n", b"\r"):
            if lines:
                records.append(_joined(lines))
                lines = []
        else:
            rest.add(line)
        at += len(line)
    if lines:
        records.append(_joined(lines))
    return Split(records, rest)


def _joined(lines: Sequence[tuple[bytes, int]]) -> Record:
    """The lines of one event as one record, joined by line feeds."""
    if len(lines) == 1:
        return Record(lines[0][0], ((0, lines[0][1]),))
    at: list[tuple[int, int]] = []
    here = 0
    for line, there in lines:
        at.append((here, there))
        here += len(line) + 1
    return Record(b"\n".join(line for line, _ in lines), tuple(at))


def json_lines(data: bytes) -> Split:
    """Newline-delimited JSON."""
    records: list[Record] = []
    at = 0
    for line in data.splitlines(keepends=True):
        if text := line.strip():
            records.append(Record(text, ((0, at + line.index(text)),)))
        at += len(line)
    return Split(records, set())


def messages(payloads: Iterable[bytes]) -> tuple[bytes, Split]:
    """Messages with a line feed between them, as one stream."""
    records: list[Record] = []
    at = 0
    for payload in payloads:
        records.append(Record(payload, ((0, at),)))
        at += len(payload) + 1
    return b"\n".join(record.payload for record in records), Split(records, set())


class _Streamed(NamedTuple):
    """A piece of a joined text: which record, and which of its strings with that key."""

    record: int
    nth: int
    text: bytes


class Streams:
    """Searches streams with `search`; remembers which names of fields are harmless."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._reader = Reader(_is_suspect)

    def find(self, data: bytes, split: Split, *, thorough: bool) -> list[Hit]:
        """The secrets in the stream `data`; `thorough` passes over the digest."""
        texts: dict[Key, list[_Streamed]] = {}
        alone = set(split.rest)
        clear = not thorough
        for at, record in enumerate(split.records):
            reading = self._read(record.payload)
            if reading is None:
                alone.add(record.payload)
                _collect(texts, at, _pieces(record.payload))
                continue
            _collect(texts, at, ((key, text.encode()) for key, text in reading.pieces))
            alone.update(text.encode() for text in reading.others)
            clear = clear and not any(_is_credential(*one) for one in reading.suspects)
        if clear:
            for text in texts.values():
                alone.add(b"".join(piece.text for piece in text))
                alone.update(piece.text for piece in text if len(piece.text) >= _ALONE)
            if not self._search(b"\n".join(alone)):
                return []
        hits = [whole(find) for find in self._search(data)]
        places = _Places(split.records)
        for key, text in texts.items():
            if len(text) > 1:
                hits += self._joined(key, text, places)
        return hits

    def _read(self, payload: bytes) -> Reading | None:
        """The strings of a record; None when it is no JSON, or JSON that the parser refuses."""
        if payload[:1] in _JSON_STARTS:
            try:
                return self._reader.read(orjson.loads(payload))
            except ValueError:
                pass
        return None

    def _joined(self, key: Key, text: Sequence[_Streamed], places: "_Places") -> Iterator[Hit]:
        """What is found in a joined text, as pieces of the stream."""
        ends: list[int] = []
        total = 0
        for piece in text:
            total += len(piece.text)
            ends.append(total)
        for find in outermost(self._search(b"".join(piece.text for piece in text))):
            ranges: list[tuple[int, int]] = []
            at = bisect_right(ends, find.start)
            while at < len(text) and ends[at] - len(text[at].text) < find.end:
                begin = ends[at] - len(text[at].text)
                start, end = max(0, find.start - begin), min(len(text[at].text), find.end - begin)
                ranges += places.of(key, text[at], start, end)
                at += 1
            if ranges:
                yield Hit(tuple(ranges), find.value, find.kind)


class _Places:
    """Where the pieces of joined texts are in the stream."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._literals: dict[int, list[Literal]] = {}

    def of(self, key: Key, piece: _Streamed, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where `piece.text[start:end]` is."""
        record = self._records[piece.record]
        payload = record.payload
        if payload[:1] not in _JSON_STARTS:
            yield from record.places(start, end)
        elif (literal := self._literal(key, piece)) is not None:
            left, right = offsets(payload[literal.start : literal.end], (start, end))
            yield from record.places(literal.start + left, literal.start + right)
        else:  # the parsers differ over this record: better to lose it than to keep a secret
            yield from record.places(0, len(payload))

    def _literal(self, key: Key, piece: _Streamed) -> Literal | None:
        payload = self._records[piece.record].payload
        if piece.record not in self._literals:
            self._literals[piece.record] = literals(payload)
        same = [literal for literal in self._literals[piece.record] if literal.key == key]
        for literal in (*same[piece.nth : piece.nth + 1], *same):
            if plain(payload[literal.start : literal.end]) == piece.text:
                return literal
        return None


def _collect(
    texts: dict[Key, list[_Streamed]], at: int, pieces: Iterable[tuple[Key, bytes]]
) -> None:
    seen: dict[Key, int] = {}
    for key, text in pieces:
        nth = seen.get(key, 0)
        seen[key] = nth + 1
        if text:
            texts.setdefault(key, []).append(_Streamed(at, nth, text))


def _pieces(payload: bytes) -> Iterator[tuple[Key, bytes]]:
    """The strings of what the parser does not read; plain text is one."""
    if payload[:1] in _JSON_STARTS:
        for literal in literals(payload):
            yield literal.key, plain(payload[literal.start : literal.end])
    else:
        yield (), payload


def _is_suspect(name: str) -> bool:
    return name == "value" or names.key_rule(name.encode("utf-8", "surrogatepass")) is not None


def _is_credential(name: str, record: dict[str, Any]) -> bool:
    """Whether a field with a suspect name holds a credential, as the search of text would say."""
    if name == "value":
        field = {key: value for key, value in record.items() if type(value) is str}
    else:
        field = {name: record[name]} if type(record[name]) in (str, list) else {}
    return bool(field) and any(True for _ in pairs.find(orjson.dumps(field)))
