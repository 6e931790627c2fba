"""Bodies on their way into the store: found again, cut, hashed, compressed.

The new pieces of one exchange are numbered on and go together into one row of `blobs`.

What is remembered here is only a shortcut to what the transactions of this writer have stored. It
must be forgotten when one fails, and when any process has deleted something (`epoch`).

A sealed run shares nothing with other runs, and is in no index: its pieces are found again only by
the process that stored them.
"""

import sqlite3
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import compress, pairwise
from operator import itemgetter, ne
from typing import Any, NamedTuple

from proxy.core.model import Exchange, Headers
from proxy.stores import blob_reader, digests, ints, pieces, record
from proxy.stores.pieces import Overlap, Pieces
from proxy.stores.record import HeaderRef, Refs
from proxy.stores.seals import RunSeal
from proxy.stores.zstreams import Streams

_ROW_BYTES = 512 * 1024  # uncompressed; a larger exchange has several rows
_ANSWER_PIECE = 8192  # answers are rarely sent again in part
_WORTH_FINDING = 256  # shorter pieces are not looked for
_WORTH_ASKING = 4096  # shorter ones only in this process's memory, once a conversation runs
_SEEN = 50_000  # pieces
_REMEMBERED = 64 * 1024 * 1024  # bytes of bodies kept for `overlap`
_REMEMBERED_BODY = 8 * 1024 * 1024
_CONVERSATIONS = 3  # of one run with one endpoint
_TEMPLATES = 512
_NAME, _VALUE = itemgetter(0), itemgetter(1)
_NOTHING = Pieces(b"", (), (), ())


class Stored(NamedTuple):
    """An exchange as pieces: its record, and the digest over everything in them."""

    record: int
    digest: bytes


@dataclass(slots=True)
class Rows:
    """What a transaction adds to the tables `blobs`, `pieces` and `uses`."""

    blobs: list[tuple[Any, ...]] = field(default_factory=list)
    pieces: list[tuple[bytes, int]] = field(default_factory=list)
    uses: set[tuple[int, int]] = field(default_factory=set)
    size: int = 0  # of the blobs

    def clear(self) -> None:
        """They are written."""
        self.blobs.clear()
        self.pieces.clear()
        self.uses.clear()
        self.size = 0


@dataclass(slots=True)
class _Template:
    """A list of headers that others are described by, and the runs that use it."""

    values: tuple[bytes, ...]
    piece: int
    digest: bytes
    runs: set[int]


