"""Does the chain hold, and do the records stand in it?"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from proxy.core import chain
from proxy.core.chain import Checkpoint, Entry, Head, Kind
from proxy.stores import sqlite_chain
from proxy.stores._api import Problem

_PAGE = 5000  # entries that are read at once: between two pages others may write
_SECRET = "SELECT value FROM meta WHERE name = 'secret'"  # noqa: S105 - a name
_ENTRIES = """
SELECT n, run, kind, ref, digest, link FROM chain WHERE n > ? AND n <= ? ORDER BY n LIMIT ?
"""
_BEFORE = "SELECT 1 FROM chain WHERE n < 1 LIMIT 1"
_OF_RUN = "SELECT kind, ref, digest FROM chain WHERE run = ? ORDER BY n"
_SALT = "SELECT salt FROM run_totals WHERE run_id = ?"
_VANISHED = f"""
SELECT run, count(*) FROM chain c
WHERE run > 0 AND run NOT IN (SELECT number FROM run_totals)
  AND NOT EXISTS (SELECT 1 FROM chain p WHERE p.run = c.run AND p.kind = {Kind.PURGE:d})
GROUP BY run
"""  # noqa: S608 - a constant
_PURGED = f"""
SELECT run, entries, (SELECT count(*) FROM chain c WHERE c.run = p.run
  AND kind <> {Kind.PURGE:d}) FROM purges p
