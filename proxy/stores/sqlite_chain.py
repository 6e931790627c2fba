"""The chain of a SQLite store as it is written: with the records, in the same transaction."""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import repeat

from proxy.core import chain
from proxy.core.chain import Entry, Head, Kind
from proxy.core.model import End
from proxy.stores.shapes import EVENTS
from proxy.stores.sqlite_rows import EVENT, OUTCOME, RUN

SALT = 16  # bytes
TOTALS = "number, calls, errors, last_seq, active_at"
PURGE = "run, purged_at, entries, reason"
GAP = "id, since, until, calls, reason"
_HEAD = "SELECT n, link FROM chain ORDER BY n DESC LIMIT 1"
_SECRET = "SELECT value FROM meta WHERE name = 'secret'"  # noqa: S105 - a name
_INSERT = "INSERT INTO chain (n, run, kind, ref, digest, link) VALUES (?,?,?,?,?,?)"
_EVENTS = f"SELECT {EVENT} FROM {{}} WHERE run_id = ? ORDER BY id"  # noqa: S608 - a constant
_EXCHANGES = "SELECT event_id, ending, digest FROM exchanges WHERE run_id = ? ORDER BY id"
OUTCOMES = f"SELECT {OUTCOME} FROM outcomes WHERE run_id = ? ORDER BY number"  # noqa: S608 - a constant
STATE = f"""
SELECT {RUN}, {TOTALS} FROM agent_runs JOIN run_totals ON run_id = id WHERE id = ?
"""  # noqa: S608 - constants


def head_of(connection: sqlite3.Connection) -> Head:
    """Where the chain ends."""
    row = connection.execute(_HEAD).fetchone()
    if row is None:
        return chain.genesis(bytes(connection.execute(_SECRET).fetchone()[0]))
    link = row[1] if isinstance(row[1], bytes) else b""  # what is wrong is for `verify` to find
    return Head(row[0], link)


def append(connection: sqlite3.Connection, head: Head, entries: Sequence[Entry]) -> Head:
    """Adds the entries of a transaction that is open; the new head."""
    if not entries:
        return head
    new = chain.follow(head, entries)
    links = [*repeat(None, len(entries) - 1), new.link]
    connection.executemany(
        _INSERT,
        [
            (n, *entry, link)
            for n, (entry, link) in enumerate(zip(entries, links, strict=True), head.size + 1)
        ],
    )
    return new


def kind_of_event(kind: str, ending: str | None) -> Kind:
    """The entry of an event; `ending` is its exchange's, if it has one."""
    if kind == "group":
        return Kind.GROUP
    return Kind.PROVISIONAL if ending == End.INTERRUPTED else Kind.EVENT


def of_events(
    connection: sqlite3.Connection, run_id: str, salt: bytes, *, among: str = EVENTS
) -> Iterator[tuple[Kind, int, bytes]]:
    """What the entries of the run's events `among` these have to be: kind, number, mark."""
    digests: dict[int, bytes] = {}
    endings: dict[int, str] = {}
    for number, ending, digest in connection.execute(_EXCHANGES, (run_id,)):
        held = digest if isinstance(digest, bytes) else b""
        digests[number] = digests.get(number, b"") + held  # a second one would be too many
        endings[number] = ending
    for event in connection.execute(_EVENTS.format(among), (run_id,)):
        kind = kind_of_event(event[3], endings.get(event[0]))
        yield kind, event[0], event_mark(salt, event, digests.get(event[0]))


def adopt(connection: sqlite3.Connection) -> None:
    """Makes the chain of what is stored already, in the transaction that is open."""
    head = head_of(connection)
    numbers = connection.execute("SELECT run_id, number FROM run_totals ORDER BY number").fetchall()
    for run_id, number in numbers:
        salt = secrets.token_bytes(SALT)
        connection.execute("UPDATE run_totals SET salt = ? WHERE run_id = ?", (salt, run_id))
        events = of_events(connection, run_id, salt, among="agent_events")  # then a table
        entries = [Entry(number, *of) for of in events]
        entries.extend(
            Entry(number, Kind.OUTCOME, row[1], chain.mark(salt, row))
            for row in connection.execute(OUTCOMES, (run_id,))
        )
        state = connection.execute(STATE, (run_id,)).fetchone()
        entries.append(Entry(number, Kind.RUN, 0, chain.mark(salt, state)))
        head = append(connection, head, entries)


def event_mark(salt: bytes, event: Sequence[object], digest: bytes | None) -> bytes:
    """Of an event in the order of EVENT, with the digest of its exchange."""
    return chain.mark(salt, (*event, digest))
