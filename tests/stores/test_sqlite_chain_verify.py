import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from proxy.core import chain
from proxy.core.chain import Checkpoint, Entry, Kind
from proxy.errors import StoreError
from proxy.stores import sqlite_chain_verify
from proxy.stores._api import AddExchange, RunQuery
from proxy.stores.sqlite import SqliteStore
from tests.budget import within
from tests.stores import tampering

type Opens = Callable[..., SqliteStore]
type Call = Callable[..., AddExchange]

CASES = 1000 if os.environ.get("DASHCAM_GAUNTLET") else 60


@pytest.fixture
def sound(opened: Opens, path: Path, call: Call) -> tuple[Path, Checkpoint]:
    """The file of a closed store, and a checkpoint of it that is kept elsewhere."""
    store = opened()
    tampering.fill(store, call)
    assert store.verify() == []
    said = checkpoint_of(store)
    assert store.verify([said]) == []
    store.close()
    return path, said


def checkpoint_of(store: SqliteStore) -> Checkpoint:
    head = store.head()
    return Checkpoint(
        chain.store_id(store.secret()), head.size, head.link.hex(), "2026-02-12T09:41:00Z"
    )


def problems_of(path: Path, *checkpoints: Checkpoint) -> list[str]:
    store = SqliteStore(f"sqlite:///{path}", path, create=False, durability="durable")
    try:
        return [f"{where}: {what}" for where, what in store.verify(checkpoints)]
    finally:
        store.close()


def test_any_change_is_found_against_a_checkpoint(
    sound: tuple[Path, Checkpoint], tmp_path: Path
) -> None:
    path, checkpoint = sound
    changed = tmp_path / "changed.db"
    missed, cases = [], 0
    for seed in within(range(CASES)):
        cases += 1
        shutil.copy(path, changed)
        said = tampering.tamper(changed, seed)
        if not problems_of(changed, checkpoint):
            missed.append(f"{seed}: {said}")
    assert missed == []
    print(f"# {cases} changes, {cases} found against a checkpoint")  # noqa: T201 - to be shown


def test_a_chain_that_was_made_anew_holds_only_without_a_checkpoint(
    sound: tuple[Path, Checkpoint], call: Call
) -> None:
    """Whoever can write to the file and knows how can make all of it anew; not the checkpoint."""
    path, checkpoint = sound
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        (secret,) = file.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()
        salt, number = file.execute(
            "SELECT salt, number FROM run_totals WHERE run_id = 'run_b'"
        ).fetchone()
        (row,) = file.execute(
            "UPDATE agent_events SET status = 'error' WHERE run_id = 'run_b' AND kind = 'state'"
            " RETURNING *"
        ).fetchall()
        file.execute(
            "UPDATE chain SET digest = ? WHERE run = ? AND ref = ? AND kind = 2",
            (chain.mark(salt, (*row, None)), number, row[0]),
        )
    tampering.relink(path, secret)
    assert problems_of(path) == []
    assert problems_of(path, checkpoint) == [f"chain: {sqlite_chain_verify.changed(checkpoint)}"]


def test_a_tail_that_was_cut_is_seen_only_against_a_checkpoint(
    opened: Opens, path: Path, call: Call, tmp_path: Path
) -> None:
    store = opened()
    store.write([call(1)])
    store.backup(tmp_path / "older.db")
    store.write([call(2)])
    checkpoint = checkpoint_of(store)
    assert problems_of(tmp_path / "older.db") == []
    (said,) = problems_of(tmp_path / "older.db", checkpoint)
    assert "had 4 records and now has 2" in said
    again = SqliteStore("", tmp_path / "older.db", create=False, durability="durable")
    again.write([call(3), call(4), call(5)])  # and goes on from there
    again.close()
    (said,) = problems_of(tmp_path / "older.db", checkpoint)
    assert "is not what it was" in said


def test_older_checkpoints_hold_while_the_store_goes_on(opened: Opens, call: Call) -> None:
    store = opened()
    kept = [checkpoint_of(store)]
    for number in range(5):
        store.write([call(number, f"run_{number}")])
        kept.append(checkpoint_of(store))
    store.delete_run("run_2")
    kept.append(checkpoint_of(store))
    assert store.verify(kept) == []
    other = Checkpoint("0" * 16, kept[1].size, kept[1].head, "then")
    assert [what for _, what in store.verify([other])] == [
        "the checkpoint of then is of another store"
    ]


def test_a_purge_cannot_be_told_for_a_run_that_was_removed(
    sound: tuple[Path, Checkpoint],
) -> None:
    """A tombstone that is not in the chain is no purge; one that is comes after the checkpoint."""
    path, _ = sound
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        (number,) = file.execute("SELECT number FROM run_totals WHERE run_id = 'run_a'").fetchone()
        file.execute("INSERT INTO purges VALUES (?, '2026-02-12T09:41:00Z', 9, 'x')", (number,))
    found = problems_of(path)
    assert any("was put there by somebody else" in said for said in found)
    assert any("run run_a: was purged, and is there" in said for said in found)


