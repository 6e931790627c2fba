"""The queries behind a store's reading methods. Each uses an index; a test looks at the plans."""

import sqlite3
from itertools import islice
from typing import Any

from proxy.core.model import FAILURE_MODES, Event, Outcome, Run, RunRow
from proxy.errors import RecordingNotFound
from proxy.stores import merging, shapes, sqlite_chain, sqlite_search
from proxy.stores._api import Gap, Purge, RunQuery
from proxy.stores.skeleton import Opener, open_words
from proxy.stores.sqlite_rows import (
    EVENT,
    EXCHANGE,
    OUTCOME,
    RUN,
    read_event,
    read_outcome,
    read_run,
    read_words,
    words,
)
from proxy.stores.timestamps import from_text, to_text

_NEWEST = 300  # runs looked through one by one before all texts are
_SHOWN = 6  # runs named in an error

RUN_BY_ID = f"SELECT {RUN} FROM agent_runs WHERE id = ?"  # noqa: S608 - a constant
RUNS_BY_PREFIX = "SELECT id FROM agent_runs WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
NEWEST_RUNS = "SELECT id FROM agent_runs ORDER BY started_at DESC, id DESC LIMIT ?"
EVENTS = f"SELECT {EVENT}, shape FROM {shapes.EVENTS} WHERE run_id = ? ORDER BY started_at, id"  # noqa: S608 - a constant
CHANGES = f"SELECT {EVENT}, shape FROM {shapes.EVENTS} WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608 - a constant
OUTCOMES = f"SELECT {OUTCOME} FROM outcomes WHERE run_id = ? ORDER BY number"  # noqa: S608 - a constant
EXCHANGE_BY_ID = f"SELECT {EXCHANGE} FROM exchanges WHERE id = ?"  # noqa: S608 - a constant
EXCHANGES_AFTER = f"""
SELECT {EXCHANGE} FROM exchanges WHERE run_id = ? AND (seq, id) > (?, ?) ORDER BY seq, id LIMIT ?
"""  # noqa: S608 - a constant
EXCHANGES = f"SELECT {EXCHANGE} FROM exchanges WHERE run_id = ? ORDER BY seq, id"  # noqa: S608 - a constant
LAST_SEQ = "SELECT last_seq FROM run_totals WHERE run_id = ?"
_RUNS = f"""
SELECT {RUN}, calls, errors,
  (SELECT reason FROM outcomes o WHERE o.run_id = r.id
   ORDER BY source = 'caller' DESC, number DESC LIMIT 1)
FROM agent_runs r JOIN run_totals t ON t.run_id = r.id
WHERE {{where}} ORDER BY started_at DESC, id DESC LIMIT :limit
"""  # noqa: S608 - a constant
_LIKE = "{} LIKE :text ESCAPE '\\'"
_NAMED = " OR ".join(_LIKE.format(column) for column in ("id", "label", "correlation_id"))
_SAID = f"SELECT id FROM texts WHERE {_LIKE.format('text')}"  # noqa: S608 - a constant
_ONE_BY_ONE = (
    f"({_NAMED} OR EXISTS"  # noqa: S608 - a constant
    f" (SELECT 1 FROM run_texts x WHERE x.run_id = r.id AND +x.text IN ({_SAID})))"
)
_ALL = (
    f"id IN (SELECT id FROM agent_runs WHERE {_NAMED}"  # noqa: S608 - a constant
    f" UNION SELECT run_id FROM run_texts WHERE text IN ({_SAID}))"
)


def find_run(connection: sqlite3.Connection, ref: str) -> Run:
    """By id, `last`, or unique prefix."""
    row = connection.execute(RUN_BY_ID, (ref,)).fetchone()
    if row is not None:
        return read_run(row)
    if ref == "last":
        found = _ids(connection, NEWEST_RUNS, 1)
    else:
        found = _ids(connection, RUNS_BY_PREFIX, ref, ref + chr(0x10FFFF), _SHOWN) if ref else []
    if not found:
        raise merging.unknown(ref, _ids(connection, NEWEST_RUNS, 3))
    if len(found) > 1:
        raise merging.ambiguous(ref, found)
    return run(connection, found[0])


def run(connection: sqlite3.Connection, run_id: str) -> Run:
    """By its whole id."""
    row = connection.execute(RUN_BY_ID, (run_id,)).fetchone()
    if row is None:
        raise RecordingNotFound(f"no run {run_id!r}")
    return read_run(row)


