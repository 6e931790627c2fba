# ruff: noqa: S311 - the same data each time, not secrets
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.core.model import Body, Event, Outcome, Own, RequestHead, ResponseHead, Run
from proxy.stores import sqlite_delete
from proxy.stores._api import AddEvent, AddExchange, AddOutcome, OpenRun, RunQuery, Write
from proxy.stores.sqlite import SqliteStore

type Opens = Callable[..., SqliteStore]
type Call = Callable[..., AddExchange]

SHARED = b"what every run says to the model " * 200


def everything(run_id: str, mark: str, number: int, call: Call) -> list[Write]:
    """Writes with a mark in every place where a run can leave one; noise keeps it readable."""
    at = 1_763_000_000.0
    noise = random.Random(f"{mark}{number}").randbytes(900)
    head = ((mark.encode(), mark.encode()),)
    body = b'{"messages":[{"text":"' + SHARED + b'"},{"text":"' + mark.encode() + b'"}]}'
    return [
        OpenRun(Run(run_id, f"label {mark}", f"c {mark}", at, metadata={"k": mark})),
        call(
            number,
            run_id,
            request=RequestHead(
                "GET", "https", f"{mark}.example.com", 443, f"/{mark}", headers=head
            ),
            request_body=Body(body),
            response=ResponseHead(200, mark, headers=head),
            response_body=Body(noise + mark.encode() + noise, trailers=head),
            error=mark,
            retry_reason=mark,
            own=Own(group=f"group {mark}", step=mark, meta={"k": mark}),
            notes=(mark,),
        ),
        AddEvent(Event(run_id, "state", mark, at, data={"k": mark})),
        AddOutcome(Outcome(run_id, mark, "Failed", None, f"why {mark}", None, mark, at)),
    ]


def bytes_of(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob("dashcam.db*")))


@pytest.mark.parametrize("rounds", [1, 12])
def test_a_deleted_run_leaves_no_byte(opened: Opens, path: Path, call: Call, rounds: int) -> None:
    """Not in the file, not in the log, not where rows were moved from."""
    store = opened()
    marks = {f"run_{n}": f"mark{random.Random(n).randbytes(6).hex()}" for n in range(12)}
    for number in range(rounds):
        for run_id, mark in marks.items():
            store.write(everything(run_id, mark, number, call))
    gone = list(marks)[::4]
    kept = {run_id: store.snapshot(run_id) for run_id in marks if run_id not in gone}
    assert all(marks[run_id].encode() in bytes_of(path) for run_id in marks)
    for run_id in gone:
        store.delete_run(run_id)
        assert marks[run_id].encode() not in bytes_of(path)
        assert run_id.encode() + b"_" not in bytes_of(path)  # nor in the ids of its exchanges
    assert {run_id: store.snapshot(run_id) for run_id in kept} == kept
    assert all(marks[run_id].encode() in bytes_of(path) for run_id in kept)
    assert store.verify() == []


def test_bodies_of_a_deleted_run_are_in_no_blob(store: SqliteStore, call: Call) -> None:
    """Compressed bytes cannot be searched for; what they were made of can."""
    for run_id in ("run_a", "run_b"):
        store.write(everything(run_id, f"mark_{run_id}", 1, call))
    store.delete_run("run_a")
    with store._readers.one() as connection:
        from proxy.stores.blob_reader import BlobReader

        reader = BlobReader(connection)
        ids = [row[0] for row in connection.execute("SELECT id FROM blobs")]
        said = b"".join(b"".join(reader.read(reader.blob(number))) for number in ids)
        named = {row[0] for row in connection.execute("SELECT id FROM pieces")}
    assert SHARED in said
    assert b"mark_run_b" in said
    assert b"mark_run_a" not in said
    assert all(reader.piece(number) for number in named)


def test_deleting_the_last_run_leaves_empty_tables(
    store: SqliteStore, call: Call, path: Path
) -> None:
    empty = path.stat().st_size
    for number in range(30):
        store.write([call(number, request_body=Body(random.Random(number).randbytes(20_000)))])
    store.checkpoint()
    assert path.stat().st_size > 600_000
    store.delete_run("run_a")
    for table in (
        "agent_runs",
        "events",
        "shapes",
        "exchanges",
        "blobs",
        "pieces",
        "uses",
        "outcomes",
        "run_totals",
        "run_texts",
        "texts",
    ):
        assert store._writer.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608 - constants
    assert path.stat().st_size <= max(empty, 64 * 1024)
    assert store.size().free == 0


def test_a_large_file_is_rewritten_when_nobody_waits(
    opened: Opens, path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_delete, "SMALL", 0)
    store = opened()
    for number in range(4):
        store.write(everything("run_a", "mark", number, call))
        store.write(everything("run_b", "other", number, call))
    store.delete_run("run_a")
    assert store._purged
    traces = "SELECT 1 FROM meta WHERE name = 'traces'"
    assert store._writer.execute(traces).fetchone() == (1,)
    store.close()
    assert b"mark" not in bytes_of(path)
    again = opened()
    assert again._writer.execute(traces).fetchone() is None
    again.delete_run("run_b")
    again.gc(max_bytes=10**9)
    assert again._writer.execute(traces).fetchone() is None
    assert again.verify() == []


def test_a_damaged_run_can_be_deleted(store: SqliteStore, call: Call) -> None:
    other = RequestHead("GET", "https", "other.example.com", 443, "/")  # nothing in common
    store.write([call(1), call(1, "run_b", request=other)])
    store._writer.execute("UPDATE blobs SET data = x'00' WHERE run = 1")
    assert store.verify()
    store.delete_run("run_a")
    assert store.verify() == []
    assert store.exchange("ex_run_b_1").seq == 1


def test_gc_frees_the_disk(opened: Opens, path: Path, call: Call) -> None:
    store = opened()
    for run_number in range(8):
        for number in range(5):
            body = Body(random.Random(f"{run_number} {number}").randbytes(20_000))
            store.write([call(run_number * 100 + number, f"run_{run_number}", request_body=body)])
    store.checkpoint()
    before = path.stat().st_size
    gone = store.gc(max_bytes=before // 2)
    assert gone == [f"run_{n}" for n in range(len(gone))]  # the oldest first
    assert 3 <= len(gone) <= 5
    assert path.stat().st_size <= before // 2
    assert store.size().log == 0
    assert len(store.runs(RunQuery())) == 8 - len(gone)
    assert store.verify() == []
