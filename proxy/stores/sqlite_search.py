"""Full-text search over what was said, in an index without the texts (FTS5, contentless).

The index is made at the first search and brought up to date at each one: recording does not wait
for it, and who never searches has none. A document is what a run has said since the last time, so
that a conversation which every request repeats is in it once. To take a document out again SQLite
needs its words: they are read from the exchanges once more, in the same way. Where that is not
sure, the whole index goes, and the next search makes it anew. What is sealed is never in it: words
in an index can be read.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

from proxy.core.model import End
from proxy.errors import StoreError
from proxy.stores import digests
from proxy.stores.blob_reader import BlobReader
from proxy.stores.sqlite_connect import patient, snapshot_of, transaction
from proxy.stores.sqlite_rows import EXCHANGE, read_exchange

_PAGE = 200  # events that are looked at together
TABLE = """
CREATE VIRTUAL TABLE said USING fts5(
  text, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2'
)
"""
_TABLES = f"""
{TABLE};
CREATE TABLE searched (upto INTEGER PRIMARY KEY, run_id TEXT NOT NULL);
CREATE INDEX searched_by_run ON searched (run_id, upto);
INSERT OR REPLACE INTO meta VALUES ('searched', 0);
"""  # noqa: S608 - constants
NAMES = {  # by their kind in the schema; SQLite itself makes the said_*
    "table": frozenset({"said", "searched"})
    | {f"said_{of}" for of in ("data", "idx", "docsize", "config", "content")},
    "index": frozenset({"searched_by_run"}),
}
_HERE = "SELECT 1 FROM sqlite_schema WHERE name = 'said'"
_MARK = "SELECT value FROM meta WHERE name = 'searched'"
_RUNS = """
SELECT run_id, max(id) FROM (SELECT run_id, id FROM events WHERE id > ? ORDER BY id LIMIT ?)
GROUP BY run_id
"""
_LAST = "SELECT max(id) FROM (SELECT id FROM events WHERE id > ? ORDER BY id LIMIT ?)"
_EXCHANGES = f"""
SELECT {EXCHANGE} FROM exchanges WHERE run_id = ? AND event_id <= ? AND ending <> ?
ORDER BY event_id
"""  # noqa: S608 - a constant
_EXISTS = "SELECT 1 FROM agent_runs WHERE id = ?"
_ENDS = "SELECT upto FROM searched WHERE run_id = ? ORDER BY upto"
_MATCHES = """
SELECT s.run_id FROM said CROSS JOIN searched s ON s.upto = said.rowid
CROSS JOIN agent_runs r ON r.id = s.run_id
WHERE said MATCH :search AND {where} ORDER BY said.rowid DESC
"""
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_PARTS = re.compile(r"[^\W_]+")


def expression(text: str) -> str | None:
    """The FTS5 query for what people type: all words, `"a phrase"`, `begin*`; None for no word."""
    wanted = []
    for phrase, word in _WORD.findall(text):
        parts = _PARTS.findall(phrase or word)
        if parts:
            star = "*" if word.endswith("*") else ""
            wanted.append(f'"{" ".join(parts)}"{star}')
    return " ".join(wanted) or None


class Page(NamedTuple):
    """What has been said by some events: from which on, up to which, and the documents."""

    mark: int
    last: int
    documents: list[tuple[int, str, str]]  # the last event of each, its run, its words


def gather(connection: sqlite3.Connection) -> Page | None:
    """Reads the next events that the index does not have; None when it has all."""
    with snapshot_of(connection):
        here = connection.execute(_HERE).fetchone() is not None
        mark = connection.execute(_MARK).fetchone()[0] if here else 0
        (last,) = connection.execute(_LAST, (mark, _PAGE)).fetchone()
        if last is None:
            return None
        documents = []
        for run_id, upto in connection.execute(_RUNS, (mark, _PAGE)).fetchall():
            ends = [row[0] for row in connection.execute(_ENDS, (run_id,))] if here else []
            with suppress(StoreError):  # damaged: `verify` says so, and the others can be searched
                *_, new = _documents(connection, run_id, [*ends, upto])
                if new:
                    documents.append((upto, run_id, new))
    return Page(mark, last, documents)


def put(connection: sqlite3.Connection, page: Page) -> None:
    """Takes a page into the index, in one short transaction; not if another one was faster."""
    with patient(connection), transaction(connection):
        prepare(connection)
        if connection.execute(_MARK).fetchone() != (page.mark,):
            return
        for upto, run_id, text in page.documents:
            if connection.execute(_EXISTS, (run_id,)).fetchone() is not None:
                connection.execute("INSERT INTO said (rowid, text) VALUES (?, ?)", (upto, text))
                connection.execute("INSERT INTO searched VALUES (?, ?)", (upto, run_id))
        connection.execute("UPDATE meta SET value = ? WHERE name = 'searched'", (page.last,))


def prepare(connection: sqlite3.Connection) -> None:
    """Makes the tables; anew, if another version of Dashcam has made them."""
    if connection.execute(_HERE).fetchone() is not None:
        if _is_ours(connection):
            return
        _drop(connection)
    try:
        for statement in _TABLES.split(";")[:-1]:
            connection.execute(statement)
    except sqlite3.OperationalError as error:
        if "no such module" not in str(error):
            raise
        raise StoreError(
            "this SQLite cannot search texts: it was built without FTS5",
            hint="--text finds runs by id, label and URL",
        ) from error
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('searcher', ?)", (_version(),))


def _documents(connection: sqlite3.Connection, run_id: str, ends: Sequence[int]) -> Iterator[str]:
    """What a run said for the first time up to each of these events. Damaged when unreadable."""
    from proxy.core import said  # noqa: PLC0415 - slow to import

    reader = BlobReader(connection)
    seen: set[bytes] = set()
    rows = connection.execute(_EXCHANGES, (run_id, ends[-1], End.INTERRUPTED.value)).fetchall()
    at = 0
    for end in ends:
        found: list[str] = []
        while at < len(rows) and rows[at][3] <= end:
            sealed = digests.is_sealed(rows[at][27])
            for text in () if sealed else said.texts(read_exchange(rows[at], reader)):
                mark = blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
                if mark not in seen:
                    seen.add(mark)
                    found.append(text.encode("utf-8", "replace").decode())
            at += 1
        yield "\n".join(found)


def matches(where: Sequence[str]) -> str:
    """The runs that said `:search`, under conditions on `agent_runs r`; those of late first."""
    return _MATCHES.format(where=" AND ".join(where) or "true")


def runs(
    connection: sqlite3.Connection, text: str, where: Sequence[str], values: Mapping[str, Any]
) -> Iterator[str]:
    """The ids of the runs that `matches` finds, each once."""
    wanted = expression(text)
    if wanted is None or connection.execute(_HERE).fetchone() is None:
        return
    seen: set[str] = set()
    for (run_id,) in connection.execute(matches(where), {**values, "search": wanted}):
        if run_id not in seen:
            seen.add(run_id)
            yield run_id


def forget(connection: sqlite3.Connection, run_id: str) -> None:
    """Takes a run's words out, in the transaction that deletes it; `tidy` has to follow."""
    if connection.execute(_HERE).fetchone() is None:
        return
    ends = [row[0] for row in connection.execute(_ENDS, (run_id,))]
    if not ends:
        return
    try:
        documents = list(_documents(connection, run_id, ends)) if _is_ours(connection) else []
    except StoreError:  # it is damaged, and its words are not to be had
        documents = []
    if not all(documents) or len(documents) != len(ends):
        _drop(connection)
        return
    connection.executemany(
        "INSERT INTO said (said, rowid, text) VALUES ('delete', ?, ?)",
        zip(ends, documents, strict=True),
    )
    connection.execute("DELETE FROM searched WHERE run_id = ?", (run_id,))


def tidy(connection: sqlite3.Connection) -> None:
    """Writes the index anew: words that nobody says any more are in it until then."""
    if connection.execute(_HERE).fetchone() is not None:
        connection.execute("INSERT INTO said (said) VALUES ('optimize')")


def _drop(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE said")
    connection.execute("DROP TABLE searched")


def _is_ours(connection: sqlite3.Connection) -> bool:
    row = connection.execute("SELECT value FROM meta WHERE name = 'searcher'").fetchone()
    return bool(row == (_version(),))


@cache
def _version() -> str:
    from importlib import metadata  # noqa: PLC0415 - slow to import

    return metadata.version("dashcam")