def runs(opener: Opener, query: RunQuery) -> list[RunRow]:
    """Newest first."""
    where, values = runs_filter(query)
    if query.search is not None:
        return _said(opener, query, where, values)
    if query.text is None:
        return _rows(opener, runs_statement(where), values)
    # What is common is found among the newest; what is rare, faster from all that was said.
    newest = opener.connection.execute(
        "SELECT started_at FROM agent_runs ORDER BY started_at DESC LIMIT 1 OFFSET ?", (_NEWEST,)
    ).fetchone()
    if newest is not None:
        values["newest"] = newest[0]
        here = [*where, "started_at > :newest", _ONE_BY_ONE]
        found = _rows(opener, runs_statement(here), values)
        if len(found) == query.limit:
            return found
    return _rows(opener, runs_statement([*where, _ALL]), values)


def _said(
    opener: Opener, query: RunQuery, where: list[str], values: dict[str, Any]
) -> list[RunRow]:
    """Those of late in which it was said."""
    if query.text is not None:
        where = [*where, _ONE_BY_ONE]
    ids = sqlite_search.runs(opener.connection, query.search or "", where, values)
    one = runs_statement(["id = :said"])
    found = [
        row
        for run_id in islice(ids, values["limit"])
        for row in _rows(opener, one, {"said": run_id, "limit": 1})
    ]
    return sorted(found, key=lambda row: (row.run.started_at, row.run.id), reverse=True)


def runs_filter(query: RunQuery) -> tuple[list[str], dict[str, Any]]:
    """All of `query` but its text as conditions and their values."""
    where: list[str] = []
    values: dict[str, Any] = {"limit": min(query.limit, 2**63 - 1)}
    if query.label is not None:
        where.append("label = :label")
        values["label"] = query.label
    if query.outcome == "open":
        where.append("outcome IS NULL")
    elif query.outcome is not None:
        failure = query.outcome in FAILURE_MODES
        where.append("failure_mode = :outcome" if failure else "outcome = :outcome")
        values["outcome"] = query.outcome
    if query.since is not None:
        where.append("started_at >= :since")
        values["since"] = to_text(query.since)
    if query.until is not None:
        where.append("started_at < :until")
        values["until"] = to_text(query.until)
    if query.text is not None:
        plain = query.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values["text"] = words(f"%{plain}%")
    return where, values


def runs_statement(where: list[str]) -> str:
    """The list of runs under these conditions."""
    return _RUNS.format(where=" AND ".join(where) or "true")


def events(opener: Opener, run_id: str) -> list[Event]:
    """By start."""
    return [read_event(row, opener) for row in opener.connection.execute(EVENTS, (run_id,))]


def outcomes(opener: Opener, run_id: str) -> list[Outcome]:
    """Oldest first."""
    return [read_outcome(row, opener) for row in opener.connection.execute(OUTCOMES, (run_id,))]


def gaps(connection: sqlite3.Connection) -> list[Gap]:
    """Oldest first."""
    return [
        Gap(from_text(row[1]), from_text(row[2]), row[3], read_words(row[4]))
        for row in connection.execute(f"SELECT {sqlite_chain.GAP} FROM gaps ORDER BY since, id")  # noqa: S608 - a constant
    ]


def purges(connection: sqlite3.Connection) -> list[Purge]:
    """By run."""
    return [
        Purge(row[0], from_text(row[1]), row[2], row[3])
        for row in connection.execute(f"SELECT {sqlite_chain.PURGE} FROM purges ORDER BY run")  # noqa: S608 - a constant
    ]


def changes(opener: Opener, after: int) -> tuple[int, list[Event]]:
    """At most `merging.CHANGES` events; none below zero, only the mark."""
    if after < 0:
        return int(opener.connection.execute(_MARK).fetchone()[0]), []
    rows = opener.connection.execute(CHANGES, (after, merging.CHANGES)).fetchall()
    return (rows[-1][0] if rows else after), [read_event(row, opener) for row in rows]


_MARK = """
SELECT max((SELECT value FROM meta WHERE name = 'events'),
           (SELECT coalesce(max(id), 0) FROM events))
"""


def _rows(opener: Opener, statement: str, values: dict[str, Any]) -> list[RunRow]:
    return [
        RunRow(read_run(row), row[8], row[9], read_words(open_words(row[10], "reason", opener)))
        for row in opener.connection.execute(statement, values)
    ]


def _ids(connection: sqlite3.Connection, statement: str, *values: Any) -> list[str]:
    return [row[0] for row in connection.execute(statement, values)]
