"""One batch of writes as one transaction.

What a batch adds is gathered in lists and written table by table, with numbers that are given out
here: inside the transaction nobody else can.
"""

import secrets
import sqlite3
from dataclasses import replace
from typing import Any

from proxy.core import chain
from proxy.core.chain import Entry, Kind
from proxy.core.model import End, Event, Exchange, Outcome, Run
from proxy.stores import jsontext, merging, record, skeleton, sqlite_chain
from proxy.stores._api import (
    AddEvent,
    AddExchange,
    AddGap,
    AddOutcome,
    CloseRun,
    Gap,
    OpenRun,
    Write,
)
from proxy.stores.seals import RunSeal
from proxy.stores.sqlite_known import Memory, RunState
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
    run_row,
    words,
)
from proxy.stores.timestamps import text_or_none, to_text

_SEEN_TEXTS = 20_000
_RUNS = 2000  # held in memory
_ROW_GUESS = 1000  # bytes of an event or exchange with its share of the indexes

_STATE = """
SELECT (SELECT value FROM meta WHERE name = 'epoch'),
  max((SELECT value FROM meta WHERE name = 'events'),
      (SELECT coalesce(max(id), 0) FROM events)),
  max((SELECT value FROM meta WHERE name = 'pieces'),
      (SELECT coalesce(max(id + count), 0) FROM
        (SELECT id, count FROM blobs ORDER BY id DESC LIMIT 1)))
"""
_SELECT_RUN = f"""
SELECT {RUN}, {sqlite_chain.TOTALS}, salt
FROM agent_runs JOIN run_totals ON run_id = id WHERE id = ?
"""  # noqa: S608 - a constant
_INSERT_RUN = f"INSERT INTO agent_runs ({RUN}) VALUES (?,?,?,?,?,?,?,?)"  # noqa: S608 - a constant
_UPDATE_RUN = """
UPDATE agent_runs SET label = ?, correlation_id = ?, started_at = ?, ended_at = ?, outcome = ?,
  failure_mode = ?, metadata = ? WHERE id = ?
"""
_INSERT_OUTCOME = f"INSERT INTO outcomes ({OUTCOME}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"  # noqa: S608 - a constant
_INSERT_RUN_TEXT = "INSERT OR IGNORE INTO run_texts SELECT ?, id FROM texts WHERE text = ?"
_INSERT_EVENT = f"INSERT INTO events ({EVENT}, shape) VALUES (?,?,?,?,?,?,?,?,?,?)"  # noqa: S608 - constants
_INSERT_EXCHANGE = f"INSERT INTO exchanges ({EXCHANGE}) VALUES (?{',?' * (EXCHANGE_COLUMNS - 1)})"  # noqa: S608 - constants
_GROW_GROUP = f"""
UPDATE events SET started_at = min(started_at, ?1),
  status = iif(?2 IS NOT NULL AND coalesce(ended_at, '') <= ?2, ?3, status),
  ended_at = iif(?2 IS NOT NULL AND coalesce(ended_at, '') < ?2, ?2, ended_at)
WHERE id = ?4 RETURNING {EVENT}
"""  # noqa: S608 - a constant
_SET_DATA = f"""
UPDATE events SET data = ?, shape = coalesce(?, shape) WHERE id = ? RETURNING {EVENT}
"""  # noqa: S608 - a constant
_RUN_OF = "SELECT run_id FROM exchanges WHERE id = ?"
_INSERT_GAP = "INSERT INTO gaps (since, until, calls, reason) VALUES (?,?,?,?)"


