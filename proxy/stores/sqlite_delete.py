"""Deletion that leaves nothing: rows, blobs, and their traces in the file."""

import sqlite3
import time
from typing import Any

from proxy.core import chain
from proxy.core.chain import Entry, Kind
from proxy.stores import digests, ints, seals, sqlite_chain, sqlite_search, zstreams
from proxy.stores.blob_reader import BlobReader, Damaged
from proxy.stores.sqlite_connect import page_bytes, patient, transaction
from proxy.stores.timestamps import to_text

SMALL = 64 * 1024 * 1024  # bytes; a file up to this size is rewritten at once

_TABLES = ("exchanges", "events", "shapes", "outcomes", "run_texts", "run_totals")
_SHARED = """
SELECT uses.piece, uses.run FROM blobs
JOIN uses ON uses.piece >= blobs.id AND uses.piece < blobs.id + blobs.count
WHERE blobs.run = ?1 AND uses.run <> ?1
"""
_BLOBS_OF_RUN = "SELECT id FROM blobs WHERE run = ? ORDER BY id"
_KEEP = "UPDATE blobs SET run = ?, after = NULL, sizes = ?, digest = ?, data = ? WHERE id = ?"
_DELETE_TEXTS = """
DELETE FROM texts WHERE id IN (SELECT text FROM run_texts WHERE run_id = ?1)
  AND NOT EXISTS (SELECT 1 FROM run_texts WHERE text = texts.id AND run_id <> ?1)
"""
_KEEP_NUMBERS = """
UPDATE meta SET value = CASE name
  WHEN 'epoch' THEN value + 1
  WHEN 'events' THEN max(value, (SELECT coalesce(max(id), 0) FROM events))
  WHEN 'pieces' THEN max(value, (SELECT coalesce(max(id + count), 0) FROM
    (SELECT id, count FROM blobs ORDER BY id DESC LIMIT 1)))
  ELSE value END
"""


def delete_run(connection: sqlite3.Connection, run_id: str, reason: str) -> bool:
    """Deletes a run in one transaction; False when it is not there.

    What other runs share with it stays, in rows that hold nothing else. `wipe` has to follow.
    """
    with patient(connection), transaction(connection):
        row = connection.execute(
            "SELECT number FROM run_totals WHERE run_id = ?", (run_id,)
        ).fetchone()
        if row is None:
            return False
        connection.execute(_KEEP_NUMBERS)  # numbers are never given out twice
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('traces', 1)")
        sqlite_search.forget(connection, run_id)
        _delete_blobs(connection, row[0])
        connection.execute(_DELETE_TEXTS, (run_id,))
        for table in _TABLES:
            connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))  # noqa: S608 - constants
        seals.delete(connection, run_id)
        connection.execute("DELETE FROM agent_runs WHERE id = ?", (run_id,))
        _leave_tombstone(connection, row[0], reason)
    return True


def _leave_tombstone(connection: sqlite3.Connection, run: int, reason: str) -> None:
    """That the run was deleted, and when; its entries in the chain stay, without their salt."""
    (entries,) = connection.execute("SELECT count(*) FROM chain WHERE run = ?", (run,)).fetchone()
    row = (run, to_text(time.time()), entries, reason)
    connection.execute(f"INSERT INTO purges ({sqlite_chain.PURGE}) VALUES (?,?,?,?)", row)  # noqa: S608 - a constant
    entry = Entry(run, Kind.PURGE, 0, chain.mark(b"", row))
    sqlite_chain.append(connection, sqlite_chain.head_of(connection), [entry])


def _delete_blobs(connection: sqlite3.Connection, run: int) -> None:
    heirs = dict(connection.execute(_SHARED, (run,)))  # pieces that stay: for one who needs each
    reader = BlobReader(connection)
    numbers = [row[0] for row in connection.execute(_BLOBS_OF_RUN, (run,))]
    names: list[tuple[bytes, int]] = []
    unnamed: list[tuple[int, int]] = []
    kept: list[tuple[Any, ...]] = []
    for number in numbers:  # nothing is deleted yet: a blob may need those before it
        blob = reader.blob(number)
        if digests.is_sealed(blob.digest):  # it is in no index, and no other run needs it
            continue
        try:
            pieces = list(enumerate(reader.read(blob), number))
        except Damaged:  # nobody can read it any more; only its names are left to be found
            unnamed.append((number, number + blob.pieces))
            continue
        marks = [(digests.leaf(piece), at) for at, piece in pieces]
        names.extend((mark, at) for mark, at in marks if at not in heirs)
        heir = next((heirs[at] for at, _ in pieces if at in heirs), None)
        if heir is not None:
            kept.append(
                _only([piece if at in heirs else b"" for at, piece in pieces], heir, number)
            )
    connection.executemany("DELETE FROM pieces WHERE digest = ? AND id = ?", names)
    connection.executemany("DELETE FROM pieces WHERE id >= ? AND id < ?", unnamed)
    connection.executemany(_KEEP, kept)
    connection.execute("DELETE FROM blobs WHERE run = ?", (run,))
    connection.execute("DELETE FROM uses WHERE run = ?", (run,))


def _only(pieces: list[bytes], heir: int, number: int) -> tuple[Any, ...]:
    """The values of _KEEP for a blob that is left with these pieces."""
    packed = zstreams.alone(b"".join(pieces))
    digest = digests.of_blob(map(digests.leaf, pieces), packed)
    return (heir, ints.pack([len(piece) for piece in pieces]), digest, packed, number)


def wipe(connection: sqlite3.Connection, *, large: bool = False) -> bool:
    """Gives free space back, and leaves no trace of what was deleted; whether that is done.

    `secure_delete` has overwritten the rows, but SQLite moves rows between pages, and what they
    leave behind is only gone once the file is written anew. A file over `SMALL` is written anew
    only when `large` says so: meanwhile nobody can write to it.
    """
    size = int(connection.execute("PRAGMA page_count").fetchone()[0]) * page_bytes(connection)
    traces = connection.execute("SELECT 1 FROM meta WHERE name = 'traces'").fetchone()
    anew = traces is not None and (large or size <= SMALL)
    with patient(connection):
        if anew:
            anew = _write_anew(connection)
        if not anew:
            connection.execute("PRAGMA incremental_vacuum").fetchall()  # a page a step
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy and (anew or traces is None)


def _write_anew(connection: sqlite3.Connection) -> bool:
    """False when there is no space for a second copy."""
    try:
        sqlite_search.tidy(connection)
        connection.execute("VACUUM")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_FULL:
            raise
        return False
    connection.execute("DELETE FROM meta WHERE name = 'traces'")
    return True


def outdated(connection: sqlite3.Connection, *, before: str | None, label: str | None) -> list[str]:
    """The runs that were last active before a time, oldest first; all with the label."""
    return [
        row[0]
        for row in connection.execute(
            "SELECT id FROM agent_runs JOIN run_totals ON run_id = id"
            " WHERE (?1 IS NULL OR active_at < ?1) AND (?2 IS NULL OR label = ?2)"
            " ORDER BY active_at, id",
            (before, label),
        )
    ]


def used_bytes(connection: sqlite3.Connection) -> int:
    """What is in use of the file."""
    pages, free = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count")
    )
    return (pages - free) * page_bytes(connection)
