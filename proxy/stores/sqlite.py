"""The embedded store: one SQLite file, one connection that writes, a few that read.

What holds at any time, and what `verify` proves: each exchange has one event, its bodies assemble
from pieces to the bytes that came over the wire, and each piece belongs to a run that needs it.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from proxy.core.chain import Checkpoint, Head
from proxy.core.model import Event, Exchange, Outcome, Run, RunRow, Snapshot
from proxy.errors import ConfigError, RecordingNotFound, StoreError, StoreUnavailable
from proxy.stores import (
    private_files,
    reserve,
    sqlite_chain,
    sqlite_delete,
    sqlite_read,
    sqlite_search,
    sqlite_verify,
)
from proxy.stores._api import Gap, Problem, Purge, RunQuery, Sealed, Size, Write
from proxy.stores.blob_reader import BlobReader
from proxy.stores.seals import Seals
from proxy.stores.skeleton import Opener
from proxy.stores.sqlite_connect import (
    DURABILITIES,
    Readers,
    connect,
    page_bytes,
    prepare,
    snapshot_of,
    transaction,
)
from proxy.stores.sqlite_errors import RAISED, StoreFull, is_passing, translated
from proxy.stores.sqlite_known import Memory
from proxy.stores.sqlite_rows import read_exchange
from proxy.stores.sqlite_write import Batch
from proxy.stores.timestamps import text_or_none

_log = logging.getLogger(__name__)

_CHECKPOINT = 4 * 1024 * 1024  # bytes of write-ahead log, about
_COMMIT = 48 * 1024  # bytes that a commit adds to the log beside its rows, about
_LOOK = 1.0  # seconds between looks whether the file is still there
_AT_ONCE = 20  # exchanges whose rows are read together
_KEY = "SELECT value FROM meta WHERE name = 'secret'"
_SET_KEY = "UPDATE meta SET value = ? WHERE name = 'secret'"


def open_sqlite(
    url: str, *, create: bool = True, durability: str = "durable", seals: Seals | None = None
) -> "SqliteStore":
    """Opens `sqlite:///relative.db` or `sqlite:////absolute.db`; see `open_store`."""
    name = url.removeprefix("sqlite:///")
    if name == url or not name or name.endswith("/"):
        raise ConfigError(
            f"{url!r} names no file",
            hint="write sqlite:///folder/file.db or sqlite:////abs/file.db",
        )
    if durability not in DURABILITIES:
        raise ConfigError(f"no durability {durability!r}", hint=f"one of {', '.join(DURABILITIES)}")
    return SqliteStore(url, Path(name), create=create, durability=durability, seals=seals)


class SqliteStore:
    """See `proxy.stores._api.Store`."""

    def __init__(
        self, url: str, path: Path, *, create: bool, durability: str, seals: Seals | None = None
    ) -> None:
        self.url = url
        self.durability = durability
        self._place = str(path)
        self._path = path.absolute()  # the folder may be changed later
        if self._path.is_symlink():  # SQLite has its log beside the file that it leads to
            self._path = self._path.resolve()
        self._seals = seals or Seals()
        self._memory = Memory(self._seals)
        self._lock = threading.RLock()  # around the writer
        self._unchecked = 0
        self._purged = False
        self._suspect = False  # the writer has met an error: it is opened anew before it is used
        self._closed = False
        if not create and not self._path.exists():
            raise StoreError(
                f"there is no store {self._place}", hint="record with `dashcam run -- CMD`"
            )
        self._secret = b""
        self._inode = 0
        self._look_again = 0.0
        self._readers = Readers(self._path, self._place)
        self._readers.fixed = not create and private_files.is_fixed(self._path)
        self._writer = self._open()

    # --- writing -----------------------------------------------------------------------------

    def write(self, batch: Sequence[Write]) -> None:
        """One transaction. A batch that cannot be stored (StoreError) may have one bad write."""
        with self._writing("write to") as connection:
            try:
                try:
                    work = self._transact(connection, batch)
                except sqlite3.IntegrityError:  # something of it is stored already: look closely
                    work = self._transact(connection, batch, careful=True)
            except (ValueError, TypeError, OverflowError) as error:
                raise StoreError(f"cannot store what no column holds: {error}") from error
            if self._is_elsewhere():  # what was written is nowhere that anybody looks
                self._look_again = 0.0
                raise StoreUnavailable(f"the file of the store {self._place} was taken away")
            self._unchecked += _COMMIT + work.written
            if self._unchecked >= _CHECKPOINT:
                self._checkpoint()

    def _transact(
        self, connection: sqlite3.Connection, batch: Sequence[Write], *, careful: bool = False
    ) -> Batch:
        try:
            with transaction(connection):
                work = Batch(connection, self._memory, careful=careful)
                for write in batch:
                    work.apply(write)
                work.seal()
        except BaseException:
            self._memory.forget()
            raise
        return work

    def checkpoint(self) -> None:
        """Empties the write-ahead log, if nobody else needs it just now."""
        with self._writing("checkpoint") as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._unchecked = 0
        reserve.keep(self._path)

    def delete_run(self, run_id: str, *, reason: str = "deleted") -> None:
        """Removes the run and every byte only it used.

        A large file keeps traces of what its rows have left behind in moving until `gc` or `close`.
        """
        self._with_reserve(lambda: self._delete_run(run_id, reason))

    def _delete_run(self, run_id: str, reason: str) -> None:
        with self._writing("delete from") as connection:
            if not sqlite_delete.delete_run(connection, run_id, reason):
                raise RecordingNotFound(f"no run {run_id!r}")
            self._memory.forget()
            self._purged = not sqlite_delete.wipe(connection)

    def gc(
        self,
        *,
        before: float | None = None,
        label: str | None = None,
        max_bytes: int | None = None,
        reason: str = "retention",
    ) -> list[str]:
        """Deletes runs, oldest first, and gives the space back; the ids of those that went."""
        gone: list[str] = []
        self._with_reserve(lambda: self._gc(gone, text_or_none(before), label, max_bytes, reason))
        reserve.keep(self._path)
        return gone

    def _gc(
        self,
        gone: list[str],
        limit: str | None,
        label: str | None,
        max_bytes: int | None,
        reason: str,
    ) -> None:
        with self._writing("clean up") as connection:
            for run_id in sqlite_delete.outdated(connection, before=limit, label=label):
                if max_bytes is not None and sqlite_delete.used_bytes(connection) <= max_bytes:
                    break
                sqlite_delete.delete_run(connection, run_id, reason)
                gone.append(run_id)
            self._memory.forget()
            self._purged = not sqlite_delete.wipe(connection, large=True)

    def backup(self, path: Path) -> None:
        """A copy that can be opened as a store, made while others write; `path` must be free."""
        try:
            made = private_files.make(path.absolute())
        except OSError as error:
            raise StoreUnavailable(f"cannot write to {path}: {error.strerror}") from error
        if not made:
            raise StoreError(f"{path} is there already", hint="name a file that is not")
        try:
            with self._reading() as connection, closing(sqlite3.connect(path)) as copy:
                connection.backup(copy)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def size(self) -> Size:
        """What the files take, and how much of it is free."""
        with self._reading() as connection:
            free = int(connection.execute("PRAGMA freelist_count").fetchone()[0]) * page_bytes(
                connection
            )
        return Size(self._path.stat().st_size, self._log_size(), free)

    def _log_size(self) -> int:
        try:
            return self._path.with_name(self._path.name + "-wal").stat().st_size
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        """Empties the write-ahead log and lets go; finishes a deletion."""
        with self._lock:
            if self._closed:
                return
            with suppress(sqlite3.Error):  # the log is read at the next start
                if self._purged:
                    sqlite_delete.wipe(self._writer, large=True)
                else:
                    self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._closed = True
            self._let_go()

    # --- reading -----------------------------------------------------------------------------

    def secret(self) -> bytes:
        """32 random bytes made with the store."""
        return self._secret

    def find_run(self, ref: str) -> Run:
        """By id, `last`, or unique prefix."""
        with self._reading() as connection:
            return sqlite_read.find_run(connection, ref)

    def runs(self, query: RunQuery) -> list[RunRow]:
        """Newest first."""
        if query.search is not None:
            self._index()
        with self._reading() as connection:
            return sqlite_read.runs(Opener(connection, self._seals), query)

    def _index(self) -> None:
        """Brings the index of what was said up to date; recording goes on between two pages."""
        while True:
            with self._reading() as connection:
                page = sqlite_search.gather(connection)
            if page is None:
                return
            with self._writing("search") as connection:
                sqlite_search.put(connection, page)

    def events(self, run_id: str) -> list[Event]:
        """The timeline, by start."""
        with self._reading() as connection:
            return sqlite_read.events(Opener(connection, self._seals), run_id)

    def exchange(self, exchange_id: str) -> Exchange:
        """One exchange with its bodies, byte for byte."""
        with self._reading() as connection, snapshot_of(connection):
            row = connection.execute(sqlite_read.EXCHANGE_BY_ID, (exchange_id,)).fetchone()
            if row is None:
                raise RecordingNotFound(f"no exchange {exchange_id!r}")
            return read_exchange(row, BlobReader(connection, self._seals))

    def exchanges(self, run_id: str) -> Iterator[Exchange]:
        """By `seq`; holds no connection and no transaction while the caller is busy."""
        blobs: BlobReader | None = None
        last: tuple[int, str] = (-1, "")
        while True:
            with self._reading() as connection:
                rows = connection.execute(
                    sqlite_read.EXCHANGES_AFTER, (run_id, *last, _AT_ONCE)
                ).fetchall()
            if not rows:
                return
            for row in rows:
                with self._reading() as connection:
                    if blobs is None:
                        blobs = BlobReader(connection, self._seals)
                    blobs.use(connection)
                    exchange = read_exchange(row, blobs)
                yield exchange
            last = (rows[-1][2], rows[-1][0])

    def outcomes(self, run_id: str) -> list[Outcome]:
        """Every verdict, oldest first."""
        with self._reading() as connection:
            return sqlite_read.outcomes(Opener(connection, self._seals), run_id)

    def snapshot(self, run_id: str) -> Snapshot:
        """The whole run, as it was at one moment."""
        with self._reading() as connection, snapshot_of(connection):
            blobs = BlobReader(connection, self._seals)
            opener = Opener(connection, self._seals)
            rows = connection.execute(sqlite_read.EXCHANGES, (run_id,)).fetchall()
            return Snapshot(
                sqlite_read.run(connection, run_id),
                [read_exchange(row, blobs) for row in rows],
                sqlite_read.events(opener, run_id),
                sqlite_read.outcomes(opener, run_id),
            )

    def last_seq(self, run_id: str) -> int:
        """The highest `seq` stored for the run, 0 when none."""
        with self._reading() as connection:
            row = connection.execute(sqlite_read.LAST_SEQ, (run_id,)).fetchone()
        return int(row[0]) if row else 0

    def changes(self, after: int) -> tuple[int, list[Event]]:
        """The next events above `after`, at most 1,000, and the mark to go on from."""
        with self._reading() as connection:
            return sqlite_read.changes(Opener(connection, self._seals), after)

    def gaps(self) -> list[Gap]:
        """What could not be stored, oldest first."""
        with self._reading() as connection:
            return sqlite_read.gaps(connection)

    def purges(self) -> list[Purge]:
        """The runs that were deleted."""
        with self._reading() as connection:
            return sqlite_read.purges(connection)

    def head(self) -> Head:
        """Where the chain over all records ends."""
        with self._reading() as connection, snapshot_of(connection):
            return sqlite_chain.head_of(connection)

    def verify(self, checkpoints: Sequence[Checkpoint] = ()) -> list[Problem]:
        """Reads everything and holds it against its digests, the chain and the checkpoints."""
        with self._reading() as connection:
            return sqlite_verify.problems(Opener(connection, self._seals), checkpoints)

    def sealed(self) -> Sealed:
        """How many runs have sealed bodies, and how many of them the key does not open."""
        with self._reading() as connection:
            return self._seals.counted(connection)

    # --- connections -------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if self._closed:
            raise StoreError(f"the store {self._place} is closed")
        with self._readers.one() as connection:
            yield connection

    @contextmanager
    def _writing(self, doing: str) -> Iterator[sqlite3.Connection]:
        """The writer, for one thread at a time; database errors become ours."""
        with self._lock:
            if self._closed:
                raise StoreError(f"the store {self._place} is closed")
            self._look_after_file()
            try:
                yield self._writer
            except RAISED as error:
                self._memory.forget()
                self._suspect = not is_passing(error)
                raise translated(error, self._place, doing=doing) from error

    def _with_reserve(self, act: Callable[[], None]) -> None:
        """Does what makes space, on a full disk, too."""
        try:
            act()
        except StoreFull:
            if not reserve.give_up(self._path):
                raise
            act()

    def _look_after_file(self) -> None:
        """Makes the file again that somebody took away: what is written must be found there."""
        if self._suspect:
            self._writer.close()
            self._writer = self._open()
            self._suspect = False
        now = time.monotonic()
        if now < self._look_again:
            return
        self._look_again = now + _LOOK
        try:
            if self._path.stat().st_ino == self._inode:
                return
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreUnavailable(f"cannot look at {self._place}: {error.strerror}") from error
        self._let_go()
        self._memory.forget()
        self._writer = self._open()
        _log.warning("the file of the store %s was taken away: a new one is used", self._place)

    def _read_secret(self, connection: sqlite3.Connection) -> bytes:
        row = connection.execute(_KEY).fetchone()
        if row is None or not isinstance(row[0], bytes):
            raise StoreError(
                f"the store {self._place} is damaged: it has lost its secret",
                hint="go on with a backup: --store sqlite:///BACKUP",
            )
        return row[0]

    def _is_elsewhere(self) -> bool:
        """Whether its name leads to another file by now, or to none."""
        try:
            return self._path.stat().st_ino != self._inode
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def _open(self) -> sqlite3.Connection:
        """The connection that writes, to a file that is there from now on."""
        try:
            made = private_files.make(self._path)
        except OSError as error:
            raise StoreUnavailable(
                f"cannot make the store {self._place}: {error.strerror}",
                hint="name another one with --store",
            ) from error
        private_files.narrow(self._path)
        try:
            return self._opened(made=made)
        except StoreFull:
            if not reserve.lend(self._path):
                raise
            return self._opened(made=made)

    def _opened(self, *, made: bool) -> sqlite3.Connection:
        fixed = self._readers.fixed
        try:
            connection = connect(self._path, durability=self.durability, fixed=fixed)
            try:
                prepare(connection, self._place)
                if made:
                    private_files.keep_out_of_git(self._path)
                    if self._secret:  # pseudonyms stay what they were
                        connection.execute(_SET_KEY, (self._secret,))
                self._secret = self._read_secret(connection)
            except BaseException:
                connection.close()
                raise
        except RAISED as error:
            raise translated(error, self._place, doing="open") from error
        self._inode = self._path.stat().st_ino
        self._unchecked = self._log_size()  # what those before have left, who may have crashed
        return connection

    def _checkpoint(self) -> None:
        """Copies the log into the file. The commit is made already: nothing here may fail it.

        SQLite before 3.51.3 can lose a commit that meets the start of a checkpoint (sqlite.org/
        wal.html#walresetbug), so the right to write is held while another connection copies.
        """
        with suppress(sqlite3.Error), closing(connect(self._path)) as other:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            finally:
                self._writer.execute("ROLLBACK")
            self._unchecked = 0
            reserve.keep(self._path)

    def _let_go(self) -> None:
        self._readers.close()
        self._writer.close()
