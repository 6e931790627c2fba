import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, override

import pytest

from proxy.core.correlation import Peer
from proxy.core.model import (
    CALL_KINDS,
    Body,
    End,
    Exchange,
    Outcome,
    Own,
    RequestHead,
    ResponseHead,
    Run,
)
from proxy.core.redaction.redactor import Redactor
from proxy.core.schemas import Book, Declared
from proxy.engine import writer as writer_module
from proxy.engine.finished import Ready
from proxy.engine.recorder import Tx
from proxy.engine.writer import Writer
from proxy.errors import StoreError, StoreUnavailable
from proxy.stores import open_store
from proxy.stores._api import AddOutcome, OpenRun, RunQuery, Write
from proxy.stores.memory import MemoryStore
from tests.conformance.wire_samples import sample
from tests.engine.conftest import Plain, finished, make_writer

type MakeTx = Callable[..., Tx]


class Failing(MemoryStore):
    """Fails its writes as it is told; `gate` holds them until it is open."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__("memory:")
        self.errors = list(errors)
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[int] = []
        self.written = threading.Event()
        self.later: list[Any] = []

    def fail_after(self, writes: int, error: Exception) -> None:
        """The writes after so many more fail, once."""
        self.later = [writes, error]

    @override
    def write(self, batch: Sequence[Write]) -> None:
        assert self.gate.wait(10)
        self.batches.append(len(batch))
        if self.later and len(self.batches) > self.later[0]:
            error = self.later[1]
            self.later = []
            raise error
        if self.errors:
            raise self.errors.pop(0)
        super().write(batch)
        self.written.set()


async def test_an_exchange_is_stored_before_its_waiter_is_done(
    writer: Writer, store: MemoryStore, make_tx: MakeTx
) -> None:
    tx = make_tx()
    waiter = writer.exchange(tx)
    assert waiter is not None
    await waiter
    stored = store.exchange(tx.exchange.id)
    assert (stored.response_body.data, stored.durability) == (b"ok", "durable")
    assert writer.counters.stored == 1
    assert writer.counters.queued_bytes == 0


async def test_fast_waits_for_nobody_and_loses_nothing_on_stop(make_tx: MakeTx) -> None:
    store = MemoryStore("memory:")
    writer = make_writer(store, "fast")
    writer.start()
    made = [make_tx(seq=n) for n in range(1, 50)]
    assert [writer.exchange(tx) for tx in made] == [None] * 49
    await asyncio.to_thread(writer.stop)
    assert [exchange.seq for exchange in store.exchanges("r")] == list(range(1, 50))


async def test_fast_gives_way_to_traffic(make_tx: MakeTx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "_PAUSE", 3600.0)  # there is always more to come
    store = MemoryStore("memory:")
    writer = make_writer(store, "fast")
    writer.start()
    for number in range(1, 301):  # more than a batch
        writer.exchange(make_tx(seq=number))
    assert writer.counters.stored == 0
    await asyncio.wait_for(writer.write(), 60)  # somebody asks: all before it is written
    assert writer.counters.stored == 300


@pytest.mark.parametrize("limit", ["_OLD", "_MUCH"])
async def test_fast_gives_way_only_for_so_long_and_so_much(
    limit: str, make_tx: MakeTx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_PAUSE", 3600.0)
    monkeypatch.setattr(writer_module, limit, 0)
    store = Failing()
    writer = make_writer(store, "fast")
    writer.start()
    writer.exchange(make_tx(seq=1))
    await asyncio.wait_for(asyncio.to_thread(store.written.wait), 60)
    await asyncio.to_thread(writer.stop)
    assert writer.counters.stored == 1


async def test_what_queues_up_during_a_commit_is_one_commit(make_tx: MakeTx) -> None:
    store = Failing()
    store.gate.clear()
    writer = make_writer(store)
    writer.start()
    waiters = [writer.exchange(make_tx(seq=n)) for n in range(1, 41)]
    store.gate.set()
    await asyncio.gather(*[waiter for waiter in waiters if waiter is not None])
    await asyncio.to_thread(writer.stop)
    assert sum(store.batches) == 40
    assert len(store.batches) <= 3


async def test_a_store_that_comes_back_loses_nothing(make_tx: MakeTx) -> None:
    store = Failing(StoreUnavailable("locked"), StoreUnavailable("locked"))
    writer = make_writer(store)
    writer.start()
    waiter = writer.exchange(make_tx())
    assert waiter is not None
    await waiter
    await asyncio.to_thread(writer.stop)
    assert (writer.counters.stored, writer.counters.gaps) == (1, 0)


@pytest.mark.parametrize(
    "error", [StoreError("broken"), ValueError("a bug"), StoreUnavailable("full")]
)
async def test_answered_is_stored_plus_gaps(
    error: Exception, make_tx: MakeTx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_GIVE_UP", 0.0)
    store = Failing(error)
    writer = make_writer(store)
    writer.start()
    for number in (1, 2, 3):
        waiter = writer.exchange(make_tx(seq=number))
        assert waiter is not None
        await waiter
    await asyncio.to_thread(writer.stop)
    counters = writer.counters
    assert (counters.stored, counters.gaps) == (2, 1)
    assert counters.queued_bytes == 0
    assert counters.recent[0].reason


async def test_a_gap_begins_when_the_first_call_that_is_missing_came(
    make_tx: MakeTx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_GIVE_UP", 0.2)
    store = Failing(*[StoreUnavailable("locked")] * 6)
    writer = make_writer(store)
    writer.start()
    came = time.time()
    waiter = writer.exchange(make_tx(seq=1))
    assert waiter is not None
    assert not await waiter
    await asyncio.to_thread(writer.stop)
    (gap,) = store.gaps()
    assert gap.since - came < 0.1
    assert gap.until - came >= 0.2


async def test_an_error_after_a_commit_takes_nothing_back(make_tx: MakeTx) -> None:
    """What came together is stored in parts: what of it is stored is no gap, too."""
    store = Failing()
    store.fail_after(2, ValueError("a bug"))
    writer = make_writer(store)
    tx = make_tx(seq=1)
    first = writer.exchange(tx)
    ending = writer.close_run(tx.exchange.run_id, 9.0)
    other = writer.exchange(make_tx(seq=2))
    writer.start()
    assert first is not None
    assert other is not None
    assert [await first, await ending, await other] == [True, True, False]
    await asyncio.to_thread(writer.stop)
    counters = writer.counters
    assert (counters.stored, counters.gaps, counters.queued_bytes) == (1, 1, 0)


@pytest.mark.parametrize("failures", [2, 100])
async def test_a_store_that_cannot_be_read_is_asked_again(
    failures: int, make_tx: MakeTx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_GIVE_UP", 0.3 if failures == 2 else 0.0)
    store = Failing()
    errors = [StoreUnavailable("locked")] * failures

    def last_seq(_run: str) -> int:
        if errors:
            raise errors.pop()
        return 0

    monkeypatch.setattr(store, "last_seq", last_seq)
    writer = make_writer(store)
    writer.start()
    stored = await writer.write(OpenRun(Run("run_b", "", "", 1.0)))
    waiter = writer.exchange(make_tx(seq=1))
    assert waiter is not None
    answered = await waiter
    await asyncio.to_thread(writer.stop)
    assert (stored, answered) == ((True, True) if failures == 2 else (False, False))
    assert writer.counters.stored + writer.counters.gaps == 1


async def test_a_run_that_began_while_nothing_could_be_stored_is_known_later(
    make_tx: MakeTx, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer_module, "_GIVE_UP", 0.0)
    store = Failing(StoreUnavailable("full"))
    writer = make_writer(store)
    writer.start()
    assert not await writer.write(OpenRun(Run("run_b", "Support", "", 1.0)))
    assert await writer.close_run("run_b", 9.0)
    assert (store.find_run("run_b").label, store.find_run("run_b").ended_at) == ("Support", 9.0)
    assert len(store.outcomes("run_b")) == 1
    assert not await writer.close_run("run_c", 9.0)  # and one that never could be
    await asyncio.to_thread(writer.stop)
    assert "a run could not be judged: no run 'run_c'" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_full_queue_drops_and_counts(
    make_tx: MakeTx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "QUEUE_BYTES", 10_000)
    store = Failing()
    store.gate.clear()
    writer = make_writer(store)
    writer.start()
    waiters = [writer.exchange(make_tx(seq=n)) for n in range(1, 11)]
    store.gate.set()
    await asyncio.to_thread(writer.stop)
    kept = [waiter for waiter in waiters if waiter is not None]
    assert 0 < len(kept) < 10
    assert (writer.counters.stored, writer.counters.gaps) == (len(kept), 10 - len(kept))


async def test_one_exchange_that_cannot_be_prepared_costs_no_other(make_tx: MakeTx) -> None:
    class Broken(Plain):
        @override
        def exchange(self, exchange: Exchange) -> Exchange:
            if exchange.seq == 2:
                raise ValueError("cannot be read")
            return exchange

    store = Failing()
    store.gate.clear()
    writer = make_writer(store)
    writer._redactor = Broken()
    writer.start()
    waiters = [writer.exchange(make_tx(seq=n)) for n in (1, 2, 3)]
    store.gate.set()
    await asyncio.gather(*[waiter for waiter in waiters if waiter is not None])
    await asyncio.to_thread(writer.stop)
    assert [exchange.seq for exchange in store.exchanges("r")] == [1, 3]
    assert (writer.counters.stored, writer.counters.gaps) == (2, 1)


async def test_a_closed_run_is_judged_after_all_its_calls(
    writer: Writer, store: MemoryStore, make_tx: MakeTx
) -> None:
    writer.put(OpenRun(Run("r", "Support", "r", 1.0)))
    writer.exchange(make_tx(status=401))
    await writer.close_run("r", 9.0, exit_code=0, ended_by="exit")
    run = store.find_run("r")
    assert (run.outcome, run.failure_mode, run.ended_at) == ("Failed", "Tool Error", 9.0)


async def test_a_callers_outcome_is_not_judged_over(writer: Writer, store: MemoryStore) -> None:
    mine = Outcome("r", "a", "Completed", None, "fine", None, None, 5.0, source="caller")
    writer.put(OpenRun(Run("r", "a", "r", 1.0)), AddOutcome(mine))
    await writer.close_run("r", 9.0, exit_code=3, ended_by="exit")
    assert [outcome.source for outcome in store.outcomes("r")] == ["caller"]
    assert store.find_run("r").outcome == "Completed"


async def test_a_callers_outcome_keeps_no_secret(writer: Writer, store: MemoryStore) -> None:
    writer._redactor = Redactor(bytes(32))
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    mine = Outcome("r", secret, "Failed", "Tool Error", secret, None, secret, 5.0, source="caller")
    writer.put(OpenRun(Run("r", secret, "r", 1.0)), AddOutcome(mine))
    await writer.close_run("r", 9.0, exit_code=3, ended_by="exit")
    assert secret not in repr(store.outcomes("r"))
    assert store.outcomes("r")[0].label == store.find_run("r").label


async def test_runs_that_end_together_are_one_commit_and_one_that_fails_costs_no_other() -> None:
    store = Failing()
    writer = make_writer(store)
    judge = writer._judge

    def judges(run: Run, *rest: Any) -> Outcome:
        if run.id == "r3":
            raise ZeroDivisionError
        return judge(run, *rest)

    writer._judge = judges
    store.write([OpenRun(Run(f"r{n}", "agent", f"r{n}", 1.0)) for n in range(10)])
    store.batches.clear()
    ends = [writer.close_run(f"r{n}", 9.0) for n in range(10)]
    writer.start()
    assert await asyncio.gather(*ends) == [n != 3 for n in range(10)]
    assert store.batches == [18]
    await asyncio.to_thread(writer.stop)


async def test_numbers_go_on_where_an_earlier_process_stopped(
    store: MemoryStore, make_tx: MakeTx
) -> None:
    for _ in range(2):
        writer = make_writer(store)
        writer.start()
        writer.put(OpenRun(Run("r", "a", "r", 1.0)))
        for number in (1, 2):
            writer.exchange(make_tx(seq=number))
        await asyncio.to_thread(writer.stop)
    assert [exchange.seq for exchange in store.exchanges("r")] == [1, 2, 3, 4]


async def test_retries_are_numbered_on_the_way(
    writer: Writer, store: MemoryStore, make_tx: MakeTx
) -> None:
    first, again = make_tx(seq=1, end=End.UPSTREAM_RESET), make_tx(seq=2)
    again.exchange.request = first.exchange.request
    again.exchange.started_at = first.exchange.started_at + 1
    writer.exchange(first)
    waiter = writer.exchange(again)
    assert waiter is not None
    await waiter
    assert [exchange.attempt for exchange in store.exchanges("r")] == [1, 2]
    assert store.events("r")[1].data["retryReason"] == "upstream_reset"


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_validations_stand_below_the_call_they_are_of(kind: str, tmp_path: Path) -> None:
    """Two calls in one batch, each with its own."""
    store = open_store("memory:" if kind == "memory" else f"sqlite:///{tmp_path}/d.db")
    writer = make_writer(store)
    writer.start()
    waiter = None
    for number in (1, 2):
        head = RequestHead("GET", "https", "a.test", 443, f"/{number}")
        tx = Tx("r", number, "forward", "fast", head, Own(group="act"), Peer(), lambda _tx: None)
        tx.request_end()
        tx.response_head(ResponseHead(200, headers=((b"content-type", b"application/json"),)))
        tx.response_data(b'{"a": ')
        tx.finish(End.COMPLETE)
        waiter = writer.exchange(tx)
    assert waiter is not None
    await waiter
    await writer.close_run("r", 9e9)
    await asyncio.to_thread(writer.stop)
    events = store.events("r")
    calls = [event.id for event in events if event.kind in CALL_KINDS]
    found = [event for event in events if event.kind == "validation"]
    assert sorted(event.parent_event_id or 0 for event in found) == calls
    assert all(event.id is not None and event.id > 0 for event in events)
    assert store.runs(RunQuery())[0].calls == 2
    assert store.verify() == []
    store.close()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_each_turn_of_a_socket_is_stored(kind: str, tmp_path: Path) -> None:
    store = open_store("memory:" if kind == "memory" else f"sqlite:///{tmp_path}/d.db")
    writer = make_writer(store)
    writer.start()
    one = replace(sample("openai_responses/websocket").exchange, run_id="r", ended_us=10**6)
    waiter = writer.exchange(Ready(one))
    assert waiter is not None
    await waiter
    await writer.close_run("r", 9e9)
    await asyncio.to_thread(writer.stop)
    calls = {event.id: event for event in store.events("r") if event.kind == "llm_call"}
    assert [call.data["turn"] for call in calls.values()] == [1, 2, 3]
    for found in (event for event in store.events("r") if event.kind == "validation"):
        assert found.parent_event_id in calls
    assert store.runs(RunQuery())[0].calls == 3
    assert store.verify() == []
    store.close()


async def test_an_answer_on_a_stream_of_its_own_is_stored_as_the_tool_call() -> None:
    store = open_store("memory:")
    writer = make_writer(store)
    writer.start()
    head = RequestHead("POST", "http", "m.test", 80, "/messages/?session_id=1")
    asked = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}'
    post = Exchange("post", "r", 2, "forward", 11.0, head, Body(asked), ResponseHead(202))
    listening = Exchange(
        "stream",
        "r",
        1,
        "forward",
        10.0,
        RequestHead("GET", "http", "m.test", 80, "/sse"),
        response=ResponseHead(200, headers=((b"content-type", b"text/event-stream"),)),
        response_body=Body(
            b"event: endpoint\ndata: /messages/?session_id=1\n\n"
            b'data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n'
        ),
    )
    writer.exchange(Ready(post))
    waiter = writer.exchange(Ready(listening))
    assert waiter is not None
    await waiter
    await writer.close_run("r", 9e9)
    await asyncio.to_thread(writer.stop)
    (call,) = (event for event in store.events("r") if event.kind == "tool_call")
    assert (call.name, call.data["exchange"], call.data["stream"]) == (
        "mcp:m.test/t",
        "post",
        "stream",
    )
    assert call.data["call"]["output"] == {"content": []}
    assert store.verify() == []
    store.close()


async def test_the_store_is_tidied_up_once_when_nothing_is_to_be_written(
    make_tx: MakeTx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.engine.writer._IDLE", 0.01)
    store = MemoryStore("memory:")
    loop = asyncio.get_running_loop()
    tidied = asyncio.Event()
    count = 0

    def checkpoint() -> None:
        nonlocal count
        count += 1
        loop.call_soon_threadsafe(tidied.set)

    monkeypatch.setattr(store, "checkpoint", checkpoint)
    writer = make_writer(store)
    writer.start()
    waiter = writer.exchange(make_tx())
    assert waiter is not None
    assert await waiter
    async with asyncio.timeout(10):
        await tidied.wait()
    await asyncio.to_thread(writer.stop)
    assert count == 1


@pytest.mark.parametrize(("mode", "said"), [("observe", False), ("warn", True)])
async def test_a_breach_of_a_schema_that_warns_is_in_the_log(
    store: MemoryStore, caplog: pytest.LogCaptureFixture, mode: str, said: bool
) -> None:
    wanted = {"type": "object", "required": ["customerId"]}
    writer = make_writer(store)
    writer._book = Book([Declared("find", tool="1", mode=mode, responses={"2XX": wanted})])
    writer.start()
    waiter = writer.exchange(finished(body=b'{"customer_id":"7"}'))
    assert waiter is not None
    await waiter
    await asyncio.to_thread(writer.stop)
    found = next(event for event in store.events("r") if event.kind == "validation")
    assert found.data["mode"] == mode
    told = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert bool(told) is said
    if said:
        assert told[0].startswith("schema: find: $.customerId: `customerId` is missing; there is")
