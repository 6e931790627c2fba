"""Secrets in bodies made of many records: SSE, lines of JSON, JSON arrays, WebSocket messages.

Not the stream is searched but a digest of it: what differs from record to record, once as it is and
once joined over the records, so that a key which was streamed in pieces stands together. What is
found there is taken back to where it is in the stream.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from proxy.core.redaction.leaves import Key, Literal, literals
from proxy.core.redaction.records import Record, Split
from proxy.core.redaction.spans import Find, Hit, outermost
from proxy.core.redaction.texts import JSON_STARTS, Text, Texts
from proxy.core.redaction.tokens import offsets, plain

_ALONE = 20  # a piece as long as this is also searched on its own
_BETWEEN = b"\n\0\n"  # nothing that is searched for goes over this

type Search = Callable[[bytes], list[Find]]


class _Piece(NamedTuple):
    text: Text
    at: int


class Stream:
    """A stream that is open for searching."""

    def __init__(self, data: bytes, split: Split, *, alike: bool) -> None:
        self._data = data
        self._split = split
        self._read(alike=alike)

    @property
    def records(self) -> Sequence[Record]:
        """The records that were read one by one: all of them, unless some were taken as alike."""
        return self._texts.records

    def hits(self, search: Search) -> list[Hit]:
        """What `search` finds, where it is in the stream."""
        finds = search(self._digest)
        models = self._texts.models
        if models and any(self._source(find)[0] in models for find in finds):
            # It may be in what all messages of a kind have in common: look at every one.
            self._read(alike=False)
            finds = search(self._digest)
        return [hit for find in outermost(finds) for hit in self._hits(find)]

    def _read(self, *, alike: bool) -> None:
        """Takes the stream down, and makes the digest."""
        self._literals: dict[int, list[Literal]] = {}
        self._sources: list[Text | _Piece | int | bytes] = []
        self._texts = Texts(self._data, self._split, alike=alike)
        parts: list[bytes] = []
        for source, data in self._parts():
            self._sources.append(source)
            parts.append(data)
        self._starts = [0, *accumulate(len(part) + len(_BETWEEN) for part in parts)]
        self._digest = _BETWEEN.join(parts)

    def _parts(self) -> Iterator[tuple[Text | _Piece | int | bytes, bytes]]:
        for line in self._split.rest:
            yield line, line
        for at in self._texts.singles:
            yield at, self.records[at].payload
        for text in self._texts:
            yield text, b"".join(text.pieces)
            if len(text.pieces) > 1:
                for at, piece in enumerate(text.pieces):
                    if len(piece) >= _ALONE:
                        yield _Piece(text, at), piece

    def _source(self, find: Find) -> tuple["Text | _Piece | int | bytes", int, int]:
        """Which part of the digest a find is in, and where in it."""
        at = bisect_right(self._starts, find.start) - 1
        start = self._starts[at]
        end = min(find.end, self._starts[at + 1] - len(_BETWEEN))
        return self._sources[at], find.start - start, end - start

    def _hits(self, find: Find) -> Iterator[Hit]:
        """A find in the digest, where it is in the stream."""
        source, start, end = self._source(find)
        hit = Hit((), find.value, find.kind, find.bare)
        if isinstance(source, bytes):
            place = self._data.find(source)
            while place >= 0:
                yield hit._replace(ranges=((place + start, place + end),))
                place = self._data.find(source, place + len(source))
            return
        if isinstance(source, int):
            places = self.records[source].places(start, end)
        elif isinstance(source, Text):
            places = self._joined(source, start, end)
        else:
            places = self._piece(source.text, source.at, start, end)
        if ranges := tuple(places):
            yield hit._replace(ranges=ranges)

    def _joined(self, text: Text, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where `start:end` of a joined text is."""
        ends = text.ends()
        at = bisect_right(ends, start)
        while at < len(ends) and ends[at] - len(text.pieces[at]) < end:
            begin = ends[at] - len(text.pieces[at])
            yield from self._piece(text, at, max(start, begin) - begin, min(end, ends[at]) - begin)
            at += 1

    def _piece(self, text: Text, at: int, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where `start:end` of one piece is."""
        if (begin := text.place(at)) is not None:
            left, right = offsets(self._data[begin : self._data.find(b"\n", begin)], (start, end))
            yield begin + left, begin + right
            return
        record = self.records[text.records[at]]
        payload = record.payload
        if payload[:1] not in JSON_STARTS:
            yield from record.places(start, end)
            return
        begin = text.places[at]
        if begin < 0:
            begin = self._begin(text.records[at], text.key, -1 - begin, text.pieces[at])
        if begin < 0:  # the parsers differ over this record: better to lose it than keep a secret
            yield from record.places(0, len(payload))
        else:
            left, right = offsets(payload[begin:], (start, end))
            yield from record.places(begin + left, begin + right)

    def _begin(self, at: int, key: Key, nth: int, piece: bytes) -> int:
        """Where a piece begins that a parser read, -1 when it cannot be told."""
        payload = self.records[at].payload
        if at not in self._literals:
            self._literals[at] = literals(payload)
        same = [literal for literal in self._literals[at] if literal.key == key]
        for literal in (*same[nth : nth + 1], *same):
            if plain(payload[literal.start : literal.end]) == piece:
                return literal.start
        return -1