"""  # noqa: S608 - a constant
_STILL_THERE = "SELECT run_id FROM run_totals WHERE number IN (SELECT run FROM purges)"
_COUNTER = """
SELECT (SELECT value FROM meta WHERE name = 'runs'), (SELECT max(run) FROM chain)
"""

_NAMES: dict[int, str] = {Kind.RUN: "run", Kind.EVENT: "event", Kind.OUTCOME: "outcome"}
_OF_EVENTS = (Kind.EVENT, Kind.GROUP, Kind.PROVISIONAL, Kind.WITHDRAWN)
_MAY_FOLLOW = {  # the entries that one record may have
    (Kind.RUN, Kind.RUN),
    (Kind.GROUP, Kind.GROUP),
    (Kind.PROVISIONAL, Kind.WITHDRAWN),
}
_WITHOUT_RUN = (  # kind, what it is called, its rows, the column of its entries that names them
    (Kind.GAP, "gap", f"SELECT {sqlite_chain.GAP} FROM gaps", "ref"),  # noqa: S608 - a constant
    (Kind.PURGE, "purge of run number", f"SELECT {sqlite_chain.PURGE} FROM purges", "run"),  # noqa: S608 - a constant
)


def links(connection: sqlite3.Connection, checkpoints: Sequence[Checkpoint]) -> Iterator[Problem]:
    """The chain by itself: no number left out, every link following, every checkpoint on it."""
    secret = bytes(connection.execute(_SECRET).fetchone()[0])
    ours = chain.store_id(secret)
    for checkpoint in checkpoints:
        if checkpoint.store != ours:
            yield Problem("chain", f"the checkpoint of {checkpoint.at} is of another store")
    wanted: dict[int, list[Checkpoint]] = {}
    for checkpoint in checkpoints:
        wanted.setdefault(checkpoint.size, []).append(checkpoint)
    head = chain.genesis(secret)
    yield from _compared(head, wanted)
    if connection.execute(_BEFORE).fetchone():
        yield Problem("chain", "has records before its first: somebody else put them there")
    commit: list[Entry] = []
    last = 0
    for n, *entry, link in _entries(connection):
        if n != last + 1:
            yield Problem(f"record {last + 1}", "is missing from the chain")
        last = n
        commit.append(_entry(entry))
        if link is None:
            continue
        if chain.follow(head, commit).link != link:
            yield _broken(n - len(commit) + 1, n)
        commit.clear()
        head = Head(n, link if isinstance(link, bytes) else b"")
        yield from _compared(head, wanted)
    if commit:
        yield Problem(f"record {last}", "was not the last of the chain: its tail was cut")
    yield from _missed(last, wanted)


def _entry(values: Sequence[Any]) -> Entry:
    """Whatever somebody has put into the columns: one that is not ours follows from nothing."""
    *numbers, digest = values
    if isinstance(digest, bytes) and all(isinstance(number, int) for number in numbers):
        return Entry(*values)
    return Entry(0, 0, 0, b"")


def _entries(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """All that there are now; what is added meanwhile is left out."""
    end, after = sqlite_chain.head_of(connection).size, 0
    while rows := connection.execute(_ENTRIES, (after, end, _PAGE)).fetchall():
        yield from rows
        after = rows[-1][0]


def _broken(first: int, last: int) -> Problem:
    where = f"record {last}" if first == last else f"records {first} to {last}"
    return Problem(where, "do not follow from what is before: the chain is broken here")


def _compared(head: Head, wanted: dict[int, list[Checkpoint]]) -> Iterator[Problem]:
    for checkpoint in wanted.pop(head.size, ()):
        if checkpoint.head != head.link.hex():
            yield Problem("chain", changed(checkpoint))


def _missed(size: int, wanted: dict[int, list[Checkpoint]]) -> Iterator[Problem]:
    """The checkpoints at whose size no link was found."""
    for checkpoints in wanted.values():
        for one in checkpoints:
            cut = (
                f"at {one.at} it had {one.size} records and now has {size}: its tail was cut,"
                " or an older copy was put in its place"
            )
            yield Problem("chain", cut if one.size > size else changed(one))


def changed(checkpoint: Checkpoint) -> str:
    """What is said when the link that a checkpoint names is another one."""
    return (
        f"what was stored by {checkpoint.at} is not what it was:"
        f" another link after record {checkpoint.size}"
    )


def run_entries(connection: sqlite3.Connection, run_id: str, number: int) -> Iterator[Problem]:
    """Every record of a run against its entry, and every entry against its record."""
    where = f"run {run_id}"
    salt = connection.execute(_SALT, (run_id,)).fetchone()[0]
    if not isinstance(salt, bytes) or not salt:
        yield Problem(where, "has lost its salt")
        return
    newest: dict[tuple[int, int], tuple[int, bytes]] = {}
    for kind, ref, digest in connection.execute(_OF_RUN, (number,)):
        key = (Kind.EVENT if kind in _OF_EVENTS else kind, ref)
        if key in newest and (newest[key][0], kind) not in _MAY_FOLLOW:
            yield Problem(_name(*key, run_id), "is in the chain once too often")
        newest[key] = (kind, digest)
    state = connection.execute(sqlite_chain.STATE, (run_id,)).fetchone()
    yield from _held(where, newest.pop((Kind.RUN, 0), None), Kind.RUN, chain.mark(salt, state))
    for kind, event, mark in sqlite_chain.of_events(connection, run_id, salt):
        found = newest.pop((Kind.EVENT, event), None)
        yield from _held(f"event {event}", found, kind, mark)
    for row in connection.execute(sqlite_chain.OUTCOMES, (run_id,)).fetchall():
        found = newest.pop((Kind.OUTCOME, row[1]), None)
        name = _name(Kind.OUTCOME, row[1], run_id)
        yield from _held(name, found, Kind.OUTCOME, chain.mark(salt, row))
    for (table, ref), (kind, _) in newest.items():
        if kind != Kind.WITHDRAWN:
            yield Problem(_name(table, ref, run_id), "was removed")


def _name(table: int, ref: int, run_id: str) -> str:
    if table == Kind.EVENT:
        return f"event {ref}"
    name = _NAMES.get(table, f"record of kind {table}")
    return f"run {run_id}" if table == Kind.RUN else f"{name} {ref} of run {run_id}"


def _held(what: str, found: tuple[int, bytes] | None, kind: int, mark: bytes) -> Iterator[Problem]:
    """A record against its newest entry."""
    if found is None:
        yield Problem(what, "is not in the chain: it was put there by somebody else")
    elif found != (kind, mark):
        yield Problem(what, "is not what was stored: its digest in the chain differs")


def others(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Runs that went without a purge; purges and gaps against their entries."""
    for run, entries in connection.execute(_VANISHED).fetchall():
        yield Problem(f"run number {run}", f"is gone with {entries} records, and no purge says so")
    for kind, name, statement, column in _WITHOUT_RUN:
        found = dict(
            connection.execute(
                f"SELECT {column}, digest FROM chain WHERE kind = ?",  # noqa: S608 - constants
                (kind,),
            )
        )
        for row in connection.execute(statement).fetchall():
            digest = found.pop(row[0], None)
            entry = None if digest is None else (kind, digest)
            yield from _held(f"{name} {row[0]}", entry, kind, chain.mark(b"", row))
        for number in found:
            yield Problem(f"{name} {number}", "was removed")
    for run, said, held in connection.execute(_PURGED).fetchall():
        if said != held:
            yield Problem(f"purge of run number {run}", f"says {said} records of {held}")
    for (run_id,) in connection.execute(_STILL_THERE).fetchall():
        yield Problem(f"run {run_id}", "was purged, and is there")
    given, used = connection.execute(_COUNTER).fetchone()
    if not isinstance(given, int) or given < (used or 0):
        yield Problem("meta", f"has given out {given} run numbers, and {used} is in use")
