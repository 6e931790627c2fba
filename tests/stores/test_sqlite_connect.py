import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from proxy.errors import StoreError, StoreMismatch
from proxy.stores import sqlite_connect, sqlite_migrations
from proxy.stores.sqlite import SqliteStore


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_the_constants_that_stand_in_two_places() -> None:
    assert len(sqlite_migrations.STEPS) == sqlite_connect.STEPS
    assert sqlite_connect.APPLICATION_ID == sqlite_migrations.APPLICATION_ID


@pytest.mark.parametrize(
    ("durability", "synchronous"), [("durable", 2), ("strict", 2), ("fast", 1)]
)
def test_how_a_file_is_made(
    opened: Callable[..., SqliteStore], path: Path, durability: str, synchronous: int
) -> None:
    writer = opened(durability=durability)._writer
    assert pragma(writer, "synchronous") == synchronous
    assert pragma(writer, "journal_mode") == "wal"
    assert pragma(writer, "auto_vacuum") == 2
    assert pragma(writer, "secure_delete") == 1
    assert pragma(writer, "page_size") == sqlite_connect.PAGE
    assert pragma(writer, "busy_timeout") == 100
    with closing(sqlite3.connect(path)) as other:
        assert pragma(other, "application_id") == sqlite_connect.APPLICATION_ID
        assert pragma(other, "user_version") == sqlite_connect.STEPS
        assert pragma(other, "journal_mode") == "wal"


@pytest.mark.parametrize(
    "newer",
    [
        f"PRAGMA user_version = {sqlite_connect.STEPS + 1}",
        (
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('dashcam', 'm999', 'later')"
        ),
    ],
)
def test_a_newer_store_is_refused(
    opened: Callable[..., SqliteStore], path: Path, newer: str
) -> None:
    opened().close()
    with closing(sqlite3.connect(path)) as other:
        other.execute(newer)
        other.commit()
    with pytest.raises(StoreMismatch) as refused:
        opened()
    steps = sqlite_connect.STEPS
    said = f"written by a newer Dashcam (layout {steps + 1}, this one knows {steps})"
    assert said in refused.value.message
    assert "\n" not in refused.value.message
    assert refused.value.hint is not None


def test_a_file_that_is_no_database(opened: Callable[..., SqliteStore], path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"these are my notes" * 100)
    with pytest.raises(StoreError, match="it is not a SQLite database") as refused:
        opened()
    assert type(refused.value) is StoreError
    assert path.read_bytes() == b"these are my notes" * 100


def test_somebody_elses_database(opened: Callable[..., SqliteStore], path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE addresses (name)")
    with pytest.raises(StoreError, match="but not a Dashcam store"):
        opened()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (1,)


def test_a_file_that_was_cut_short(opened: Callable[..., SqliteStore], path: Path) -> None:
    opened().close()
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(StoreError) as refused:
        opened()
    assert "\n" not in refused.value.message


def test_an_empty_file_becomes_a_store(opened: Callable[..., SqliteStore], path: Path) -> None:
    """As a process leaves it that died between making the file and its tables."""
    path.parent.mkdir()
    path.touch()
    assert opened().verify() == []


def test_a_store_that_must_be_there(opened: Callable[..., SqliteStore], path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        opened(create=False)
    assert not path.parent.exists()
    opened().close()
    assert opened(create=False).verify() == []


def test_a_place_where_no_file_can_be(opened: Callable[..., SqliteStore], path: Path) -> None:
    path.parent.write_text("a file")
    with pytest.raises(StoreError, match="cannot make the store"):
        opened()


def test_connections_are_few_and_used_again(store: SqliteStore) -> None:
    for _ in range(10):
        store.last_seq("x")
    free = list(store._readers._free.queue)
    assert len([connection for connection in free if connection is not None]) == 1
    with store._readers.one() as one, store._readers.one() as other:
        assert one is not other
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            one.execute("DELETE FROM agent_runs")
