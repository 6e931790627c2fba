import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from proxy.stores import sqlite_migrations
from proxy.stores.sqlite import SqliteStore

COLUMNS = {
    "agent_runs": "id label correlation_id started_at ended_at outcome failure_mode metadata",
    "agent_events": "id run_id parent_event_id kind name started_at ended_at status data",
}


@pytest.mark.parametrize("table", COLUMNS)
def test_the_tables_that_people_query(store: SqliteStore, path: Path, table: str) -> None:
    with closing(Database(path, execute_plugins=False)) as db:
        assert [column.name for column in db.table(table).columns] == COLUMNS[table].split()


def test_all_tables_are_there(store: SqliteStore, path: Path) -> None:
    with closing(Database(path, execute_plugins=False)) as db:
        assert set(db.table_names()) >= {
            *COLUMNS,
            "exchanges",
            "blobs",
            "outcomes",
            "schemas",
            "violations",
        }
        applied = [
            (row["migration_set"], row["name"]) for row in db.table("_sqlite_migrations").rows
        ]
    assert applied == [("dashcam", step.__name__) for step in sqlite_migrations.STEPS]


def test_the_list_and_the_register_agree() -> None:
    registered = [migration.name for migration in sqlite_migrations.MIGRATIONS._migrations]
    assert registered == [step.__name__ for step in sqlite_migrations.STEPS]


def test_a_migration_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_migrations, "_TABLES", sqlite_migrations._TABLES + "nonsense;")
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError):
            sqlite_migrations.migrate(connection)
        connection.execute("ROLLBACK")
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
        assert connection.execute("PRAGMA application_id").fetchone() == (0,)


def test_migrating_twice_changes_nothing(store: SqliteStore) -> None:
    secret = store.secret()
    store._writer.execute("PRAGMA user_version = 0")  # as if the number had been lost
    store.close()
    again = SqliteStore(store.url, store._path, create=False, durability="durable")
    assert again.secret() == secret
    again.close()


def test_outcomes_are_only_ever_added(store: SqliteStore, call: Callable[..., object]) -> None:
    writer = store._writer
    writer.execute(
        "INSERT INTO outcomes VALUES ('r',1,'l','Failed',NULL,NULL,NULL,NULL,'','rules',NULL,'[]')"
    )
    with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
        writer.execute("UPDATE outcomes SET status = 'Completed'")
    writer.execute("DELETE FROM outcomes")