@pytest.mark.parametrize("kind", [Kind.EVENT, Kind.OUTCOME, Kind.WITHDRAWN])
def test_a_final_record_cannot_be_told_anew(sound: tuple[Path, Checkpoint], kind: Kind) -> None:
    """An entry at the end of the chain changes nothing that is final."""
    path, checkpoint = sound
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        (secret,) = file.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()
        (n,) = file.execute("SELECT max(n) FROM chain").fetchone()
        entry = Entry(1, kind, 1, b"x" * 16)
        file.execute("INSERT INTO chain VALUES (?,?,?,?,?,?)", (n + 1, *entry, b"x"))
    tampering.relink(path, secret)
    assert any("once too often" in said for said in problems_of(path, checkpoint))


def test_a_new_secret_is_another_store(sound: tuple[Path, Checkpoint]) -> None:
    path, checkpoint = sound
    secret = b"n" * 32
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("UPDATE meta SET value = ? WHERE name = 'secret'", (secret,))
    assert any("the chain is broken here" in said for said in problems_of(path))
    tampering.relink(path, secret)
    assert problems_of(path) == []
    assert any("is of another store" in said for said in problems_of(path, checkpoint))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON gaps BEGIN DELETE FROM gaps; END", "t: is none of"),
        ("DROP TRIGGER outcomes_are_final", "outcomes_are_final: is missing"),
        ("DROP INDEX runs_by_label", "runs_by_label: is missing"),
        ("ALTER TABLE gaps ADD COLUMN more", "gaps: is not defined as"),
        ("DROP VIEW violations", "violations: is missing"),
        ("CREATE TRIGGER gaps AFTER INSERT ON chain BEGIN SELECT 1; END", "gaps: is none of"),
        ("CREATE TRIGGER said AFTER INSERT ON gaps BEGIN SELECT 1; END", "said: is none of"),
        ("CREATE TRIGGER said_idx AFTER INSERT ON gaps BEGIN SELECT 1; END", "said_idx: is none"),
        ("CREATE VIEW searched AS SELECT 1", "searched: is none of"),
        ("CREATE TABLE said_data (x)", "said_data: is none of"),
        ("CREATE TABLE said (x)", "said: is none of"),
    ],
)
def test_tables_are_dashcams(sound: tuple[Path, Checkpoint], statement: str, said: str) -> None:
    path, _ = sound
    with closing(sqlite3.connect(path)) as file:
        file.execute(statement)
    assert any(found.startswith(said) for found in problems_of(path))


def test_the_index_for_searching_is_dashcams_but_no_trigger_of_its_name(
    opened: Opens, path: Path, call: Call
) -> None:
    store = opened()
    store.write([call(1)])
    store.runs(RunQuery(search="answer"))
    assert store.verify() == []
    store.close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TRIGGER said_idx AFTER INSERT ON gaps BEGIN SELECT 1; END")
    assert [found.split(":")[0] for found in problems_of(path)] == ["said_idx"]


@pytest.mark.parametrize("n", [0, -1, -(1 << 63)])
def test_an_entry_before_the_first_vouches_for_nothing(
    sound: tuple[Path, Checkpoint], n: int
) -> None:
    """It follows from nothing and nothing follows from it, so no link says that it is there."""
    path, checkpoint = sound
    gap, event = (77, "2026", "2026", 1, "x"), (900, "run_a", None, "guard", "b", "2026", None)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        salt, run = file.execute(
            "SELECT salt, number FROM run_totals WHERE run_id = 'run_a'"
        ).fetchone()
        entry: tuple[object, ...]
        if n:
            file.execute("INSERT INTO gaps VALUES (?,?,?,?,?)", gap)
            entry = (n, 0, Kind.GAP, 77, chain.mark(b"", gap))
        else:
            row = (*event, "ok", "{}")
            file.execute("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,NULL)", row)
            entry = (n, run, Kind.EVENT, 900, chain.mark(salt, (*row, None)))
        file.execute("INSERT INTO chain VALUES (?,?,?,?,?,NULL)", entry)
    found = "chain: has records before its first: somebody else put them there"
    assert problems_of(path, checkpoint) == [found]


@pytest.mark.parametrize("statement", ["DELETE FROM meta", "UPDATE meta SET value = 'text'"])
def test_a_store_without_its_secret_is_one_clear_line(
    sound: tuple[Path, Checkpoint], statement: str
) -> None:
    path, _ = sound
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute(f"{statement} WHERE name = 'secret'")
    with pytest.raises(StoreError, match="has lost its secret"):
        problems_of(path)
