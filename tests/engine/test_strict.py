"""Strict mode: a call that cannot be recorded is not made, an answer that was not is not given."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import override

import pytest

from proxy.core.correlation import Peer
from proxy.core.decisions import Forward, Refuse
from proxy.core.model import End, RequestHead, ResponseHead
from proxy.engine import engine as engine_module
from proxy.engine.engine import Engine
from proxy.engine.recorder import Tx
from proxy.engine.router import Router
from proxy.engine.runs import RunBook
from proxy.engine.upstream import Pool
from proxy.errors import StoreError, StoreUnavailable
from proxy.stores._api import AddGap, Write
from proxy.stores.memory import MemoryStore
from tests.engine.conftest import make_writer

POST = RequestHead("POST", "https", "a.test", 443, "/v1")


class Failing(MemoryStore):
    """Refuses to write while `broken`."""

    broken = False
    unavailable = False

    @override
    def write(self, batch: Sequence[Write]) -> None:
        if self.unavailable:
            raise StoreUnavailable("locked")
        if self.broken:
            raise StoreError("no space left on the device")
        super().write(batch)


@pytest.fixture
def failing() -> Failing:
    return Failing("memory:")


@pytest.fixture
async def strict(failing: Failing) -> AsyncIterator[Engine]:
    engine = Engine(RunBook(order=()), make_writer(failing, "strict"), Pool(), Router.of({}))
    await engine.start()
    yield engine
    await engine.stop()


def begin(engine: Engine) -> Tx:
    tx = engine.begin(POST, Peer("203.0.113.1:5"), via="forward", lane="fast")
    tx.request_data(b"{}")
    tx.request_end()
    return tx


async def test_a_call_is_stored_as_interrupted_before_it_is_forwarded(
    strict: Engine, failing: Failing
) -> None:
    tx = begin(strict)
    assert tx.hold
    assert isinstance(await strict.decide_held(tx), Forward)
    begun = failing.exchange(tx.exchange.id)
    assert (begun.end, begun.durability, begun.request_body.data) == (
        End.INTERRUPTED,
        "strict",
        b"{}",
    )
    tx.response_head(ResponseHead(200))
    tx.response_data(b"ok")
    assert await strict.settled(tx.finish(End.COMPLETE))
    (stored,) = failing.exchanges(tx.exchange.run_id)
    assert (stored.end, stored.seq, stored.response_body.data) == (End.COMPLETE, 1, b"ok")
    assert len(failing.events(tx.exchange.run_id)) == 1


async def test_what_cannot_be_recorded_is_not_made(strict: Engine, failing: Failing) -> None:
    failing.broken = True
    refusal = await strict.decide_held(begin(strict))
    assert isinstance(refusal, Refuse)
    assert (refusal.status, refusal.reason, refusal.end) == (
        503,
        "recording_unavailable",
        End.REFUSED,
    )
    assert (b"retry-after", b"5") in refusal.headers
    failing.broken = False
    assert isinstance(await strict.decide_held(begin(strict)), Forward)


async def test_an_answer_whose_record_failed_is_not_released(
    strict: Engine, failing: Failing
) -> None:
    tx = begin(strict)
    assert isinstance(await strict.decide_held(tx), Forward)
    failing.broken = True
    assert not await strict.settled(tx.finish(End.COMPLETE))
    assert failing.exchange(tx.exchange.id).end is End.INTERRUPTED
    failing.broken = False


async def test_nobody_waits_long_for_a_store_that_is_in_trouble(
    strict: Engine, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "LIMIT", 60.0)
    failing.unavailable = True
    strict.writer.counters.trouble = "locked"
    async with asyncio.timeout(20):
        assert isinstance(await strict.decide_held(begin(strict)), Refuse)
    failing.unavailable = False
    while not isinstance(await strict.decide_held(begin(strict)), Forward):
        assert strict.writer.counters.trouble  # it is asked again meanwhile


async def test_a_full_queue_refuses_too(strict: Engine) -> None:
    strict.writer.counters.queued_bytes = 1 << 40
    assert isinstance(await strict.decide_held(begin(strict)), Refuse)
    strict.writer.counters.queued_bytes = 0


async def test_gaps_are_told_when_the_store_is_back(failing: Failing) -> None:
    engine = Engine(RunBook(order=()), make_writer(failing), Pool(), Router.of({}))
    await engine.start()
    failing.broken = True
    for _ in range(3):
        assert await engine.settled(begin(engine).finish(End.COMPLETE))  # durable lets it pass
    failing.broken = False
    assert await engine.settled(begin(engine).finish(End.COMPLETE))
    await engine.stop()
    (gap,) = failing.gaps()
    assert (gap.calls, gap.reason) == (3, "no space left on the device")
    assert gap.since <= gap.until
    assert engine.writer.counters.stored + engine.writer.counters.gaps == 4


async def test_gaps_are_told_without_another_call(
    failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.engine.writer._IDLE", 0.01)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    write = failing.write

    def watched(batch: Sequence[Write]) -> None:
        write(batch)
        if any(isinstance(one, AddGap) for one in batch):
            loop.call_soon_threadsafe(told.set)

    monkeypatch.setattr(failing, "write", watched)
    engine = Engine(RunBook(order=()), make_writer(failing), Pool(), Router.of({}))
    await engine.start()
    failing.broken = True
    assert await engine.settled(begin(engine).finish(End.COMPLETE))
    failing.broken = False
    async with asyncio.timeout(10):
        await told.wait()
    assert [gap.calls for gap in failing.gaps()] == [1]
    await engine.stop()
