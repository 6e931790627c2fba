import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from proxy.core.model import Event, Run
from proxy.stores import sqlite_migrations
from proxy.stores._api import AddEvent, OpenRun
from proxy.stores.sqlite import SqliteStore

COLUMNS = {
    "agent_runs": "id label correlation_id started_at ended_at outcome failure_mode metadata",
    "agent_events": "id run_id parent_event_id kind name started_at ended_at status data",
}


@pytest.mark.parametrize("table", COLUMNS)
def test_the_tables_that_people_query(store: SqliteStore, path: Path, table: str) -> None:
    with closing(Database(path, execute_plugins=False)) as db:
        columns = db.execute(f"PRAGMA table_info({table})").fetchall()
        assert [column[1] for column in columns] == COLUMNS[table].split()


def test_all_tables_are_there(store: SqliteStore, path: Path) -> None:
    with closing(Database(path, execute_plugins=False)) as db:
        assert set(db.table_names()) >= {
            "agent_runs",
            "events",
            "exchanges",
            "blobs",
            "outcomes",
        }
        assert sorted(db.view_names()) == ["agent_events", "violations"]
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


def test_violations_are_rows_of_a_view(store: SqliteStore, path: Path) -> None:
    told = [
        {"path": "$.a", "message": "m", "keyword": "type", "schemaPath": "#/x", "breaking": True},
        {"path": "$.b", "message": "n", "keyword": "unchecked", "schemaPath": None, "breaking": 0},
    ]
    data = {"validator": "tool_schemas", "subject": "crm", "side": "response", "violations": told}
    event = Event("r", "validation", "tool_schemas crm", 1.0, 1.0, "error", data)
    other = Event("r", "state", "flags", 1.0, 1.0, data={"violations": told})
    store.write([OpenRun(Run("r", "L", "r", 1.0)), AddEvent(event), AddEvent(other)])
    (found, _) = store.events("r")
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT * FROM violations").fetchall()
    about = ("tool_schemas", "crm", None, "response")
    assert rows == [
        ("r", found.id, 1, *about, "$.a", "m", "type", "#/x", 1),
        ("r", found.id, 2, *about, "$.b", "n", "unchecked", None, 0),
    ]


def test_a_store_of_the_layout_before_gets_the_view(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        db = Database(connection, execute_plugins=False)
        sqlite_migrations.MIGRATIONS.apply(db, stop_before="m003_violations")
        connection.execute("PRAGMA user_version = 2")
        assert {"schemas", "violations"} <= set(db.table_names())
    store = SqliteStore(f"sqlite:///{file}", file, create=False, durability="durable")
    store.close()
    with closing(Database(file, execute_plugins=False)) as db:
        assert not {"schemas", "violations"} & set(db.table_names())
        assert sorted(db.view_names()) == ["agent_events", "violations"]


def test_events_can_be_changed_as_if_they_were_a_table(store: SqliteStore, path: Path) -> None:
    store.write([OpenRun(Run("r", "L", "r", 1.0))])
    store.write([AddEvent(Event("r", "state", f"e{n}", float(n))) for n in range(3)])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE agent_events SET name = 'x', data = '[1]' WHERE name = 'e1'")
        other.execute("DELETE FROM agent_events WHERE name = 'e2'")
        other.execute(
            "INSERT INTO agent_events SELECT id + 9, run_id, NULL, kind, 'new', started_at,"
            " ended_at, status, data FROM agent_events WHERE name = 'e0'"
        )
        rows = other.execute("SELECT name, data FROM agent_events ORDER BY id").fetchall()
    assert rows == [("e0", "{}"), ("x", "[1]"), ("new", "{}")]
    assert len(store.verify()) >= 3
