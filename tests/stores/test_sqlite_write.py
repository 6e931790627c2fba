import sqlite3
from collections.abc import Callable

import pytest

from proxy.core.model import End, Own
from proxy.stores import sqlite_write
from proxy.stores._api import AddExchange
from proxy.stores.sqlite import SqliteStore

type Call = Callable[..., AddExchange]


@pytest.fixture
def statements(store: SqliteStore) -> list[str]:
    out: list[str] = []
    store._writer.set_trace_callback(out.append)
    return out


def test_a_call_costs_few_statements(store: SqliteStore, call: Call, statements: list[str]) -> None:
    """What is known from the last transaction is not asked for again."""
    store.write([call(1, own=Own(group="g"))])
    statements.clear()
    store.write([call(2, own=Own(group="g"))])
    asked = [one for one in statements if one.lstrip().startswith("SELECT")]
    assert asked == []
    assert len(statements) <= 12


def test_a_batch_is_one_transaction(store: SqliteStore, call: Call, statements: list[str]) -> None:
    store.write([call(n, f"run_{n % 3}") for n in range(50)])
    assert [one for one in statements if one.split()[0] in {"BEGIN", "COMMIT", "ROLLBACK"}] == [
        "BEGIN IMMEDIATE",
        "COMMIT",
    ]


def test_an_exchange_that_is_stored_already_is_looked_at_again(
    store: SqliteStore, call: Call, statements: list[str]
) -> None:
    store.write([call(1)])
    statements.clear()
    store.write([call(1), call(2)])
    ends = [one for one in statements if one in {"COMMIT", "ROLLBACK"}]
    assert ends == ["ROLLBACK", "COMMIT"]
    assert store.last_seq("run_a") == 2


def test_the_end_of_an_exchange_that_was_stored_before_costs_no_second_try(
    store: SqliteStore, call: Call, statements: list[str]
) -> None:
    store.write([call(1, end=End.INTERRUPTED)])
    statements.clear()
    store.write([call(1), call(2, end=End.INTERRUPTED), call(2)])
    ends = [one for one in statements if one in {"COMMIT", "ROLLBACK"}]
    assert ends == ["COMMIT"]
    assert [found.end for found in store.exchanges("run_a")] == [End.COMPLETE, End.COMPLETE]
    assert store._memory.provisional == set()
    store.write([call(3, end=End.INTERRUPTED)])
    store._memory.forget()
    store.write([call(3)])
    assert [found.seq for found in store.exchanges("run_a")] == [1, 2, 3]
    assert store.verify() == []


def test_what_is_remembered_is_bounded(
    store: SqliteStore, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_write, "_RUNS", 3)
    monkeypatch.setattr(sqlite_write, "_SEEN_TEXTS", 3)
    for number in range(20):
        store.write([call(number, f"run_{number % 7}", error=f"error {number}")])
    assert len(store._memory.runs) <= 4
    assert len(store._memory.texts) <= 4
    assert store.verify() == []


def test_a_failed_batch_is_forgotten(store: SqliteStore, call: Call) -> None:
    """Streams, groups and numbers of a transaction that was undone are not gone on with."""
    store.write([call(1, own=Own(group="g"))])

    def refuse(statement: str) -> None:
        if statement.startswith("COMMIT"):
            raise sqlite3.OperationalError

    batch = [call(2, own=Own(group="g/new"))]
    store._writer.execute(
        "CREATE TEMP TRIGGER no BEFORE INSERT ON run_totals BEGIN SELECT raise(ABORT, 'no'); END"
    )
    with pytest.raises(Exception, match="no"):
        store.write(batch)
    store._writer.execute("DROP TRIGGER no")
    store.write(batch)
    assert [found.seq for found in store.exchanges("run_a")] == [1, 2]
    assert store.verify() == []
