# ruff: noqa: S311, S608 - random on purpose, not secrets; names are the schema's own
"""Random changes to a store's file, made as somebody would who can write to it."""

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from proxy.core.model import Body, Event, Outcome, Own, RequestHead, ResponseHead, Run
from proxy.stores._api import AddEvent, AddExchange, AddGap, AddOutcome, CloseRun, Gap, OpenRun
from proxy.stores.sqlite import SqliteStore

EVIDENCE = ("agent_runs", "events", "exchanges", "outcomes", "run_totals", "purges", "gaps")
TABLES = (*EVIDENCE, "blobs", "chain")
START = 1_763_000_000.0


def fill(store: SqliteStore, call: Callable[..., AddExchange]) -> None:
    """Three runs, one of them purged, with something in each table."""
    head = RequestHead("POST", "https", "h", 443, "/v1", headers=((b"A", b"1"), (b"B", b"2")))
    shared = Body(b'{"a":["' + b"shared by all " * 300 + b'"]}')
    for run_id in ("run_a", "run_b", "run_c"):
        store.write([OpenRun(Run(run_id, f"label {run_id}", f"c {run_id}", START))])
        for number in range(3):
            body = shared if number else Body(f"own of {run_id} ".encode() * 50)
            own = Own(group="plan/retrieve") if number else Own()
            answer = ResponseHead(200 + number, "OK", headers=((b"C", run_id.encode()),))
            made = call(number, run_id, request=head, request_body=body, own=own, response=answer)
            store.write([made])
        store.write(
            [
                AddEvent(Event(run_id, "state", f"s {run_id}", START + 7, data={"n": run_id})),
                AddOutcome(
                    Outcome(run_id, "l", "Failed", "Timeout", f"why {run_id}", True, "none", START)
                ),
            ]
        )
        store.write([CloseRun(run_id, START + 20)])
    store.write([AddGap(Gap(START, START + 5, 3, "the disk is full"))])
    store.delete_run("run_c", reason="retention")


def tamper(path: Path, seed: int) -> str:
    """Makes one random change that no writer of ours would; says which."""
    rng = random.Random(seed)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        while True:
            kind = rng.choice([_edit, _delete, _swap, _insert, _cut, _forget_run])
            before = _everything(connection)
            said = kind(connection, rng)
            if said is not None and _everything(connection) != before:
                connection.execute("COMMIT")
                return said
    finally:
        connection.close()


def _everything(connection: sqlite3.Connection) -> list[list[Any]]:
    return [sorted(map(repr, connection.execute(f"SELECT * FROM {name}"))) for name in TABLES]


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def _keys(connection: sqlite3.Connection, table: str) -> str:
    """The columns that name a row."""
    info = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return " AND ".join(f"{row[1]} = ?" for row in info if row[5])


def _row(connection: sqlite3.Connection, table: str, rng: random.Random) -> tuple[Any, ...] | None:
    """The key of a row."""
    info = connection.execute(f"PRAGMA table_info({table})").fetchall()
    names = ", ".join(row[1] for row in info if row[5])
    rows = connection.execute(f"SELECT {names} FROM {table} ORDER BY {names}").fetchall()
    return rng.choice(rows) if rows else None


def _edit(connection: sqlite3.Connection, rng: random.Random) -> str | None:
    """Another value in one column."""
    table = rng.choice(TABLES)
    column = rng.choice(_columns(connection, table))
    key = _row(connection, table, rng)
    if key is None:
        return None
    where = _keys(connection, table)
    (old,) = connection.execute(f"SELECT {column} FROM {table} WHERE {where}", key).fetchone()
    new: Any
    match old:
        case None:
            new = rng.choice([0, "x"])
        case int():
            new = old + rng.choice([-1, 1, 1000])
        case bytes():
            new = bytes([old[0] ^ 1]) + old[1:] if old else b"x"
        case _:
            at = rng.randrange(len(old) + 1)
            new = rng.choice([old[:at] + "x" + old[at:], old[:at] + old[at + 1 :], None])
    try:
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (new, *key))
    except sqlite3.IntegrityError:
        return None
    return f"{table}.{column} of {key}: {old!r} to {new!r}"


