"""The texts of a stream: what its records say, put together by what of them it is."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, repeat

from proxy.core import jsonparts
from proxy.core.redaction import leaves, runs
from proxy.core.redaction.leaves import Key, literals
from proxy.core.redaction.records import Events, Record, Split
from proxy.core.redaction.templates import Cut, Template, template
from proxy.core.redaction.tokens import plain, walk

_ALIKE = 4096  # a longer message is rarely like another
_KINDS = 8  # templates at a time
_TRIES = 32  # records unlike any other before the use of templates is weighed
JSON_STARTS = (b"{", b"[", b'"')


class Text:
    """A text that came in pieces: of which record each is, where in it, and what it says.

    A piece that a parser read has no place: of it, the number among the record's strings with the
    same key is kept, as a negative number from -1 down. Of a piece of a run, the
    record is the run's own number, negative too, and the place its row.
    """

    __slots__ = ("_ends", "_runs", "key", "pieces", "places", "records")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.records: list[int] = []
        self.places: list[int] = []
        self.pieces: list[bytes] = []
        self._ends: list[int] = []
        self._runs: list[tuple[runs.Run, int]] = []

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

    def extend(self, run: runs.Run, column: int) -> None:
        """Appends the pieces of a run."""
        pieces = run.columns[column]
        rows: Sequence[int] = range(len(pieces))
        if b"" in pieces:
            rows = [row for row in rows if pieces[row]]
            pieces = [*filter(None, pieces)]
        if b"\\" in b"".join(pieces):
            pieces = [*map(plain, pieces)]
        self._runs.append((run, column))
        self.records.extend(repeat(-len(self._runs), len(pieces)))
        self.places.extend(rows)
        self.pieces.extend(pieces)

    def place(self, at: int) -> int | None:
        """Where in the stream the piece with this number is, if it is of a run."""
        number = self.records[at]
        if number >= 0:
            return None
        run, column = self._runs[-1 - number]
        return run.place(column, self.places[at])


class Texts:
    """The texts of a stream as they are read, and what else there is to search.

    `singles` are the records that are searched whole too; `models` are those of them that others
    were only compared with. Unless `alike`, no record is taken as like another.
    """

    def __init__(self, data: bytes, split: Split, *, alike: bool) -> None:
        self.records: list[Record] = []
        self.singles: list[int] = []
        self.models: set[int] = set()
        self._data = data
        self._texts: dict[Key, Text] = {}
        self._known: list[Template] = []
        self._seen: set[tuple[Key, ...]] = set()
        self._in_runs = 0
        events = split.records if alike and isinstance(split.records, Events) else None
        for record in split.records:
            self.records.append(record)
            kind = self._matched(record.payload) or self._single(record.payload, alike=alike)
            if kind is not None and events is not None and events.lead:
                self._follow(events, kind, record.payload)

    def __iter__(self) -> Iterator[Text]:
        return iter(self._texts.values())

    def _matched(self, payload: bytes) -> Template | None:
        """Takes down a message that is like an earlier one."""
        for kind in self._known:
            if (found := kind.match(payload)) is not None:
                self._take(payload, found)
                return kind
        return None

    def _single(self, payload: bytes, *, alike: bool) -> Template | None:
        """Takes down a message that is like no other; makes a template when that is of use."""
        at = len(self.records) - 1
        self.singles.append(at)
        pieces = _pieces(payload)
        self._collect(at, pieces)
        read = at + self._in_runs
        if not alike or len(payload) >= _ALIKE or len(self.singles) * 4 >= read + _TRIES:
            return None
        keys = tuple([key for key, _ in pieces])
        if keys not in self._seen:
            self._seen.add(keys)
            return None
        kind = _template(payload)
        if kind is not None:
            self._known = [kind, *self._known[: _KINDS - 1]]
            self.models.add(at)
        return kind

    def _follow(self, events: Events, kind: Template, payload: bytes) -> None:
        """Takes down what follows of the same kind."""
        run = runs.follow(self._data, events.at, events.lead, kind, payload)
        if run is not None:
            events.at = run.end
            self._in_runs += run.events
            for column, key in enumerate(run.keys):
                if key is not None and any(run.columns[column]):
                    self._text(key).extend(run, column)

    def _text(self, key: Key) -> Text:
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = Text(key)
        return text

    def _take(self, payload: bytes, found: Sequence[Cut]) -> None:
        """Takes down strings whose place is known."""
        at = len(self.records) - 1
        for key, start, end in found:
            if key is not None and start < end:
                self._text(key).add(at, start, plain(payload[start:end]))

    def _collect(self, at: int, pieces: Iterable[tuple[Key, bytes]]) -> None:
        """Takes down strings that a parser read."""
        seen: dict[Key, int] = {}
        for key, piece in pieces:
            nth = seen.get(key, 0)
            seen[key] = nth + 1
            if piece:
                self._text(key).add(at, -1 - nth, piece)


def _template(payload: bytes) -> Template | None:
    """The template of a message, if one can be made."""
    values = [*walk(payload)]
    found = literals(payload, values)
    if len({literal.key for literal in found}) < len(found):
        return None  # a name given twice: which one counts, a parser says
    return template(payload, values, found)


def _pieces(payload: bytes) -> list[tuple[Key, bytes]]:
    """The strings of a record; plain text is one."""
    if payload[:1] not in JSON_STARTS:
        return [((), payload)]
    try:
        return [(key, text.encode()) for key, text in leaves.pieces(jsonparts.loads(payload))]
    except ValueError:  # broken, cut off, or nested too deep
        found = literals(payload)
        return [(one.key, plain(payload[one.start : one.end])) for one in found]