class Batch:
    """One open transaction.

    A batch that is not `careful` fails with an IntegrityError when an exchange is stored already.
    """

    def __init__(
        self, connection: sqlite3.Connection, memory: Memory, *, careful: bool = False
    ) -> None:
        self._connection = connection
        self._memory = memory
        self._careful = careful
        self._runs: dict[str, RunState] = {}  # that this batch touches
        self._numbers: dict[tuple[str, int], int] = {}  # an imported event's, and its new one
        self._events: list[Any] = []
        self._last: Any = None  # event that was inserted
        self._exchanges: list[Any] = []
        self._pending: set[str] = set()
        self._growing: list[Any] = []
        self._group_data: list[tuple[int, dict[str, Any], RunSeal | None]] = []
        self._texts: list[tuple[str, Any]] = []
        self._entries: list[Entry] = []
        self._groups: dict[int, tuple[RunState, Any]] = {}  # that have changed, as they are now
        self.written = 0  # bytes, about
        self._catch_up()

    def _catch_up(self) -> None:
        """Forgets what other connections have changed since."""
        memory = self._memory
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != memory.version:
            epoch, event, piece = self._connection.execute(_STATE).fetchone()
            if epoch != memory.epoch:
                memory.forget()
            memory.runs.clear()
            memory.version, memory.epoch, memory.event = version, epoch, event
            memory.blobs.next_piece = max(piece, 1)
            memory.head = sqlite_chain.head_of(self._connection)
        if len(memory.runs) > _RUNS:
            memory.runs.clear()
        if len(memory.provisional) > _SEEN_TEXTS:
            memory.provisional.clear()
        memory.blobs.begin(self._connection)

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
                self._add_outcome(outcome)
            case CloseRun(run_id, ended_at):
                self._close_run(run_id, ended_at)
            case AddGap(gap):
                self._add_gap(gap)

    def seal(self) -> None:
        """Writes the rest, and links everything of this batch into the chain."""
        self.flush()
        for state, row in self._groups.values():
            self._chain(state, Kind.GROUP, row[0], sqlite_chain.event_mark(state.salt, row, None))
        for state in self._runs.values():
            of = chain.mark(state.salt, (*run_row(state.run), *self._totals(state)))
            if of != state.mark:
                state.mark = of
                self._chain(state, Kind.RUN, 0, of)
        self._memory.head = sqlite_chain.append(self._connection, self._memory.head, self._entries)

    def _chain(self, state: RunState, kind: Kind, ref: int, of: bytes) -> None:
        self._entries.append(Entry(state.number, kind, ref, of))

    def flush(self) -> None:
        """Writes what was gathered, and gathers anew."""
        execute, many = self._connection.execute, self._connection.executemany
        for state in self._runs.values():
            if state.new:
                execute(_INSERT_RUN, run_row(state.run))
            elif state.changed:
                execute(_UPDATE_RUN, (*run_row(state.run)[1:], state.run.id))
            state.new = state.changed = False
        blobs = self._memory.blobs.rows
        self.written += blobs.size + _ROW_GUESS * (len(self._events) + len(self._exchanges))
        for statement, rows in (
            (_INSERT_EVENT, self._events),
            (_INSERT_EXCHANGE, self._exchanges),
            ("INSERT INTO blobs VALUES (?,?,?,?,?,?,?)", blobs.blobs),
            ("INSERT OR IGNORE INTO pieces VALUES (?,?)", blobs.pieces),
            ("INSERT OR IGNORE INTO uses VALUES (?,?)", blobs.uses),
            ("INSERT OR IGNORE INTO texts (text) VALUES (?)", [row[1:] for row in self._texts]),
            (_INSERT_RUN_TEXT, self._texts),
            (
                "INSERT OR REPLACE INTO run_totals VALUES (?,?,?,?,?,?,?)",
                [
                    (run_id, *self._totals(state), state.salt)
                    for run_id, state in self._runs.items()
                ],
            ),
        ):
            if rows:
                many(statement, rows)
        for values in self._growing:
            row = execute(_GROW_GROUP, values).fetchone()
            self._groups[row[0]] = (self._runs[row[1]], row)
        for number, data, seal in self._group_data:
            (held,) = execute("SELECT data FROM events WHERE id = ?", (number,)).fetchone()
            if seal is None:
                merged = jsontext.dumps({**jsontext.loads(held), **data})
            else:
                merged = skeleton.grown(held, data, seal, number)
            shape = None if seal is None else skeleton.SHAPE
            row = execute(_SET_DATA, (merged, shape, number)).fetchone()
            self._groups[number] = (self._runs[row[1]], row)
        for rows in (
            self._events,
            self._growing,
            self._group_data,
            self._exchanges,
            self._texts,
        ):
            rows.clear()
        self._pending.clear()
        blobs.clear()

    # --- runs --------------------------------------------------------------------------------

    def _run(self, run_id: str, started_at: float, exchange: Exchange | None = None) -> RunState:
        """The run; one that nobody announced is made."""
        state = self._known(run_id)
        if state is None:
            state = self._new_run(merging.unannounced(run_id, started_at, exchange))
        return state

    def _known(self, run_id: str) -> RunState | None:
        state = self._memory.runs.get(run_id)
        if state is None:
            row = self._connection.execute(_SELECT_RUN, (run_id,)).fetchone()
            if row is None:
                return None
            state = self._memory.runs[run_id] = RunState(read_run(row), *row[8:])
            state.mark = chain.mark(state.salt, row[:-1])
            self._seal(state)
        self._runs[run_id] = state
        return state

    def _new_run(self, run: Run) -> RunState:
        (number,) = self._connection.execute(
            "UPDATE meta SET value = value + 1 WHERE name = 'runs' RETURNING value"
        ).fetchone()
        salt = secrets.token_bytes(sqlite_chain.SALT)
        state = RunState(run, number, active_at=to_text(run.started_at), salt=salt, new=True)
        self._seal(state)
        self._runs[run.id] = self._memory.runs[run.id] = state
        return state

    def _seal(self, state: RunState, replayed: Exchange | None = None) -> None:
        """Finds out whether the run is to be sealed: as what it was made of is.

        What a replay answers is of the run that it repeats, and what it says of a miss may be of
        any that it looked at.
        """
        seals, made_of = self._memory.seals, merging.made_of(state.run)
        if seals.given is None:
            return
        if replayed is not None and replayed.end is End.MISSED:
            made_of = seals.any_run(self._connection)
        elif replayed is not None:
            row = self._connection.execute(_RUN_OF, (replayed.served_from,)).fetchone()
            made_of = row[0] if row else None
        state.seal = seals.of_run(self._connection, state.run.id, state.number, made_of)

    @staticmethod
    def _totals(state: RunState) -> tuple[Any, ...]:
        """In the order of `sqlite_chain.TOTALS`."""
        return (state.number, state.calls, state.errors, state.last_seq, state.active_at)

    def _open_run(self, run: Run) -> None:
        state = self._known(run.id)
        if state is None:
            self._new_run(merging.opened(None, run))
            return
        merged = merging.opened(state.run, run)
        state.changed = state.changed or merged != state.run
        state.run = merged

    def _close_run(self, run_id: str, ended_at: float) -> None:
        state = self._known(run_id)
        if state is not None:
            state.run = replace(state.run, ended_at=ended_at)
            state.active_at = max(state.active_at, to_text(ended_at))
            state.changed = True

    def _add_outcome(self, outcome: Outcome) -> None:
        state = self._run(outcome.run_id, outcome.created_at)
        rows = self._connection.execute(
            "SELECT number, source FROM outcomes WHERE run_id = ? ORDER BY number",
            (outcome.run_id,),
        ).fetchall()
        evidence = tuple(
            self._numbers.get((outcome.run_id, event), event) for event in outcome.evidence
        )
        row = outcome_row(
            replace(outcome, evidence=evidence), rows[-1][0] + 1 if rows else 1, state.seal
        )
        self._connection.execute(_INSERT_OUTCOME, row)
        self._chain(state, Kind.OUTCOME, row[1], chain.mark(state.salt, row))
        if merging.outranks(outcome.source, [source for _, source in rows]):
            state.run = replace(
                state.run, outcome=outcome.status, failure_mode=outcome.failure_mode
            )
            state.changed = True
        if outcome.reason and state.seal is None:
            self._find_by(outcome.run_id, outcome.reason[: merging.TEXT])

    def _add_gap(self, gap: Gap) -> None:
        values = (to_text(gap.since), to_text(gap.until), gap.calls, words(gap.reason))
        number = self._connection.execute(_INSERT_GAP, values).lastrowid
        row = (number, *values)
        self._entries.append(Entry(0, Kind.GAP, int(number or 0), chain.mark(b"", row)))

    # --- events ------------------------------------------------------------------------------

    def _add_exchange(self, exchange: Exchange, event: Event) -> None:
        run_id = exchange.run_id
        before = self._earlier(exchange.id)
        if before is not None and before[2] != End.INTERRUPTED:
            self._renumber(event, before[1])  # stored already: the writer has tried again
            return
        state = self._run(run_id, exchange.started_at, exchange)
        if state.seal is None and (exchange.served_from or exchange.end is End.MISSED):
            self._seal(state, exchange)
        ended_at = state.run.ended_at
        if ended_at is not None and exchange.started_at > ended_at:
            state.run = replace(state.run, ended_at=None)
            state.changed = True
        seq = exchange.seq
        if before is not None:
            seq = before[0]
            self._take_back(state, exchange.id, before[1])
        seq = seq or state.last_seq + 1
        state.last_seq = max(state.last_seq, seq)
        ended_at = merging.end_of(event, exchange)
        placed = Event(
            run_id=run_id,
            kind=event.kind,
            name=event.name,
            started_at=event.started_at,
            ended_at=ended_at,
            status=event.status,
            data={**event.data, "seq": seq, "exchangeId": exchange.id},
            id=event.id,
            parent_event_id=self._parent(event),
        )
        if exchange.own.group:
            placed.parent_event_id = self._group(exchange.own.group, placed)
        event_id = self._insert(placed, state.seal, named=True)
        said = exchange if state.seal is None else record.bare(exchange)
        columns = exchange_columns(said, seq, event_id)
        mark = columns_mark(columns)
        stored = self._memory.blobs.add(state.number, exchange, mark, state.seal)
        self._exchanges.append((*columns, stored.record, stored.digest))
        self._chain_event(state, exchange, stored.digest)
        self._pending.add(exchange.id)
        if exchange.end is End.INTERRUPTED:
            self._memory.provisional.add(exchange.id)
        else:
            self._memory.provisional.discard(exchange.id)
        self._count(state, event.status, ended_at or event.started_at)
        for text in merging.searched(said):
            self._find_by(run_id, text)

    def _chain_event(
        self, state: RunState, exchange: Exchange | None = None, digest: bytes | None = None
    ) -> None:
        """The entry of the event that was inserted last."""
        row = self._last
        kind = sqlite_chain.kind_of_event(row[3], exchange.end if exchange else None)
        self._chain(state, kind, row[0], sqlite_chain.event_mark(state.salt, row, digest))

    def _earlier(self, exchange_id: str) -> tuple[int, int, str] | None:
        """What is stored of the same exchange. Only a careful batch looks; others just fail.

        Except for one that this process has stored before its end: its end is on its way.
        """
        looks = self._careful or exchange_id in self._memory.provisional
        if exchange_id in self._pending:
            if not looks:
                raise sqlite3.IntegrityError("an exchange twice in a batch")
            self.flush()
        if not looks:
            return None
        row: tuple[int, int, str] | None = self._connection.execute(
            "SELECT seq, event_id, ending FROM exchanges WHERE id = ?", (exchange_id,)
        ).fetchone()
        return row

    def _take_back(self, state: RunState, exchange_id: str, event_id: int) -> None:
        """Removes an exchange that was stored while it went on, for the finished one."""
        gone = self._connection.execute(
            "DELETE FROM events WHERE id = ? RETURNING status", (event_id,)
        ).fetchall()
        self._connection.execute("DELETE FROM exchanges WHERE id = ?", (exchange_id,))
        self._chain(state, Kind.WITHDRAWN, event_id, b"")
        state.calls -= 1
        state.errors -= gone == [("error",)]

    def _add_event(self, event: Event) -> None:
        state = self._run(event.run_id, event.started_at)
        at = event.started_at if event.ended_at is None else event.ended_at
        placed = replace(event, parent_event_id=self._parent(event))
        if event.kind == "group":
            path = event.data.get("path") or self._path_below(placed)
            number = self._group(str(path), replace(placed, parent_event_id=None))
            if number is not None:
                self._renumber(event, number)
                rest = {key: value for key, value in event.data.items() if key != "path"}
                if rest:
                    self._group_data.append((number, rest, state.seal))
        else:
            self._insert(placed, state.seal)
            self._chain_event(state)
        if merging.counts_as_call(event):
            self._count(state, event.status, at)
        state.active_at = max(state.active_at, to_text(at))

    def _count(self, state: RunState, status: str, at: float) -> None:
        state.calls += 1
        state.errors += status == "error"
        state.active_at = max(state.active_at, to_text(at))

    def _insert(self, event: Event, seal: RunSeal | None, *, named: bool = False) -> int:
        number = self._memory.event = self._memory.event + 1
        self._renumber(event, number)
        if seal is not None:
            self._last = row = event_row(event, number, seal)
            self._events.append((*row, skeleton.SHAPE))
            return number
        self._last = row = event_row(event, number)
        text, shape = row[-1], None
        if event.kind != "group":  # which changes
            shape, text = self._memory.shapes.place(self._connection, event, text, named=named)
        self._events.append((*row[:-1], text, shape))
        return number

    def _renumber(self, event: Event, number: int) -> None:
        if event.id is not None:
            self._numbers[event.run_id, event.id] = number

    def _parent(self, event: Event) -> int | None:
        """The parent's number here: an imported event comes with those of another store."""
        parent = event.parent_event_id
        if event.id is None or parent is None:
            return parent
        return self._numbers.get((event.run_id, parent))

    # --- groups ------------------------------------------------------------------------------

    def _group(self, path: str, inside: Event) -> int | None:
        """The number of the group `path`; it and those around it reach over `inside`."""
        run_id, parent = inside.run_id, inside.parent_event_id
        start, end = to_text(inside.started_at), text_or_none(inside.ended_at)
        for inner in merging.group_paths(path):
            number = self._memory.groups.get((run_id, inner)) or self._stored_group(run_id, inner)
            if number is None:
                made = merging.group_event(run_id, inner, inside.started_at, parent)
                number = self._insert(made, self._runs[run_id].seal)
            self._memory.groups[run_id, inner] = number
            self._growing.append((start, end, inside.status, number))
            parent = number
        return parent

    def _stored_group(self, run_id: str, path: str) -> int | None:
        rows = self._connection.execute(
            "SELECT id, data FROM events WHERE run_id = ? AND kind = 'group' AND name = ?",
            (run_id, words(merging.group_name(path))),
        )
        for number, data in rows:
            if jsontext.loads(data).get("path") == path:
                return int(number)
        return None

    def _path_below(self, event: Event) -> str:
        """The path of a group that says only its name and its parent."""
        parent = event.parent_event_id
        for (run_id, path), number in self._memory.groups.items():
            if number == parent and run_id == event.run_id:
                return f"{path}/{event.name}"
        row = self._connection.execute(
            "SELECT data FROM events WHERE id = ? AND kind = 'group'", (parent,)
        ).fetchone()
        return f"{jsontext.loads(row[0])['path']}/{event.name}" if row else event.name

    def _find_by(self, run_id: str, text: str) -> None:
        key = (run_id, text)
        if key not in self._memory.texts:
            if len(self._memory.texts) >= _SEEN_TEXTS:
                self._memory.texts.clear()
            self._memory.texts.add(key)
            self._texts.append((run_id, words(text)))
