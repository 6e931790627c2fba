"""Is everything that was stored still what it was? Reads all of it, run by run."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from functools import cache
from typing import Any

from proxy.core.chain import Checkpoint
from proxy.core.model import End
from proxy.errors import StoreError
from proxy.stores import (
    digests,
    jsontext,
    record,
    seals,
    shapes,
    skeleton,
    sqlite_chain_verify,
    sqlite_search,
)
from proxy.stores._api import Problem
from proxy.stores.blob_reader import BLOB, Blob, BlobReader, Damaged
from proxy.stores.skeleton import Opener
from proxy.stores.sqlite_connect import snapshot_of
from proxy.stores.sqlite_rows import EXCHANGE, columns_mark

_MOST = 1000  # problems said; a file that is damaged all over is damaged
_COUNTED = f"""
SELECT
  (SELECT count(*) FROM exchanges WHERE run_id = ?1)
  + (SELECT count(*) FROM {shapes.EVENTS} WHERE run_id = ?1 AND data ->> '$.exchangeId' IS NULL
     AND kind IN ('llm_call', 'tool_call', 'retrieval', 'http')),
  (SELECT coalesce(max(seq), 0) FROM exchanges WHERE run_id = ?1)
"""  # noqa: S608 - a constant


def problems(opener: Opener, checkpoints: Sequence[Checkpoint] = ()) -> list[Problem]:
    """What is wrong, at most `_MOST` of it; of what the key does not open, what can be seen."""
    out: list[Problem] = []
    for problem in _all(opener, checkpoints):
        out.append(problem)
        if len(out) == _MOST:
            out.append(Problem("store", "and more"))
            break
    return out


def _all(opener: Opener, checkpoints: Sequence[Checkpoint]) -> Iterator[Problem]:
    connection = opener.connection
    try:
        for (said,) in connection.execute("PRAGMA integrity_check").fetchall():
            if said != "ok":
                yield Problem("file", said)
        yield from _tables(connection)
        yield from sqlite_chain_verify.links(connection, checkpoints)
        for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check").fetchall():
            yield Problem(f"{table} {row or ''}".strip(), f"belongs to no row of {parent}")
        for (run_id,) in connection.execute("SELECT id FROM agent_runs").fetchall():
            with snapshot_of(connection):
                yield from _readable(f"run {run_id}", _run(opener, run_id))
        for (run,) in connection.execute(_ORPHANS).fetchall():
            yield Problem("blobs", f"those of run number {run} belong to no run")
        with snapshot_of(connection):
            yield from _readable("chain", sqlite_chain_verify.others(connection))
    except sqlite3.DatabaseError as error:
        yield Problem("file", str(error))


def _readable(where: str, found: Iterator[Problem]) -> Iterator[Problem]:
    """The same; columns of the wrong type, which only somebody else can have written, end it."""
    try:
        yield from found
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        yield Problem(where, f"cannot be read: {error}")


def _tables(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Tables, indexes and triggers that are missing, changed, or somebody else's."""
    found = _defined(connection)
    ours = _schema() | {
        ("table", name): sql for name, sql in seals.TABLES.items() if ("table", name) in found
    }
    indexed = found.get(("table", "said"), "").startswith(_INDEX)
    for kind, name in sorted(ours.keys() | found.keys()):
        if (kind, name) not in found:
            yield Problem(name, "is missing: a table, an index or a trigger")
        elif (kind, name) in ours:
            if ours[kind, name] != found[kind, name]:
                yield Problem(name, "is not defined as Dashcam defines it")
        elif not indexed or (name not in sqlite_search.NAMES.get(kind, ())):
            yield Problem(name, "is none of Dashcam's tables, indexes and triggers")


def _defined(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """What is there by kind and name: a trigger may have a table's name."""
    return {(kind, name): sql for kind, name, sql in connection.execute(_SCHEMA)}


@cache
def _schema() -> dict[tuple[str, str], str]:
    """The tables as Dashcam makes them."""
    from proxy.stores.sqlite_migrations import migrate  # noqa: PLC0415 - slow to import

    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh)
        return _defined(fresh)


_INDEX = "CREATE VIRTUAL TABLE said USING fts5("
_SCHEMA = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"


