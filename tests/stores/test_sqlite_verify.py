# ruff: noqa: S311 - the same damage each time, not secrets
import os
import random
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
import zstandard

from proxy.core.model import Body, Outcome, Own, RequestHead
from proxy.errors import StoreError
from proxy.stores._api import AddExchange, AddOutcome, RunQuery
from proxy.stores.sqlite import SqliteStore

FLIPS = 2000 if os.environ.get("DASHCAM_GAUNTLET") else 20

type Call = Callable[..., AddExchange]


@pytest.fixture
def filled(store: SqliteStore, call: Call) -> SqliteStore:
    head = RequestHead("POST", "https", "h", 443, "/v1", headers=((b"A", b"1"), (b"B", b"2")))
    shared = Body(b'{"a":["' + b"shared by both " * 300 + b'"]}')
    for number in range(3):
        for run_id in ("run_a", "run_b"):
            body = shared if number else Body(b"own" * 50)
            own = Own(group="plan/retrieve")
            store.write([call(number, run_id, request=head, request_body=body, own=own)])
    store.write([AddOutcome(Outcome("run_a", "l", "Completed", None, None, None, None, 0.0))])
    assert store.verify() == []
    return store


EVENT = "(SELECT id FROM events WHERE name = '{}' AND run_id = '{}')"
TAMPERINGS = {
    "a status": ("UPDATE exchanges SET status = 500 WHERE id = 'ex_run_a_1'", "digest differs"),
    "a target": ("UPDATE exchanges SET target = '/v2' WHERE id = 'ex_run_a_1'", "digest differs"),
    "a time": (
        "UPDATE exchanges SET started_at = '2025-11-13T02:13:20.0000000Z' WHERE id = 'ex_run_a_1'",
        "digest differs",
    ),
    "an exchange's run": (
        "UPDATE exchanges SET run_id = 'run_b' WHERE id = 'ex_run_a_1'",
        "digest differs",
    ),
    "a size": ("UPDATE exchanges SET request_size = 9 WHERE id = 'ex_run_a_1'", "instead of"),
    "an ending": ("UPDATE exchanges SET ending = 'well' WHERE id = 'ex_run_a_1'", "cannot be read"),
    "a digest": ("UPDATE exchanges SET digest = x'01' WHERE id = 'ex_run_a_1'", "digest differs"),
    "two records": (
        (
            "UPDATE exchanges SET record = (SELECT record FROM exchanges WHERE id = 'ex_run_a_2')"
            " WHERE id = 'ex_run_a_1'"
        ),
        "digest differs",
    ),
    "a blob": ("UPDATE blobs SET data = x'00' WHERE id = 1", "cannot be read"),
    "a blob's digest": ("UPDATE blobs SET digest = x'01' WHERE id = 1", "digest differs"),
    "a blob that continues itself": ("UPDATE blobs SET after = id", "continues a later one"),
    "a blob that is gone": ("DELETE FROM blobs WHERE id = (SELECT max(id) FROM blobs)", "missing"),
    "a blob's run": ("UPDATE blobs SET run = 99 WHERE id = 1", "belong to no run"),
    "an exchange that is gone": ("DELETE FROM exchanges WHERE id = 'ex_run_a_1'", "says 3 calls"),
    "an event that is gone": (
        ("DELETE FROM events WHERE id = (SELECT event_id FROM exchanges WHERE id = 'ex_run_a_1')"),
        "its event is missing",
    ),
    "a group that is gone": ("DELETE FROM events WHERE name = 'plan'", "belongs to no row"),
    "a ring of groups": (
        (
            f"UPDATE events SET parent_event_id = {EVENT.format('retrieve', 'run_a')}"  # noqa: S608 - constants
            " WHERE name = 'plan' AND run_id = 'run_a'"
        ),
        "is its own ancestor",
    ),
    "a parent elsewhere": (
        (
            f"UPDATE events SET parent_event_id = {EVENT.format('plan', 'run_b')}"  # noqa: S608 - constants
            " WHERE name = 'retrieve' AND run_id = 'run_a'"
        ),
        "has a parent in another run",
    ),
    "an event's data": ("UPDATE events SET data = '{' WHERE id = 3", "is no JSON"),
    "a run's outcome": ("UPDATE agent_runs SET outcome = 'Failed'", "was judged"),
    "a run's counts": ("UPDATE run_totals SET calls = 9", "says 9 calls and has 3"),
    "totals that are gone": ("DELETE FROM run_totals", "has no totals"),
    "a run that is gone": ("DELETE FROM agent_runs WHERE id = 'run_b'", "belongs to no row"),
    "a use of nothing": ("INSERT INTO uses VALUES (9999, 1)", "piece 9999, which is missing"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_changed_is_found(filled: SqliteStore, name: str) -> None:
    statement, said = TAMPERINGS[name]
    assert filled._writer.execute(statement).rowcount
    problems = filled.verify()
    assert any(said in problem.what for problem in problems), problems
    assert all("\n" not in problem.what for problem in problems)


def test_other_bytes_that_say_the_same_are_found(filled: SqliteStore) -> None:
    number, data = (
        filled._writer.execute(
            "SELECT id, data FROM blobs WHERE after IS NULL AND id NOT IN"
            " (SELECT after FROM blobs WHERE after IS NOT NULL) LIMIT 1"
        ).fetchone()
        or filled._writer.execute("SELECT id, data FROM blobs WHERE id = 1").fetchone()
    )
    said = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    packed = zstandard.ZstdCompressor(level=19).compressobj()
    other = packed.compress(said) + packed.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    assert other != data
    filled._writer.execute("UPDATE blobs SET data = ? WHERE id = ?", (other, number))
    assert (f"blob {number}", "is not what was stored: its digest differs") in filled.verify()


def test_a_torn_file_is_found(filled: SqliteStore) -> None:
    path = filled._path
    filled.close()
    data = bytearray(path.read_bytes())
    data[9 * 1024 : 12 * 1024] = bytes(3 * 1024)
    path.write_bytes(data)
    again = SqliteStore(filled.url, path, create=False, durability="durable")
    assert any(problem.where == "file" for problem in again.verify())
    again.close()


def test_whatever_is_damaged_is_said(filled: SqliteStore, tmp_path: Path) -> None:
    """A bit anywhere: it is found, or it is where nothing is, or the file cannot be opened."""
    filled.close()
    data = filled._path.read_bytes()
    found = 0
    for seed in range(FLIPS):
        rng = random.Random(seed)
        at = rng.choice([n for n in range(100, len(data), 7) if data[n]])
        place = tmp_path / f"flip{seed}.db"
        place.write_bytes(data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :])
        with (
            suppress(StoreError),  # all that it may raise
            closing(SqliteStore("", place, create=False, durability="durable")) as store,
        ):
            found += bool(store.verify())
            store.runs(RunQuery())
    assert found > FLIPS // 4


def test_a_file_damaged_all_over_has_an_end(
    filled: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.stores.sqlite_verify._MOST", 3)
    filled._writer.execute("UPDATE exchanges SET digest = x'01'")
    problems = filled.verify()
    assert len(problems) == 4
    assert problems[-1].what == "and more"
