"""SQLite's errors as ours: what may heal by itself, and what will not.

The table has every primary result code that this Python knows; a test holds it against them.
"""

import sqlite3

from proxy.errors import StoreError, StoreUnavailable


class StoreFull(StoreUnavailable):
    """The disk is full: deleting something, or more space, heals it."""


_HEALS = StoreUnavailable
_STAYS = StoreError

ERRORS: dict[str, tuple[type[StoreError], str]] = {
    "SQLITE_BUSY": (_HEALS, "another process is writing to it"),
    "SQLITE_LOCKED": (_HEALS, "another connection is using it"),
    "SQLITE_PROTOCOL": (_HEALS, "its lock could not be had"),
    "SQLITE_FULL": (StoreFull, "the disk is full"),
    "SQLITE_IOERR": (_HEALS, "the disk failed"),
    "SQLITE_CANTOPEN": (_HEALS, "it cannot be opened"),
    "SQLITE_READONLY": (_HEALS, "it may not be written to"),
    "SQLITE_PERM": (_HEALS, "access is denied"),
    "SQLITE_NOMEM": (_HEALS, "there is not enough memory"),
    "SQLITE_INTERRUPT": (_HEALS, "the operation was interrupted"),
    "SQLITE_ABORT": (_HEALS, "the operation was aborted"),
    "SQLITE_SCHEMA": (_HEALS, "its tables were changed meanwhile"),
    "SQLITE_NOTADB": (_STAYS, "it is not a SQLite database"),
    "SQLITE_CORRUPT": (_STAYS, "it is damaged"),
    "SQLITE_EMPTY": (_STAYS, "it is empty"),
    "SQLITE_FORMAT": (_STAYS, "it is of an unknown format"),
    "SQLITE_CONSTRAINT": (_STAYS, "the data contradicts what is stored"),
    "SQLITE_TOOBIG": (_STAYS, "the data is too big"),
    "SQLITE_MISMATCH": (_STAYS, "the data is of a wrong type"),
    "SQLITE_RANGE": (_STAYS, "a parameter is out of range"),
    "SQLITE_AUTH": (_STAYS, "the operation is not authorised"),
    "SQLITE_NOLFS": (_STAYS, "the file system has no large files"),
    "SQLITE_NOTFOUND": (_STAYS, "the operation is unknown"),
    "SQLITE_MISUSE": (_STAYS, "the database was misused"),
    "SQLITE_INTERNAL": (_STAYS, "SQLite contradicts itself"),
    "SQLITE_ERROR": (_STAYS, "the statement failed"),
}

_HINTS = {
    "SQLITE_FULL": "free some space; what records already goes on by itself",
    "SQLITE_NOTADB": "name another file with --store, or move this one away",
    "SQLITE_CORRUPT": "`dashcam verify` says what is damaged; restore a backup",
    "SQLITE_READONLY": "look at the owner and mode of the file and its folder",
    "SQLITE_CANTOPEN": "look at the owner and mode of the file and its folder",
    "SQLITE_PERM": "look at the owner and mode of the file and its folder",
}

_NAMES = {getattr(sqlite3, name): name for name in ERRORS if hasattr(sqlite3, name)}


_PASSING = {"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_INTERRUPT", "SQLITE_CONSTRAINT"}


def is_passing(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    """Whether the connection is as good as before: it was somebody else, the disk, or the data."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and _NAMES.get(code & 0xFF) in _PASSING


# What calls of the module raise; a message that quotes damaged bytes is itself no UTF-8.
RAISED = (sqlite3.Error, UnicodeDecodeError)


def translated(
    error: sqlite3.Error | UnicodeDecodeError, place: str, *, doing: str = "use"
) -> StoreError:
    """Our error for SQLite's; `place` is how the store is shown to people."""
    if isinstance(error, UnicodeDecodeError):
        return StoreError(
            f"cannot {doing} the store {place}: it is damaged", hint=_HINTS["SQLITE_CORRUPT"]
        )
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by the Python module itself, for instance for a closed database
        return StoreError(f"cannot {doing} the store {place}: {error}")
    full = code == sqlite3.SQLITE_IOERR_SHMSIZE  # what it reports when that file cannot grow
    name = "SQLITE_FULL" if full else _NAMES.get(code & 0xFF, "SQLITE_ERROR")
    kind, reason = ERRORS[name]
    detail = "" if name in {"SQLITE_BUSY", "SQLITE_FULL", "SQLITE_NOTADB"} else f" ({error})"
    return kind(f"cannot {doing} the store {place}: {reason}{detail}", hint=_HINTS.get(name))
