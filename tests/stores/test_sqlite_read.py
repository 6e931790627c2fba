import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from proxy.core.model import Own, Run
from proxy.stores import sqlite_read
from proxy.stores._api import AddExchange, OpenRun, RunQuery
from proxy.stores.sqlite import SqliteStore

type Call = Callable[..., AddExchange]

STATEMENTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "run by id": (sqlite_read.RUN_BY_ID, ("r",)),
    "runs by prefix": (sqlite_read.RUNS_BY_PREFIX, ("r", "s", 6)),
    "newest runs": (sqlite_read.NEWEST_RUNS, (1,)),
    "events": (sqlite_read.EVENTS, ("r",)),
    "changes": (sqlite_read.CHANGES, (1, 2)),
    "outcomes": (sqlite_read.OUTCOMES, ("r",)),
    "exchange": (sqlite_read.EXCHANGE_BY_ID, ("e",)),
    "exchanges": (sqlite_read.EXCHANGES, ("r",)),
    "exchanges, page by page": (sqlite_read.EXCHANGES_AFTER, ("r", 1, "e", 20)),
    "last number": (sqlite_read.LAST_SEQ, ("r",)),
    "a piece": ("SELECT data FROM blobs WHERE id <= ? ORDER BY id DESC LIMIT 1", (1,)),
    "a piece's name": ("SELECT id FROM pieces WHERE digest = ?", (b"",)),
}
LARGE = ("exchanges", "agent_events", "blobs", "pieces", "outcomes")


def plan(connection: sqlite3.Connection, statement: str, values: Any) -> list[str]:
    return [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + statement, values)]


def scans(lines: list[str]) -> list[str]:
    """Steps that walk through a table, or sort what they found."""
    return [line for line in lines if line.startswith("SCAN") or "TEMP B-TREE" in line]


@pytest.mark.parametrize("name", STATEMENTS)
def test_nothing_large_is_walked_through(store: SqliteStore, name: str) -> None:
    lines = plan(store._writer, *STATEMENTS[name])
    assert not [line for line in lines if re.match(rf"SCAN ({'|'.join(LARGE)})\b(?! USING)", line)]
    assert any("SEARCH" in line or "USING INDEX" in line or "COVERING" in line for line in lines)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (RunQuery(), "runs_by_start"),
        (RunQuery(since=1.0, until=2.0), "runs_by_start"),
        (RunQuery(label="l"), "runs_by_label"),
        (RunQuery(outcome="open"), "runs_by_outcome"),
        (RunQuery(outcome="Failed", since=1.0), "runs_by_outcome"),
        (RunQuery(outcome="Timeout"), "runs_by_failure"),
    ],
)
def test_lists_of_runs_come_in_order_from_an_index(
    store: SqliteStore, query: RunQuery, index: str
) -> None:
    where, values = sqlite_read.runs_filter(query)
    lines = plan(store._writer, sqlite_read.runs_statement(where), values)
    assert any(f"USING INDEX {index}" in line for line in lines), lines
    # What is left to sort is a run's few verdicts.
    assert [line for line in scans(lines) if "TEMP B-TREE" in line] in (
        [],
        ["USE TEMP B-TREE FOR ORDER BY"],
    )
    assert not [line for line in lines if line.startswith("SCAN") and index not in line], lines


def test_a_text_is_found_beyond_the_newest_runs(
    store: SqliteStore, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_read, "_NEWEST", 3)
    for number in range(9):
        name = "odd" if number % 2 else "even"
        store.write([OpenRun(Run(f"r{number}", name, "c", float(number)))])
        store.write([call(1, f"r{number}", error=f"failed {name}")])
    for text in ("odd", "failed odd"):
        assert [row.run.id for row in store.runs(RunQuery(text=text))] == ["r7", "r5", "r3", "r1"]
        found = store.runs(RunQuery(text=text, limit=1))  # among the newest
        assert [row.run.id for row in found] == ["r7"]
        found = store.runs(RunQuery(text=text, limit=3))  # not all are
        assert [row.run.id for row in found] == ["r7", "r5", "r3"]


def test_pages_of_exchanges_meet(store: SqliteStore, call: Call) -> None:
    """Also where several have one number, as two processes may give it."""
    made = [call(n, seq=n // 3 + 1, own=Own(group="g")) for n in range(100)]
    store.write(made)
    expected = sorted((write.exchange for write in made), key=lambda x: (x.seq, x.id))
    assert list(store.exchanges("run_a")) == expected
    assert store.snapshot("run_a").exchanges == [replace(one) for one in expected]
