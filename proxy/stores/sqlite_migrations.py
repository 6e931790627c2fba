"""The tables, as an ordered list of steps. Applied ones are recorded in the same transaction.

A step is never changed once it was released: what comes later is a new step at the end.
"""

import secrets
import sqlite3

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from proxy.stores import shapes, sqlite_chain

MIGRATIONS = Migrations("dashcam")
APPLICATION_ID = 0x64636D31  # "dcm1", in the file's header: this is ours

_TABLES = """
CREATE TABLE agent_runs (
  id TEXT PRIMARY KEY, label TEXT NOT NULL, correlation_id TEXT NOT NULL,
  started_at TEXT NOT NULL, ended_at TEXT, outcome TEXT, failure_mode TEXT,
  metadata TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX runs_by_start ON agent_runs (started_at);
CREATE INDEX runs_by_label ON agent_runs (label, started_at);
CREATE INDEX runs_by_outcome ON agent_runs (outcome, started_at);
CREATE INDEX runs_by_failure ON agent_runs (failure_mode, started_at)
  WHERE failure_mode IS NOT NULL;

CREATE TABLE agent_events (
  id INTEGER PRIMARY KEY, run_id TEXT NOT NULL REFERENCES agent_runs (id),
  parent_event_id INTEGER REFERENCES agent_events (id),
  kind TEXT NOT NULL, name TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT,
  status TEXT NOT NULL, data TEXT NOT NULL
);
CREATE INDEX events_by_run ON agent_events (run_id);
CREATE INDEX groups_by_run ON agent_events (run_id, name) WHERE kind = 'group';

CREATE TABLE exchanges (
  id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES agent_runs (id),
  seq INTEGER NOT NULL, event_id INTEGER NOT NULL REFERENCES agent_events (id),
  started_at TEXT NOT NULL, via TEXT NOT NULL, lane TEXT NOT NULL, durability TEXT NOT NULL,
  method TEXT NOT NULL, scheme TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL,
  target TEXT NOT NULL, status INTEGER, ending TEXT NOT NULL, error TEXT,
  request_end_us INTEGER, first_byte_us INTEGER, ended_us INTEGER,
  attempt INTEGER NOT NULL, retry_of TEXT, retry_reason TEXT, backoff_us INTEGER,
  served_from TEXT, request_size INTEGER NOT NULL, response_size INTEGER NOT NULL,
  record INTEGER NOT NULL, digest BLOB NOT NULL
);
CREATE INDEX exchanges_by_run ON exchanges (run_id, seq);

CREATE TABLE outcomes (
  run_id TEXT NOT NULL REFERENCES agent_runs (id), number INTEGER NOT NULL,
  label TEXT NOT NULL, status TEXT NOT NULL, failure_mode TEXT, reason TEXT,
  retryable INTEGER, user_impact TEXT, created_at TEXT NOT NULL, source TEXT NOT NULL,
  rule TEXT, evidence TEXT NOT NULL,
  PRIMARY KEY (run_id, number)
) WITHOUT ROWID;
CREATE TRIGGER outcomes_are_final BEFORE UPDATE ON outcomes
  BEGIN SELECT raise(ABORT, 'outcomes are only ever added'); END;

CREATE TABLE schemas (
  subject TEXT NOT NULL, side TEXT NOT NULL, digest TEXT NOT NULL, schema TEXT NOT NULL,
  source TEXT NOT NULL, created_at TEXT NOT NULL,
  PRIMARY KEY (subject, side, digest)
) WITHOUT ROWID;
CREATE TABLE violations (
  run_id TEXT NOT NULL REFERENCES agent_runs (id), event_id INTEGER NOT NULL,
  number INTEGER NOT NULL, validator TEXT NOT NULL, side TEXT NOT NULL, path TEXT NOT NULL,
  message TEXT NOT NULL, schema_path TEXT, subject TEXT,
  PRIMARY KEY (run_id, event_id, number)
) WITHOUT ROWID;

CREATE TABLE run_totals (
  run_id TEXT PRIMARY KEY REFERENCES agent_runs (id), number INTEGER NOT NULL,
  calls INTEGER NOT NULL, errors INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  active_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE run_texts (
  run_id TEXT NOT NULL REFERENCES agent_runs (id),
  text INTEGER NOT NULL REFERENCES texts (id),
  PRIMARY KEY (run_id, text)
) WITHOUT ROWID;
CREATE INDEX runs_by_text ON run_texts (text);

CREATE TABLE blobs (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL, after INTEGER REFERENCES blobs (id),
  count INTEGER NOT NULL, sizes BLOB NOT NULL, digest BLOB NOT NULL, data BLOB NOT NULL
);
CREATE INDEX blobs_by_run ON blobs (run);
CREATE TABLE pieces (digest BLOB PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE uses (
  piece INTEGER NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (piece, run)
) WITHOUT ROWID;
CREATE INDEX uses_by_run ON uses (run);

CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""

_CHAIN = """
CREATE TABLE chain (
  n INTEGER PRIMARY KEY, run INTEGER NOT NULL, kind INTEGER NOT NULL, ref INTEGER NOT NULL,
  digest BLOB NOT NULL, link BLOB
);
CREATE INDEX chain_by_run ON chain (run);
CREATE TABLE purges (
  run INTEGER PRIMARY KEY, purged_at TEXT NOT NULL, entries INTEGER NOT NULL,
  reason TEXT NOT NULL
);
CREATE TABLE gaps (
  id INTEGER PRIMARY KEY, since TEXT NOT NULL, until TEXT NOT NULL, calls INTEGER NOT NULL,
  reason TEXT NOT NULL
);
ALTER TABLE run_totals ADD COLUMN salt BLOB;
"""

# Nothing was ever written to either: schemas are files, and violations are events.
_VIOLATIONS = """
DROP TABLE schemas;
DROP TABLE violations;
CREATE VIEW violations AS
  SELECT found.run_id AS run_id, found.id AS event_id, one.key + 1 AS number,
    found.data ->> '$.validator' AS validator, found.data ->> '$.subject' AS subject,
    found.data ->> '$.mode' AS mode, found.data ->> '$.side' AS side,
    one.value ->> '$.path' AS path, one.value ->> '$.message' AS message,
    one.value ->> '$.keyword' AS keyword, one.value ->> '$.schemaPath' AS schema_path,
    one.value ->> '$.breaking' AS breaking
  FROM agent_events AS found, json_each(found.data, '$.violations') AS one
  WHERE found.kind = 'validation';
