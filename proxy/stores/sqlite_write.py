"""One batch of writes as one transaction.

What a batch adds is gathered in lists and written table by table, with numbers that are given out
here: inside the transaction nobody else can.
"""

import sqlite3
from dataclasses import dataclass, field, replace
from typing import Any

from proxy.core.model import End, Event, Exchange, Run
from proxy.stores import jsontext, merging
from proxy.stores._api import AddEvent, AddExchange, AddOutcome, CloseRun, OpenRun, Write
from proxy.stores.blobs import BlobWriter
from proxy.stores.sqlite_rows import (
    EVENT,
    EXCHANGE,
    EXCHANGE_COLUMNS,
    OUTCOME,
    RUN,
    columns_mark,
    event_row,
    exchange_columns,
    outcome_row,
    read_run,
    read_words,
    run_row,
    words,
)
from proxy.stores.timestamps import text_or_none, to_text

_SEEN_TEXTS = 20_000

_STATE = """
SELECT (SELECT value FROM meta WHERE name = 'epoch'),
  max((SELECT value FROM meta WHERE name = 'events'),
      (SELECT coalesce(max(id), 0) FROM agent_events)),
  max((SELECT value FROM meta WHERE name = 'pieces'),
      (SELECT coalesce(max(id + count), 0) FROM
        (SELECT id, count FROM blobs ORDER BY id DESC LIMIT 1)))
"""
_INSERT_EVENT = f"INSERT INTO agent_events ({EVENT}) VALUES (?,?,?,?,?,?,?,?,?)"  # noqa: S608 - constants
_INSERT_EXCHANGE = (
    f"INSERT INTO exchanges ({EXCHANGE}) VALUES (?{',?' * (EXCHANGE_COLUMNS - 1)})"  # noqa: S608 - constants
)
_GROW_GROUP = """
UPDATE agent_events SET started_at = min(started_at, ?1),
  status = iif(?2 IS NOT NULL AND coalesce(ended_at, '') <= ?2, ?3, status),
  ended_at = iif(?2 IS NOT NULL AND coalesce(ended_at, '') < ?2, ?2, ended_at)
WHERE id = ?4
"""


@dataclass(slots=True)
class _RunState:
    """A run as this transaction knows it."""

    run: Run
    number: int
    calls: int = 0
    errors: int = 0
    last_seq: int = 0
    active_at: str = ""
    new: bool = False
    changed: bool = False


@dataclass(slots=True)
class Memory:
    """What a writer remembers from one transaction to the next: only shortcuts."""

    blobs: BlobWriter = field(default_factory=BlobWriter)
    groups: dict[tuple[str, str], int] = field(default_factory=dict)
    texts: set[tuple[str, str]] = field(default_factory=set)
    epoch: int = -1

    def forget(self) -> None:
        """After a rollback, and after a deletion by any process."""
        self.blobs.forget()
        self.groups.clear()
        self.texts.clear()
        self.epoch = -1


class Batch:
    """One open transaction."""

    def __init__(self, connection: sqlite3.Connection, memory: Memory) -> None:
        self._connection = connection
        self._memory = memory
        self._runs: dict[str, _RunState] = {}
        self._numbers: dict[tuple[str, int], int] = {}  # an imported event's, and its new one
        self._events: list[Any] = []
        self._exchanges: list[Any] = []
        self._pending: set[str] = set()
        self._growing: list[Any] = []
        self._texts: list[tuple[str, Any]] = []
        self.written = 0
        epoch, self._event, piece = connection.execute(_STATE).fetchone()
        if epoch != memory.epoch:
            memory.forget()
            memory.epoch = epoch
        memory.blobs.begin(connection, max(piece, 1))

    def apply(self, write: Write) -> None:
        """Takes one write."""
        match write:
            case AddExchange(exchange, event):
                self._add_exchange(exchange, event)
            case AddEvent(event):
                self._add_event(event)
            case OpenRun(run):
                self._open_run(run)
            case AddOutcome(outcome):
                self._add_outcome(write)
            case CloseRun(run_id, ended_at):
                self._close_run(run_id, ended_at)

    def flush(self) -> None:
        """Writes what was gathered."""
        execute, many = self._connection.execute, self._connection.executemany
        for state in self._runs.values():
            if state.new:
                execute(f"INSERT INTO agent_runs ({RUN}) VALUES (?,?,?,?,?,?,?,?)", run_row(state.run))  # noqa: S608 - constant
            elif state.changed:
                self._update_run(state.run)
        many(_INSERT_EVENT, self._events)
        many(_GROW_GROUP, self._growing)
        many(_INSERT_EXCHANGE, self._exchanges)
        rows = self._memory.blobs.rows
        many("INSERT INTO blobs VALUES (?,?,?,?,?,?,?)", rows.blobs)
        many("INSERT INTO pieces VALUES (?,?)", rows.pieces)
        many("INSERT OR IGNORE INTO uses VALUES (?,?)", rows.uses)
        many("INSERT OR IGNORE INTO run_texts VALUES (?,?)", self._texts)
        many(
            "INSERT OR REPLACE INTO run_totals VALUES (?,?,?,?,?,?)",
            [
                (run_id, state.number, state.calls, state.errors, state.last_seq, state.active_at)
                for run_id, state in self._runs.items()
            ],
        )
        self.written += rows.size + 600 * (len(self._events) + len(self._exchanges))