def _run(opener: Opener, run_id: str) -> Iterator[Problem]:
    connection, where = opener.connection, f"run {run_id}"
    row = connection.execute(_RUN, (run_id,)).fetchone()
    if row is None:
        return  # deleted meanwhile
    number, calls, last_seq, *judged = row
    if number is None:
        yield Problem(where, "has no totals")
        return
    reader = BlobReader(connection, opener.seals)
    leaves: dict[int, tuple[int, bytes]] = {}
    records: dict[int, bytes] = dict.fromkeys(
        (row[0] for row in connection.execute(_RECORDS, (run_id,))), b""
    )
    yield from _blobs(connection, number, reader, leaves, records)
    for said in seals.problems(connection, run_id, number):
        yield Problem(where, said)
    ours = {piece: mark for piece, (_, mark) in leaves.items()}
    needed: set[int] = set()
    for row in connection.execute(_EXCHANGES, (run_id,)).fetchall():
        try:
            with suppress(seals.Locked):  # what can be seen of it without the key is right
                needed |= _check(row, records, leaves, reader)
        except (Damaged, ValueError, KeyError) as error:
            said = error.message if isinstance(error, StoreError) else f"cannot be read: {error}"
            yield Problem(f"exchange {row[0]}", said)
    yield from _events(opener, run_id)
    yield from _words(opener, run_id)
    yield from sqlite_chain_verify.run_entries(connection, run_id, number)
    counted = connection.execute(_COUNTED, (run_id,)).fetchone()
    if counted[0] != calls or counted[1] > last_seq:
        yield Problem(where, f"says {calls} calls and has {counted[0]}")
    verdict = connection.execute(_VERDICT, (run_id,)).fetchone() or (None, None)
    if verdict != tuple(judged):
        yield Problem(where, f"says {judged[0]} and was judged {verdict[0]}")
    yield from _uses(connection, where, number, needed - ours.keys())
    yield from _names(connection, ours, reader)


_RUN = """
SELECT number, calls, last_seq, outcome, failure_mode
FROM agent_runs LEFT JOIN run_totals ON run_id = id WHERE id = ?
"""
_ORPHANS = "SELECT DISTINCT run FROM blobs WHERE run NOT IN (SELECT number FROM run_totals)"
_RECORDS = "SELECT record FROM exchanges WHERE run_id = ?"
_EXCHANGES = f"SELECT {EXCHANGE} FROM exchanges WHERE run_id = ? ORDER BY seq, id"  # noqa: S608 - a constant
_BLOBS = f"SELECT {BLOB} FROM blobs WHERE run = ? ORDER BY id"  # noqa: S608 - a constant
_VERDICT = """
SELECT status, failure_mode FROM outcomes WHERE run_id = ?
ORDER BY source = 'caller' DESC, number DESC LIMIT 1
"""
_WORDS = "SELECT number, reason, user_impact FROM outcomes WHERE run_id = ?"
_DAMAGED = skeleton.DAMAGED
_USES = "SELECT piece FROM uses WHERE run = ?"
_NAMED = "SELECT id FROM pieces WHERE digest = ?"
_LOST_USES = """
SELECT piece FROM uses WHERE run = ? AND NOT EXISTS (
  SELECT 1 FROM blobs WHERE id = (SELECT max(id) FROM blobs WHERE id <= piece)
  AND piece < id + count)
"""


def _blobs(
    connection: sqlite3.Connection,
    run: int,
    reader: BlobReader,
    leaves: dict[int, tuple[int, bytes]],
    records: dict[int, bytes],
) -> Iterator[Problem]:
    """Reads a run's blobs; fills in their pieces' sizes and digests, and the records."""
    for row in connection.execute(_BLOBS, (run,)):
        blob = Blob(*row)
        try:
            data = reader.read(blob)
            leaf = reader.leaf(blob)
        except seals.Locked:
            if not digests.has_bytes(blob.digest, blob.data):
                yield Problem(f"blob {blob.id}", "is not what was stored: its digest differs")
            continue
        except Damaged as error:
            yield Problem(f"blob {blob.id}", error.message)
            continue
        marks = [leaf(piece) for piece in data]
        sealed = digests.is_sealed(blob.digest)
        whole = (digests.of_sealed_blob if sealed else digests.of_blob)(marks, blob.data)
        if blob.digest not in (whole, digests.short_fold(marks)):  # the shorter one is of old
            yield Problem(f"blob {blob.id}", "is not what was stored: its digest differs")
        for at, (piece, mark) in enumerate(zip(data, marks, strict=True), blob.id):
            leaves[at] = (len(piece), mark)
            if at in records:
                records[at] = piece