"""

# What events have in common is kept once; `agent_events` shows, and takes, what it always did.
_SHAPES = f"""
DROP VIEW violations;
ALTER TABLE agent_events RENAME TO events;
ALTER TABLE events ADD COLUMN shape INTEGER;
CREATE TABLE shapes (
  run_id TEXT NOT NULL, id INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (run_id, id)
) WITHOUT ROWID;
CREATE VIEW agent_events AS SELECT id, run_id, parent_event_id, kind, name, started_at, ended_at,
status, {shapes.COLUMN} AS data FROM events e;
CREATE TRIGGER event_added INSTEAD OF INSERT ON agent_events BEGIN
INSERT INTO events VALUES (new.id, new.run_id, new.parent_event_id, new.kind, new.name,
new.started_at, new.ended_at, new.status, new.data, NULL);
END;
CREATE TRIGGER event_changed INSTEAD OF UPDATE ON agent_events BEGIN
UPDATE events SET (id, run_id, parent_event_id, kind, name, started_at, ended_at, status, data,
shape) = (new.id, new.run_id, new.parent_event_id, new.kind, new.name, new.started_at,
new.ended_at, new.status, new.data, NULL) WHERE id = old.id;
END;
CREATE TRIGGER event_deleted INSTEAD OF DELETE ON agent_events BEGIN
DELETE FROM events WHERE id = old.id;
END;
{{violations}}
"""  # noqa: S608 - a constant


def _run(db: Database, script: str) -> None:
    """Statement by statement: SQLite's own `executescript` would commit what is open before it.

    That of sqlite_utils looks for a statement's end at each character, which takes as long as all
    the rest of making a store.
    """
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""


@MIGRATIONS()
def m001_tables(db: Database) -> None:
    """The first layout. `meta` counts what must never be used twice."""
    _run(db, _TABLES)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.conn.executemany(
        "INSERT INTO meta VALUES (?, ?)",
        [
            ("secret", secrets.token_bytes(32)),
            ("epoch", 0),
            ("runs", 0),
            ("events", 0),
            ("pieces", 0),
        ],
    )


@MIGRATIONS()
def m002_chain(db: Database) -> None:
    """The hash chain, with entries for what is there; gaps and purges."""
    _run(db, _CHAIN)
    sqlite_chain.adopt(db.conn)


@MIGRATIONS()
def m003_violations(db: Database) -> None:
    """Violations by row, as a view of the events that hold them."""
    _run(db, _VIOLATIONS)


@MIGRATIONS()
def m004_shapes(db: Database) -> None:
    """Events as a shape and what is their own; those that are there stay as they are."""
    _, _, violations = _VIOLATIONS.split(";\n", 2)
    _run(db, _SHAPES.format(violations=violations))


STEPS = (m001_tables, m002_chain, m003_violations, m004_shapes)


def migrate(connection: sqlite3.Connection) -> None:
    """Applies what is missing, inside the transaction that is open."""
    db = Database(connection, execute_plugins=False)
    MIGRATIONS.apply(db)
    db.execute(f"PRAGMA user_version = {len(STEPS)}")
