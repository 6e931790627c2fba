import sqlite3
from contextlib import closing

import pytest

from proxy.errors import StoreError, StoreUnavailable
from proxy.stores import sqlite_errors
from proxy.stores.sqlite_errors import StoreFull

# Names of the module that are no primary result codes of errors.
OTHERS = {"SQLITE_OK", "SQLITE_DONE", "SQLITE_ROW", "SQLITE_NOTICE", "SQLITE_WARNING"}


def test_the_table_has_every_primary_code() -> None:
    by_code: dict[int, set[str]] = {}
    for name in dir(sqlite3):
        value = getattr(sqlite3, name)
        if name.startswith("SQLITE_") and isinstance(value, int) and 0 < value < 0x100:
            by_code.setdefault(value, set()).add(name)
    errors = {"SQLITE_" + word for word in NAMES.split()}
    codes = {
        next(name for name in names if name in errors)
        for names in by_code.values()
        if names & errors and not names & OTHERS
    }
    assert codes == set(sqlite_errors.ERRORS)


# sqlite.org/rescode.html, section 3: the primary result codes of errors.
NAMES = """
ABORT AUTH BUSY CANTOPEN CONSTRAINT CORRUPT EMPTY ERROR FORMAT FULL INTERNAL INTERRUPT IOERR LOCKED
 MISMATCH MISUSE NOLFS NOMEM NOTADB NOTFOUND PERM PROTOCOL RANGE READONLY SCHEMA TOOBIG"""


def error_of(name: str, message: str = "said so") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_BUSY", StoreUnavailable),
        ("SQLITE_BUSY_SNAPSHOT", StoreUnavailable),
        ("SQLITE_FULL", StoreFull),
        ("SQLITE_IOERR_FSYNC", StoreUnavailable),
        ("SQLITE_READONLY_DBMOVED", StoreUnavailable),
        ("SQLITE_CANTOPEN", StoreUnavailable),
        ("SQLITE_NOTADB", StoreError),
        ("SQLITE_CORRUPT_INDEX", StoreError),
        ("SQLITE_CONSTRAINT_UNIQUE", StoreError),
        ("SQLITE_ERROR", StoreError),
    ],
)
def test_what_may_heal_is_told_apart(name: str, kind: type[StoreError]) -> None:
    error = sqlite_errors.translated(error_of(name), "x.db", doing="write to")
    assert type(error) is kind
    assert error.message.startswith("cannot write to the store x.db: ")
    assert "\n" not in error.message


def test_a_full_disk_says_what_to_do() -> None:
    error = sqlite_errors.translated(error_of("SQLITE_FULL"), "x.db")
    assert (error.message, error.hint) == (
        "cannot use the store x.db: the disk is full",
        "free some space; what records already goes on by itself",
    )


def test_which_errors_leave_the_connection_as_it_was() -> None:
    for name in ("SQLITE_BUSY_SNAPSHOT", "SQLITE_FULL", "SQLITE_CONSTRAINT_UNIQUE"):
        assert sqlite_errors.is_passing(error_of(name))
    for name in ("SQLITE_IOERR_FSYNC", "SQLITE_READONLY_DBMOVED", "SQLITE_CORRUPT_INDEX"):
        assert not sqlite_errors.is_passing(error_of(name))
    assert not sqlite_errors.is_passing(sqlite3.ProgrammingError("closed"))


def test_a_message_that_quotes_damaged_bytes() -> None:
    with pytest.raises(UnicodeDecodeError) as raised:
        b"malformed \xd9 ".decode()
    error = sqlite_errors.translated(raised.value, "x.db", doing="open")
    assert error.message == "cannot open the store x.db: it is damaged"
    assert isinstance(raised.value, sqlite_errors.RAISED)


def test_an_error_of_the_module_itself() -> None:
    connection = sqlite3.connect(":memory:")
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError) as closed:
        connection.execute("SELECT 1")
    assert type(sqlite_errors.translated(closed.value, "x.db")) is StoreError


def test_a_code_that_nobody_knows() -> None:
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(sqlite3.Error) as failed,
    ):
        connection.execute("nonsense")
    failed.value.sqlite_errorcode = 0x63
    assert type(sqlite_errors.translated(failed.value, "x.db")) is StoreError
