"""Connections to one SQLite file: how they are opened, and how many there are.

One connection writes, a few read. Nothing here keeps a transaction open between two calls.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from queue import LifoQueue

from proxy.errors import StoreError, StoreMismatch
from proxy.stores.sqlite_errors import RAISED, translated

PAGE = 512  # of new files
STEPS = 4  # how many migrations there are; kept here so that opening need not import them
APPLICATION_ID = 0x64636D31  # "dcm1", in the file's header: this is ours
_BUSY_MS = 100  # the writer thread tries again; nobody waits long here
_PATIENT_MS = 10_000  # for what is done once: tables, deletion
_READERS = 4
_WAL_LIMIT = 8 * 1024 * 1024  # a larger write-ahead log is cut when it starts over
_WAL_LAST_RESORT = 64 * 1024 * 1024  # SQLite's own checkpoint, should ours never come to it
_CACHE_KIB = 4 * 1024

_SYNCHRONOUS = {"durable": "FULL", "strict": "FULL", "fast": "NORMAL"}
DURABILITIES = tuple(_SYNCHRONOUS)


def connect(path: Path, *, durability: str = "durable", fixed: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode; sqlite3.Error when it cannot be had.

    A `fixed` file is one that nobody writes: it needs neither locks nor files beside it.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?immutable=1" if fixed else path,
        timeout=_BUSY_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
        uri=fixed,
    )
    try:
        for pragma in (
            f"synchronous = {_SYNCHRONOUS[durability]}",
            "secure_delete = ON",
            "temp_store = MEMORY",
            f"cache_size = -{_CACHE_KIB}",
            f"journal_size_limit = {_WAL_LIMIT}",
            f"wal_autocheckpoint = {_WAL_LAST_RESORT // PAGE}",
            "foreign_keys = OFF",  # `verify` holds them; checking each row costs the writer
            "trusted_schema = OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except RAISED:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def patient(connection: sqlite3.Connection) -> Iterator[None]:
    """Waits longer for locks."""
    connection.execute(f"PRAGMA busy_timeout = {_PATIENT_MS}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """The one transaction that may write; nothing of it stays if it fails."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite rolls back by itself when the disk is full
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def snapshot_of(connection: sqlite3.Connection) -> Iterator[None]:
    """A short transaction in which all reading sees the same moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")


def prepare(connection: sqlite3.Connection, place: str) -> None:
    """Makes the tables, or brings them up to date; StoreMismatch for a newer program's."""
    if _is_current(connection, place):
        return
    from proxy.stores.sqlite_migrations import migrate  # noqa: PLC0415 - slow to import

    with patient(connection):
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _use_wal(connection)
        with transaction(connection):
            if not _is_current(connection, place):  # another process may have been first
                migrate(connection)


def _is_current(connection: sqlite3.Connection, place: str) -> bool:
    ours = _number(connection, "PRAGMA application_id")
    version = _number(connection, "PRAGMA user_version")
    if ours != APPLICATION_ID:
        if _number(connection, "SELECT count(*) FROM sqlite_schema"):
            raise StoreError(
                f"{place} is a SQLite database, but not a Dashcam store",
                hint="name another file with --store",
            )
        return False
    applied = _number(
        connection, "SELECT count(*) FROM _sqlite_migrations WHERE migration_set = 'dashcam'"
    )
    if max(version, applied) > STEPS:
        raise StoreMismatch(
            f"the store {place} was written by a newer Dashcam"
            f" (layout {max(version, applied)}, this one knows {STEPS})",
            hint="upgrade Dashcam, or name another store with --store",
        )
    return version == STEPS


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switches to a write-ahead log; SQLite does not wait for the lock that this takes."""
    deadline = time.monotonic() + _PATIENT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _number(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


def page_bytes(connection: sqlite3.Connection) -> int:
    """How large the file's pages are; those of older stores are larger."""
    return _number(connection, "PRAGMA page_size")


class Readers:
    """A few connections that only read; the one used last is used next."""

    def __init__(self, path: Path, place: str) -> None:
        self._path = path
        self._place = place
        self.fixed = False
        self._free: LifoQueue[sqlite3.Connection | None] = LifoQueue()
        for _ in range(_READERS):
            self._free.put(None)

    @contextlib.contextmanager
    def one(self) -> Iterator[sqlite3.Connection]:
        """Lends a connection; database errors become ours."""
        connection = self._free.get()
        try:
            if connection is None:
                connection = connect(self._path, fixed=self.fixed)
                connection.execute("PRAGMA query_only = ON")
            yield connection
        except RAISED as error:
            raise translated(error, self._place, doing="read") from error
        finally:
            self._free.put(connection)

    def close(self) -> None:
        """Waits for those that are lent, and closes all."""
        for _ in range(_READERS):
            connection = self._free.get()
            if connection is not None:
                connection.close()
        for _ in range(_READERS):
            self._free.put(None)