class BlobWriter:
    """Makes rows of exchanges. One per writer connection."""

    def __init__(self) -> None:
        self._streams = Streams()
        self._connection: sqlite3.Connection
        self._seal: RunSeal | None = None  # of the exchange that is being added
        self._leaf = digests.leaf
        self.next_piece = 1
        self.forget()

    def forget(self) -> None:
        """After a rollback, and after a deletion."""
        self._bodies: OrderedDict[tuple[int, str], list[Pieces]] = OrderedDict()
        self._newest: dict[str, Pieces] = {}  # of any run, by endpoint
        self._body_bytes = 0
        self._templates: OrderedDict[tuple[Any, ...], _Template] = OrderedDict()
        self._seen: dict[bytes, int] = {}
        self._streams.forget()
        self.rows = Rows()

    def begin(self, connection: sqlite3.Connection) -> None:
        """A transaction has begun, and `next_piece` is the first free number."""
        self._connection = connection
        self.rows = Rows()

    def add(
        self, run: int, exchange: Exchange, columns: bytes, seal: RunSeal | None = None
    ) -> Stored:
        """Adds the rows of an exchange of run number `run`; `columns` go into its digest.

        With `seal` all of it is sealed, and what its columns do not say of it, too.
        """
        self._seal, self._leaf = seal, seal.leaf if seal else digests.leaf
        new: list[tuple[bytes, bytes]] = []
        request = self._request(run, exchange, new)
        response = self._cut(run, exchange.response_body.data, new)
        frames = _NOTHING
        if exchange.frames:
            frames = self._cut(run, b"".join([frame.data for frame in exchange.frames]), new)
        host, head = exchange.request.host, exchange.response
        asked, asked_mark = self._headers(run, (host, "?"), exchange.request.headers, new)
        answered, answered_mark = self._headers(run, (host, "!"), head.headers if head else (), new)
        refs = Refs(asked, answered, request.ids, response.ids, frames.ids)
        data = record.encode(exchange, refs, sealed=seal is not None)
        mark = self._leaf(data)
        number = self._new(data, mark, new)
        marks = (
            *request.digests,
            *response.digests,
            *frames.digests,
            asked_mark,
            answered_mark,
            mark,
        )
        digest = digests.of_sealed(marks, columns) if seal else digests.fold((*marks, columns))
        self._rows_of(run, new)
        return Stored(number, digest)

    def _request(self, run: int, exchange: Exchange, new: list[tuple[bytes, bytes]]) -> Pieces:
        data = exchange.request_body.data
        if len(data) < pieces.LEAST:
            return self._cut(run, data, new) if data else _NOTHING
        place = f"{exchange.request.host} {exchange.request.path}"
        old, same, ours = self._most_alike(run, place, data)
        if old is None or same is None:
            known = self._cut(run, data, new, least=pieces.LEAST, everywhere=True)
        else:
            if not ours:  # from now on this run needs them, too
                ids = old.ids[: same.head] + old.ids[len(old.ids) - same.tail :]
                self.rows.uses.update((piece, run) for piece in ids)
            middle = self._cut(run, data, new, start=same.start, end=same.end, least=pieces.LEAST)
            known = pieces.joined(old, same, data, middle)
        self._remember(run, place, known, instead_of=old if ours else None)
        return known

    def _most_alike(
        self, run: int, place: str, data: bytes
    ) -> tuple[Pieces | None, Overlap | None, bool]:
        """The earlier body with most of `data`, at least a quarter; of this run if there is one."""
        best: tuple[Pieces | None, Overlap | None] = (None, None)
        most = len(data) // 4
        for old in reversed(self._bodies.get((run, place), ())):
            same = pieces.overlap(old, data)
            shared = same.start + len(data) - same.end
            if shared > most:
                best, most = (old, same), shared
                if 2 * shared > len(data):
                    break
        if best[0] is not None or self._seal or place not in self._newest:
            return *best, True
        old = self._newest[place]
        same = pieces.overlap(old, data)
        return (
            (old, same, False) if same.start + len(data) - same.end > most else (None, None, True)
        )

    def _remember(self, run: int, place: str, known: Pieces, *, instead_of: Pieces | None) -> None:
        if len(known.body) > _REMEMBERED_BODY:
            return
        bodies = self._bodies
        size = len(known.body)
        held = bodies.pop((run, place), [])
        if instead_of is not None:
            held[:] = [old for old in held if old is not instead_of]  # not by value
            size -= len(instead_of.body)
        elif len(held) == _CONVERSATIONS:
            size -= len(held.pop(0).body)
        held.append(known)
        bodies[run, place] = held
        if self._seal is None:
            self._newest[place] = known
        self._body_bytes += size
        while self._body_bytes > _REMEMBERED:
            (_, place), held = bodies.popitem(last=False)
            self._newest.pop(place, None)
            self._body_bytes -= sum([len(old.body) for old in held])

    def _cut(
        self,
        run: int,
        data: bytes,
        new: list[tuple[bytes, bytes]],
        *,
        start: int = 0,
        end: int | None = None,
        least: int = _ANSWER_PIECE,
        everywhere: bool = False,
    ) -> Pieces:
        """`data[start:end]` as pieces, each found or new."""
        ends = pieces.cuts(data, start, len(data) if end is None else end, least=least)
        ids, marks = [], []
        for begin, stop in pairwise((start, *ends)):
            piece = data[begin:stop]
            mark = self._leaf(piece)
            ids.append(self._find(run, piece, mark, new, everywhere=everywhere))
            marks.append(mark)
        return Pieces(data, tuple(ends), tuple(ids), tuple(marks))

    def _find(
        self,
        run: int,
        piece: bytes,
        mark: bytes,
        new: list[tuple[bytes, bytes]],
        *,
        everywhere: bool,
    ) -> int:
        """The number of a piece: of the same one stored before, or its own.

        `everywhere` asks the database, too, for what this process has not seen; a piece that is
        stored twice does no harm.
        """
        if len(piece) < _WORTH_FINDING:
            return self._new(piece, mark, new)
        number = self._seen.get(mark)
        asks = self._seal is None and (everywhere or len(piece) >= _WORTH_ASKING)
        if number is None and asks:
            row = self._connection.execute(
                "SELECT id FROM pieces WHERE digest = ?", (mark,)
            ).fetchone()
            number = int(row[0]) if row else None
        if number is None:
            number = self._new(piece, mark, new)
            if asks:
                self.rows.pieces.append((mark, number))
        elif number < self.next_piece:  # else it is of this very exchange
            self.rows.uses.add((number, run))
        self._see(mark, number)
        return number

    def _see(self, mark: bytes, number: int) -> None:
        if len(self._seen) >= _SEEN:
            self._seen.clear()
        self._seen[mark] = number

    def _new(self, piece: bytes, mark: bytes, new: list[tuple[bytes, bytes]]) -> int:
        new.append((piece, mark))
        return self.next_piece + len(new) - 1

    def _headers(
        self,
        run: int,
        side: tuple[str, str],
        headers: Headers,
        new: list[tuple[bytes, bytes]],
    ) -> tuple[HeaderRef | None, bytes]:
        """Headers as a template and what differs from it, and the template's digest."""
        if not headers:
            return None, b""
        if self._seal:  # no other run's
            side = (f"{run} {side[0]}", side[1])
        names, values = tuple(map(_NAME, headers)), tuple(map(_VALUE, headers))
        template = self._templates.get((*side, names))
        if template is not None:
            places = [*compress(range(len(values)), map(ne, values, template.values))]
            if 2 * len(places) <= len(values) + 2:
                if run not in template.runs:
                    self.rows.uses.add((template.piece, run))
                    template.runs.add(run)
                changes = tuple((place, values[place]) for place in places)
                return HeaderRef(template.piece, changes), template.digest
        data = record.encode_headers(headers)
        mark = self._leaf(data)
        number = self._find(run, data, mark, new, everywhere=True)
        self._templates[*side, names] = _Template(values, number, mark, {run})
        if len(self._templates) > _TEMPLATES:
            self._templates.popitem(last=False)
        return HeaderRef(number), mark

    def _rows_of(self, run: int, new: list[tuple[bytes, bytes]]) -> None:
        """The new pieces as rows of `blobs`."""
        at = 0
        while at < len(new):
            stop, size = at, 0
            while stop < len(new) and (size < _ROW_BYTES):
                size += len(new[stop][0])
                stop += 1
            data, marks = zip(*new[at:stop], strict=True)
            packed, after = self._streams.compress(run, self.next_piece, b"".join(data))
            sizes = ints.pack([len(piece) for piece in data])
            if self._seal is None:
                digest = digests.of_blob(marks, packed)
            else:
                place = blob_reader.place(self.next_piece)
                packed = self._seal.seal(blob_reader.with_sizes(sizes, packed), place)
                sizes, digest = b"", digests.of_sealed_blob(marks, packed)
            self.rows.blobs.append((self.next_piece, run, after, stop - at, sizes, digest, packed))
            self.rows.size += len(packed)
            self.next_piece += stop - at
            at = stop
