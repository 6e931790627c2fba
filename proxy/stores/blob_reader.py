"""Pieces on their way out of the store."""

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import zstandard

from proxy.errors import StoreError
from proxy.stores import digests, ints
from proxy.stores.seals import Forged, Seals

_STREAMS = 8  # that are kept to be read on
_HELD = 32 * 1024 * 1024  # bytes of pieces kept for the next exchange
_SIZES = 4  # bytes of how long the list of sizes is, in what is sealed
BLOB = "id, run, after, count, sizes, digest, data"


class Blob(NamedTuple):
    """A row of `blobs`; its pieces are numbered from `id`."""

    id: int
    run: int
    after: int | None
    pieces: int
    sizes: bytes
    digest: bytes
    data: bytes


class Damaged(StoreError):  # noqa: N818 - the name says it
    """Something in the store is not what was written."""


class BlobReader:
    """Reads pieces; keeps what it has read. For one piece of work, on one connection."""

    def __init__(self, connection: sqlite3.Connection, seals: Seals | None = None) -> None:
        self._connection = connection
        self._seals = seals or Seals()
        self._pieces: dict[int, bytes] = {}
        self._size = 0
        self._streams: dict[int, Any] = {}  # by the blob that each has read last

    def use(self, connection: sqlite3.Connection) -> None:
        """Goes on with another connection to the same store."""
        self._connection = connection

    def piece(self, number: int) -> bytes:
        """One piece; Damaged when it is not there, Locked when it is sealed with another key."""
        found = self._pieces.get(number)
        if found is None:
            row = self._connection.execute(
                f"SELECT {BLOB} FROM blobs WHERE id <= ? ORDER BY id DESC LIMIT 1",  # noqa: S608 - constant
                (number,),
            ).fetchone()
            if row is None or number >= row[0] + row[3]:
                raise Damaged(f"piece {number} is missing")
            blob = Blob(*row)
            self.read(blob)
            found = self._pieces[number]
        return found

    def join(self, numbers: Iterable[int]) -> bytes:
        """The pieces one after the other."""
        held = self._pieces
        return b"".join([held[n] if n in held else self.piece(n) for n in numbers])

    def read(self, blob: Blob) -> list[bytes]:
        """The pieces of a blob. Raises Damaged, Locked."""
        if self._size > _HELD:
            self._pieces.clear()
            self._streams.clear()
            self._size = 0
        chain = [blob]
        while chain[-1].after is not None and chain[-1].after not in self._streams:
            if chain[-1].after >= chain[-1].id:  # else it might go round in rings
                raise Damaged(f"blob {chain[-1].id} continues a later one")
            chain.append(self.blob(chain[-1].after))
        last = chain[-1].after
        stream = self._streams.pop(last) if last is not None else _decompressor()
        out: list[bytes] = []
        for part in reversed(chain):
            out = self._split(part, stream)
        self._streams[blob.id] = stream
        if len(self._streams) > _STREAMS:
            del self._streams[next(iter(self._streams))]  # the one used longest ago
        return out

    def _split(self, blob: Blob, stream: Any) -> list[bytes]:
        packed, numbers = self._opened(blob)
        try:
            data = stream.decompress(packed)
            sizes = ints.unpack(numbers)
        except (zstandard.ZstdError, ValueError, TypeError) as error:
            raise Damaged(f"blob {blob.id} cannot be read: {error}") from error
        if len(sizes) != blob.pieces or sum(sizes) != len(data):
            raise Damaged(f"blob {blob.id} has {len(data)} bytes and says {sum(sizes)}")
        out, at = [], 0
        for number, size in enumerate(sizes, blob.id):
            piece = data[at : at + size]
            self._pieces[number] = piece
            out.append(piece)
            at += size
        self._size += len(data)
        return out

    def _opened(self, blob: Blob) -> tuple[bytes, bytes]:
        """The compressed bytes and the list of sizes, whether or not they are sealed."""
        if not digests.is_sealed(blob.digest):
            return blob.data, blob.sizes
        try:
            both = self._seals.open(self._connection, bytes(blob.data), place(blob.id))
        except Forged as error:
            raise Damaged(f"blob {blob.id} cannot be read: {error.message}") from error
        begin = _SIZES + int.from_bytes(both[:_SIZES], "big")
        return both[begin:], both[_SIZES:begin]

    def leaf(self, blob: Blob) -> Callable[[bytes], bytes]:
        """What makes the digests of a blob's pieces. Raises Locked."""
        if not digests.is_sealed(blob.digest):
            return digests.leaf
        return self._seals.of(self._connection, bytes(blob.data)).leaf

    def blob(self, number: int) -> Blob:
        """A row; Damaged when it is not there."""
        row = self._connection.execute(
            f"SELECT {BLOB} FROM blobs WHERE id = ?",  # noqa: S608 - constant
            (number,),
        ).fetchone()
        if row is None:
            raise Damaged(f"blob {number} is missing")
        return Blob(*row)


def place(blob: int) -> bytes:
    """Where a blob's sealed bytes belong."""
    return b"blob %d" % blob


def with_sizes(sizes: bytes, packed: bytes) -> bytes:
    """What is sealed of a blob."""
    return len(sizes).to_bytes(_SIZES, "big") + sizes + packed


def _decompressor() -> Any:
    """A stream of its own: those of one ZstdDecompressor share their state."""
    return zstandard.ZstdDecompressor().decompressobj()