def _delete(connection: sqlite3.Connection, rng: random.Random) -> str | None:
    table = rng.choice(TABLES)
    key = _row(connection, table, rng)
    if key is None:
        return None
    connection.execute(f"DELETE FROM {table} WHERE {_keys(connection, table)}", key)
    return f"deleted {key} of {table}"


def _swap(connection: sqlite3.Connection, rng: random.Random) -> str | None:
    """Two rows exchange the values of a column that is no part of their key."""
    table = rng.choice(TABLES)
    info = connection.execute(f"PRAGMA table_info({table})").fetchall()
    column = rng.choice([row[1] for row in info if not row[5]])
    one, other = _row(connection, table, rng), _row(connection, table, rng)
    if one is None or other is None or one == other:
        return None
    where = _keys(connection, table)
    get, put = f"SELECT {column} FROM {table} WHERE {where}", f"UPDATE {table} SET {column} = ?"
    values = [connection.execute(get, key).fetchone()[0] for key in (one, other)]
    try:
        connection.execute(f"{put} WHERE {where}", (values[1], *one))
        connection.execute(f"{put} WHERE {where}", (values[0], *other))
    except sqlite3.IntegrityError:
        return None
    return f"swapped {column} of {one} and {other} in {table}"


def _insert(connection: sqlite3.Connection, rng: random.Random) -> str | None:
    """A copy of a row under another key."""
    table = rng.choice(EVIDENCE)
    key = _row(connection, table, rng)
    if key is None:
        return None
    row = dict(
        zip(
            _columns(connection, table),
            connection.execute(
                f"SELECT * FROM {table} WHERE {_keys(connection, table)}", key
            ).fetchone(),
            strict=True,
        )
    )
    info = connection.execute(f"PRAGMA table_info({table})").fetchall()
    name = next(column[1] for column in reversed(info) if column[5])
    row[name] = row[name] + 1000 if isinstance(row[name], int) else f"{row[name]}_copy"
    marks = ", ".join("?" * len(row))
    try:
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", tuple(row.values()))
    except sqlite3.IntegrityError:
        return None
    return f"copied {key} of {table}"


def _cut(connection: sqlite3.Connection, rng: random.Random) -> str | None:
    """The newest commits are taken back, their entries in the chain with them."""
    (end,) = connection.execute("SELECT max(n) FROM chain").fetchone()
    at = rng.randrange(end)
    connection.execute("DELETE FROM chain WHERE n > ?", (at,))
    return f"cut the chain after {at} of {end}"


def _forget_run(connection: sqlite3.Connection, rng: random.Random) -> str | None:
    """A whole run goes, from each table, with all that the chain has of it."""
    key = _row(connection, "agent_runs", rng)
    if key is None:
        return None
    (number,) = connection.execute("SELECT number FROM run_totals WHERE run_id = ?", key).fetchone()
    for table in ("events", "exchanges", "outcomes", "run_totals", "run_texts"):
        connection.execute(f"DELETE FROM {table} WHERE run_id = ?", key)
    connection.execute("DELETE FROM agent_runs WHERE id = ?", key)
    connection.execute("DELETE FROM blobs WHERE run = ?", (number,))
    if rng.random() < 0.5:
        connection.execute("DELETE FROM chain WHERE run = ?", (number,))
        _renumber(connection)
    return f"run {key[0]} is gone"


def _renumber(connection: sqlite3.Connection) -> None:
    rows = connection.execute("SELECT * FROM chain ORDER BY n").fetchall()
    connection.execute("DELETE FROM chain")
    connection.executemany(
        "INSERT INTO chain VALUES (?,?,?,?,?,?)",
        [(n, *row[1:]) for n, row in enumerate(rows, 1)],
    )


def relink(path: Path, secret: bytes) -> None:
    """Makes the chain of links anew, so that it holds by itself."""
    from proxy.core import chain

    connection = sqlite3.connect(path, isolation_level=None)
    head = chain.genesis(secret)
    commit = []
    for n, *entry, link in connection.execute("SELECT * FROM chain ORDER BY n").fetchall():
        commit.append(chain.Entry(*entry))
        if link is not None:
            head = chain.follow(head, commit)
            connection.execute("UPDATE chain SET link = ? WHERE n = ?", (head.link, n))
            commit.clear()
    connection.close()
