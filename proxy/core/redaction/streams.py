"""Secrets in bodies made of many records: SSE, lines of JSON, JSON arrays, WebSocket messages.

Not the stream is searched but a digest of it: what differs from record to record, once as it is and
once joined over the records, so that a key which was streamed in pieces stands together. What is
found there is taken back to where it is in the stream.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from proxy.core import jsonparts
from proxy.core.redaction import leaves
from proxy.core.redaction.leaves import Key, Literal, literals
from proxy.core.redaction.records import Split
from proxy.core.redaction.spans import Find, Hit, outermost
from proxy.core.redaction.templates import Template, template
from proxy.core.redaction.tokens import offsets, plain

_ALONE = 20  # a piece as long as this is also searched on its own
_ALIKE = 4096  # a longer message is rarely like another
_KINDS = 8  # templates at a time
_TRIES = 32  # templates that are made before their use is weighed
_JSON_STARTS = (b"{", b"[", b'"')
_BETWEEN = b"\n\0\n"  # nothing that is searched for goes over this

type Search = Callable[[bytes], list[Find]]


class Text:
    """A text that came in pieces: of which record each is, where in it, and what it says.

    A piece that a parser read has no place: of it, the number among the record's strings with the
    same key is kept, as a negative number from -1 down.
    """

    __slots__ = ("_ends", "key", "pieces", "places", "records")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.records: list[int] = []
        self.places: list[int] = []
        self.pieces: list[bytes] = []
        self._ends: list[int] = []

    def ends(self) -> list[int]:
        """Where each piece ends in the joined text."""
        if not self._ends:
            self._ends = [*accumulate(map(len, self.pieces))]
        return self._ends

    def add(self, record: int, place: int, piece: bytes) -> None:
        """Appends a piece."""
        self.records.append(record)
        self.places.append(place)
        self.pieces.append(piece)


class _Piece(NamedTuple):
    text: Text
    at: int


class Stream:
    """A stream that is open for searching."""

    def __init__(self, data: bytes, split: Split, *, alike: bool) -> None:
        self._data = data
        self._records = split.records
        self._rest = split.rest
        self._literals: dict[int, list[Literal]] = {}
        self._read(alike=alike)

    def hits(self, search: Search) -> list[Hit]:
        """What `search` finds, where it is in the stream."""
        finds = search(self._digest)
        if self._models and any(self._source(find)[0] in self._models for find in finds):
            # It may be in what all messages of a kind have in common: look at every one.
            self._read(alike=False)
            finds = search(self._digest)
        return [hit for find in outermost(finds) for hit in self._hits(find)]

    def _read(self, *, alike: bool) -> None:
        """Takes the stream down, and makes the digest."""
        self._starts: list[int] = []
        self._sources: list[Text | _Piece | int | bytes] = []
        self._models: dict[int, Template] = {}
        parts: list[bytes] = []
        texts, singles = self._texts(alike=alike)
        for source, data in self._parts(texts, singles):
            self._sources.append(source)
            parts.append(data)
        self._starts = [0, *accumulate(len(part) + len(_BETWEEN) for part in parts)]
        self._digest = _BETWEEN.join(parts)

    def _parts(
        self, texts: Iterable[Text], singles: Iterable[int]
    ) -> Iterator[tuple[Text | _Piece | int | bytes, bytes]]:
        for line in self._rest:
            yield line, line
        for at in singles:
            yield at, self._records[at].payload
        for text in texts:
            yield text, b"".join(text.pieces)
            if len(text.pieces) > 1:
                for at, piece in enumerate(text.pieces):
                    if len(piece) >= _ALONE:
                        yield _Piece(text, at), piece

    def _texts(self, *, alike: bool) -> tuple[list[Text], list[int]]:
        """The streamed texts, and the records that are like no other."""
        texts: dict[Key, Text] = {}
        singles: list[int] = []
        known: list[Template] = []
        for at, record in enumerate(self._records):
            payload = record.payload
            for kind in known:
                if (found := kind.match(payload)) is not None:
                    _take(texts, at, payload, found)
                    break
            else:
                singles.append(at)
                found = None
                # A new kind of message: worth a template while templates are of use.
                if alike and len(payload) < _ALIKE and len(singles) * 4 < at + _TRIES:
                    found = literals(payload)
                    if len({literal.key for literal in found}) < len(found):
                        found = None  # a name given twice: which one counts, a parser says
                    elif kind_of := template(payload, found):
                        known = [kind_of, *known[: _KINDS - 1]]
                        self._models[at] = kind_of
                if found is not None and payload[:1] in _JSON_STARTS:
                    _take(texts, at, payload, found)
                else:
                    _collect(texts, at, _pieces(payload))
        return [*texts.values()], singles

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
            places = self._records[source].places(start, end)
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
        record = self._records[text.records[at]]
        payload = record.payload
        if payload[:1] not in _JSON_STARTS:
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
        payload = self._records[at].payload
        if at not in self._literals:
            self._literals[at] = literals(payload)
        same = [literal for literal in self._literals[at] if literal.key == key]
        for literal in (*same[nth : nth + 1], *same):
            if plain(payload[literal.start : literal.end]) == piece:
                return literal.start
        return -1


def _take(texts: dict[Key, Text], at: int, payload: bytes, found: Sequence[Literal]) -> None:
    """Takes down strings whose place is known."""
    for key, start, end in found:
        if start < end:
            text = texts.get(key)
            if text is None:
                text = texts[key] = Text(key)
            text.add(at, start, plain(payload[start:end]))


def _collect(texts: dict[Key, Text], at: int, pieces: Iterable[tuple[Key, bytes]]) -> None:
    """Takes down strings that a parser read."""
    seen: dict[Key, int] = {}
    for key, piece in pieces:
        nth = seen.get(key, 0)
        seen[key] = nth + 1
        if piece:
            texts.setdefault(key, Text(key)).add(at, -1 - nth, piece)


def _pieces(payload: bytes) -> Iterator[tuple[Key, bytes]]:
    """The strings of a record; plain text is one."""
    if payload[:1] not in _JSON_STARTS:
        yield (), payload
        return
    try:
        for key, text in leaves.pieces(jsonparts.loads(payload)):
            yield key, text.encode()
    except ValueError:  # broken, cut off, or nested too deep
        for literal in literals(payload):
            yield literal.key, plain(payload[literal.start : literal.end])
