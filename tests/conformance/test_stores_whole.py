"""What every store has to do as a whole: batches, deletion, readers beside writers."""

import threading

import pytest

from proxy.core.model import (
    Body,
    Own,
)
from proxy.errors import RecordingNotFound, StoreError
from proxy.stores import open_store
from proxy.stores._api import (
    AddOutcome,
    OpenRun,
    RunQuery,
    Store,
    Write,
)
from tests.conformance.stored import START, call, outcome, run


def test_a_snapshot_has_everything(store: Store) -> None:
    store.write(
        [OpenRun(run(label="l")), call(2), call(1), AddOutcome(outcome()), call(1, "run_b")]
    )
    found = store.snapshot("run_a")
    assert found.run == store.find_run("run_a")
    assert [one.id for one in found.exchanges] == ["ex_run_a_2", "ex_run_a_1"]  # by number
    assert found.events == store.events("run_a")
    assert found.outcomes == [outcome()]
    with pytest.raises(RecordingNotFound):
        store.snapshot("run_c")


def test_a_batch_is_stored_as_a_whole_or_not_at_all(store: Store) -> None:
    store.write([call(1)])
    before = store.snapshot("run_a")
    bad = AddOutcome(outcome(evidence=None))
    batch: list[Write] = [
        call(2),
        call(3, "run_b"),
        OpenRun(run(label="new")),
        AddOutcome(outcome()),
        bad,
    ]
    with pytest.raises((StoreError, TypeError)):
        store.write(batch)
    assert store.snapshot("run_a") == before
    assert [row.run.id for row in store.runs(RunQuery())] == ["run_a"]
    store.write([call(2)])
    assert [found.seq for found in store.exchanges("run_a")] == [1, 2]


def test_deleting_a_run_leaves_the_others(store: Store) -> None:
    shared = Body(b'{"messages":[{"role":"system","content":"%s"}]}' % (b"same for all " * 900))
    for run_id in ("run_a", "run_b", "run_c"):
        store.write([call(n, run_id, request_body=shared, own=Own(group="g")) for n in (1, 2, 3)])
        store.write([AddOutcome(outcome(run_id))])
    kept = [store.snapshot("run_b"), store.snapshot("run_c")]
    store.delete_run("run_a")
    assert [store.snapshot("run_b"), store.snapshot("run_c")] == kept
    assert store.events("run_a") == []
    assert store.outcomes("run_a") == []
    with pytest.raises(RecordingNotFound):
        store.find_run("run_a")
    with pytest.raises(RecordingNotFound):
        store.exchange("ex_run_a_1")
    with pytest.raises(RecordingNotFound):
        store.delete_run("run_a")
    store.write([call(1, request_body=shared, own=Own(group="g"))])  # and it may come again
    assert store.exchange("ex_run_a_1").request_body == shared
    store.delete_run("run_b")
    store.delete_run("run_a")
    assert store.snapshot("run_c") == kept[1]


def test_gc_takes_what_is_old(store: Store) -> None:
    for age, run_id in enumerate(("r1", "r2", "r3", "r4")):
        label = "keep" if run_id == "r2" else "l"
        store.write([OpenRun(run(run_id, label=label)), call(age * 1000, run_id)])
    assert store.gc(before=START + 2500, label="l") == ["r1", "r3"]
    assert {row.run.id for row in store.runs(RunQuery())} == {"r2", "r4"}
    assert store.gc(before=START) == []
    assert store.gc(max_bytes=10**12) == []
    assert store.gc(max_bytes=0) == ["r2", "r4"]
    assert store.runs(RunQuery()) == []


def test_the_secret_is_the_stores_own(store: Store) -> None:
    assert len(store.secret()) == 32
    assert store.secret() == store.secret()
    with_another = open_store("memory:")
    assert with_another.secret() != store.secret()


def test_reading_goes_on_while_others_write(store: Store) -> None:
    """Readers in threads see whole batches only, and are not in the writer's way."""
    store.write([call(0), call(1)])
    wrong: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found = store.snapshot("run_a")
            if len(found.exchanges) % 2 or len(found.exchanges) != len(found.events):
                wrong.append(found)
            store.runs(RunQuery(text="chat"))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    iterator = store.exchanges("run_a")
    next(iterator)  # a reader that stops half way
    for number in range(2, 40, 2):
        store.write([call(number), call(number + 1)])
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(list(iterator)) >= 1
    store.checkpoint()


def test_size_says_what_is_there(store: Store) -> None:
    before = store.size()
    store.write([call(n, request_body=Body(bytes([n]) * 99 + b"x" * 40_000)) for n in range(9)])
    store.checkpoint()
    assert store.size().file > before.file