def _check(
    row: tuple[Any, ...],
    records: dict[int, bytes],
    leaves: dict[int, tuple[int, bytes]],
    reader: BlobReader,
) -> set[int]:
    """The pieces of an exchange; raises for one that is not what was stored.

    Raises Locked when all that can be seen without the key is right.
    """
    columns = columns_mark(row[:26])
    sealed = digests.is_sealed(row[27])
    if sealed and not digests.has_columns(row[27], columns):
        raise Damaged("is not what was stored: its digest differs")

    def leaf(piece: int) -> tuple[int, bytes]:
        if piece not in leaves:  # another run's, which is not sealed
            data = reader.piece(piece)
            leaves[piece] = (len(data), digests.leaf(data))
        return leaves[piece]

    End(row[14])
    data = records[row[26]] or reader.piece(row[26])
    refs = record.decode(data).refs
    sizes = []
    marks: list[bytes] = []
    for numbers in (refs.request, refs.response, refs.frames):
        found = [leaf(number) for number in numbers]
        sizes.append(sum(size for size, _ in found))
        marks.extend(mark for _, mark in found)
    marks.extend(
        leaf(headers.base)[1]
        for headers in (refs.request_headers, refs.response_headers)
        if headers
    )
    pieces = {row[26], *refs.request, *refs.response, *refs.frames}
    pieces.update(h.base for h in (refs.request_headers, refs.response_headers) if h)
    if sizes[:2] != [row[24], row[25]]:
        raise Damaged(f"has bodies of {sizes[:2]} bytes instead of {[row[24], row[25]]}")
    marks.append(leaf(row[26])[1])
    whole = digests.of_sealed(marks, columns) if sealed else digests.fold((*marks, columns))
    if whole != row[27]:
        raise Damaged("is not what was stored: its digest differs")
    return pieces


def _words(opener: Opener, run_id: str) -> Iterator[Problem]:
    """What is sealed of a run's outcomes."""
    for number, *texts in opener.connection.execute(_WORDS, (run_id,)):
        for name, text in zip(("reason", "user_impact"), texts, strict=True):
            if isinstance(text, bytes) and skeleton.open_words(text, name, opener) == _DAMAGED:
                yield Problem(f"outcome {number}", f"its {name} is not what was sealed")


def _uses(
    connection: sqlite3.Connection, where: str, run: int, others: set[int]
) -> Iterator[Problem]:
    """What a run says to need of others, and what it does."""
    for (piece,) in connection.execute(_LOST_USES, (run,)).fetchall():
        yield Problem(where, f"needs piece {piece}, which is missing")
    said = {row[0] for row in connection.execute(_USES, (run,))}
    for piece in sorted(others - said):
        yield Problem(where, f"needs piece {piece} of another run, and does not say so")


def _names(
    connection: sqlite3.Connection, pieces: dict[int, bytes], reader: BlobReader
) -> Iterator[Problem]:
    """Whether the pieces that are found by these digests have them."""
    for piece, mark in pieces.items():
        row = connection.execute(_NAMED, (mark,)).fetchone()
        if row is not None and row[0] != piece and not _same(row[0], mark, reader):
            yield Problem(f"piece {piece}", "goes by its digest to another one")


def _same(piece: int, mark: bytes, reader: BlobReader) -> bool:
    try:
        return digests.leaf(reader.piece(piece)) == mark
    except Damaged:
        return False


def _events(opener: Opener, run_id: str) -> Iterator[Problem]:
    """The tree of a run's events: parents in the same run, no rings; one event an exchange."""
    connection = opener.connection
    parents: dict[int, int | None] = {}
    for number, parent, data, shape in connection.execute(
        f"SELECT id, parent_event_id, data, shape FROM {shapes.EVENTS} WHERE run_id = ?",  # noqa: S608 - a constant
        (run_id,),
    ):
        parents[number] = parent
        try:
            jsontext.loads(data)
        except ValueError as error:
            yield Problem(f"event {number}", f"its data is no JSON: {error}")
            continue
        if shape == skeleton.SHAPE and (said := skeleton.problem(data, number, opener)):
            yield Problem(f"event {number}", said)
    sound: set[int] = set()
    for number in parents:
        path: list[int] = []
        at: int | None = number
        while at is not None and at not in sound and at not in path and at in parents:
            path.append(at)
            at = parents[at]
        if at is not None and at not in sound:
            what = "is its own ancestor" if at in path else "has a parent in another run"
            yield Problem(f"event {number}", what)
        sound.update(path)
    for exchange, event in connection.execute(
        "SELECT id, event_id FROM exchanges WHERE run_id = ?", (run_id,)
    ):
        if event not in parents:
            yield Problem(f"exchange {exchange}", "its event is missing")
