import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from proxy.core import chain
from proxy.core.chain import Kind
from proxy.core.model import Body, End, Event, Outcome, Own, Run
from proxy.stores import sqlite_migrations
from proxy.stores._api import (
    AddEvent,
    AddExchange,
    AddGap,
    AddOutcome,
    CloseRun,
    Gap,
    OpenRun,
)
from proxy.stores.sqlite import SqliteStore

type Opens = Callable[..., SqliteStore]
type Call = Callable[..., AddExchange]

AT = 1_763_000_000.0
VERDICT = Outcome("run_a", "l", "Failed", "Timeout", "slow", True, None, AT)


def entries(store: SqliteStore) -> list[tuple[int, int, int]]:
    return store._writer.execute("SELECT run, kind, ref FROM chain ORDER BY n").fetchall()


def linked(store: SqliteStore) -> list[int]:
    rows = store._writer.execute("SELECT n FROM chain WHERE link IS NOT NULL ORDER BY n")
    return [row[0] for row in rows]


def test_each_record_has_its_entry_in_the_order_of_commits(store: SqliteStore, call: Call) -> None:
    store.write([OpenRun(Run("run_a", "l", "c", AT)), call(1), call(2, own=Own(group="g"))])
    store.write([AddEvent(Event("run_a", "state", "s", AT + 5)), AddOutcome(VERDICT)])
    store.write([AddGap(Gap(AT, AT + 1, 3, "the disk is full"))])
    store.write([CloseRun("run_a", AT + 9)])
    assert entries(store) == [
        (1, Kind.EVENT, 1),
        (1, Kind.EVENT, 3),
        (1, Kind.GROUP, 2),
        (1, Kind.RUN, 0),
        (1, Kind.EVENT, 4),
        (1, Kind.OUTCOME, 1),
        (1, Kind.RUN, 0),
        (0, Kind.GAP, 1),
        (1, Kind.RUN, 0),
    ]
    assert linked(store) == [4, 7, 8, 9]
    assert store.head().size == 9
    assert store.verify() == []
    assert store.gaps() == [Gap(AT, AT + 1, 3, "the disk is full")]


def test_what_changes_nothing_leaves_no_entry(store: SqliteStore, call: Call) -> None:
    store.write([OpenRun(Run("run_a", "l", "c", AT)), call(1)])
    before = store.head()
    store.write([OpenRun(Run("run_a", "l", "c", AT)), call(1)])
    assert store.head() == before


def test_an_interrupted_exchange_gives_way_once(store: SqliteStore, call: Call) -> None:
    store.write([call(1, end=End.INTERRUPTED)])
    store.write([call(1)])
    kinds = [kind for _, kind, _ in entries(store)]
    assert kinds[:4] == [Kind.PROVISIONAL, Kind.RUN, Kind.WITHDRAWN, Kind.EVENT]
    assert store.verify() == []


def test_several_processes_write_one_chain(opened: Opens, call: Call) -> None:
    one, other = opened(), opened()
    for number in range(6):
        (one, other)[number % 2].write([call(number, f"run_{number % 3}", own=Own(group="g"))])
    other.delete_run("run_1")
    one.write([call(9, "run_2")])
    assert one.verify() == []
    assert one.head() == other.head()
    assert linked(one)[-1] == one.head().size


def test_a_batch_that_failed_leaves_no_entry(store: SqliteStore, call: Call) -> None:
    store.write([call(1)])
    before = store.head()
    with pytest.raises(Exception, match="no column holds"):
        store.write([call(2), call(3, backoff_us=2**70)])
    assert store.head() == before
    store.write([call(2)])
    assert store.verify() == []


def test_a_deleted_run_leaves_a_tombstone_and_nothing_that_could_be_guessed(
    store: SqliteStore, call: Call
) -> None:
    store.write([call(1), call(2), call(1, "run_b")])
    salt = store._writer.execute("SELECT salt FROM run_totals WHERE number = 1").fetchone()[0]
    head = store.head()
    store.delete_run("run_a", reason="older than 30d")
    assert store.verify() == []
    (purge,) = store.purges()
    assert (purge.run, purge.entries, purge.reason) == (1, 3, "older than 30d")
    assert store.head().size == head.size + 1
    salts = store._writer.execute("SELECT salt FROM run_totals").fetchall()
    assert salt not in [row[0] for row in salts]
    assert len(salt) == 16


def test_an_older_store_is_taken_into_the_chain(
    path: Path, opened: Opens, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    store.write([call(1, own=Own(group="g/h"), error="\udcff"), call(2, end=End.INTERRUPTED)])
    store.write([call(1, "run_b", request_body=Body(b"x" * 9000)), AddOutcome(VERDICT)])
    store.write([CloseRun("run_a", AT + 50)])
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.executescript(
            """DROP TABLE chain; DROP TABLE purges; DROP TABLE gaps;
            DROP VIEW violations; DROP VIEW agent_events; DROP TABLE shapes;
            ALTER TABLE events DROP COLUMN shape; ALTER TABLE events RENAME TO agent_events;
            CREATE TABLE violations (id); CREATE TABLE schemas (id);
            ALTER TABLE run_totals DROP COLUMN salt; PRAGMA user_version = 1;
            DELETE FROM _sqlite_migrations WHERE name <> 'm001_tables'"""
        )
    again = opened()
    assert again.verify() == []
    assert again.head().size == 8
    again.write([call(2), call(3)])
    assert again.verify() == []
    steps = [step.__name__ for step in sqlite_migrations.STEPS]
    rows = again._writer.execute("SELECT name FROM _sqlite_migrations ORDER BY id")
    assert [row[0] for row in rows] == steps


def test_the_chain_begins_with_the_stores_secret(store: SqliteStore, call: Call) -> None:
    assert store.head() == chain.genesis(store.secret())
