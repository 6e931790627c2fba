import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import override

import pytest

from proxy.core.correlation import WITNESSES, Peer
from proxy.core.decisions import Decision, Forward, Refuse
from proxy.core.model import End, Own, RequestHead, Run
from proxy.engine import engine as engine_module
from proxy.engine import patience
from proxy.engine.engine import Engine, Limits
from proxy.engine.recorder import Tx
from proxy.engine.router import Router
from proxy.engine.runs import RunBook
from proxy.engine.upstream import Pool
from proxy.stores._api import Write
from proxy.stores.memory import MemoryStore
from tests.engine.conftest import make_writer

HEAD = RequestHead("GET", "https", "a.test", 443, "/")
PEER = Peer("203.0.113.1:5", connection="c")


class Stuck(MemoryStore):
    """Writes nothing until its gate is open."""

    def __init__(self) -> None:
        super().__init__("memory:")
        self.gate = threading.Event()

    @override
    def write(self, batch: Sequence[Write]) -> None:
        assert self.gate.wait(10)
        super().write(batch)


def make_engine(store: MemoryStore, limits: Limits | None = None) -> Engine:
    book = RunBook(order=tuple(WITNESSES))
    return Engine(book, make_writer(store), Pool(), Router.of({}), limits or Limits())


@pytest.fixture
async def engine(store: MemoryStore) -> AsyncIterator[Engine]:
    made = make_engine(store)
    await made.start()
    yield made
    await made.stop()


def with_headers(*headers: tuple[bytes, bytes]) -> RequestHead:
    return RequestHead("GET", "https", "a.test", 443, "/", "HTTP/1.1", headers)


async def test_a_request_is_numbered_in_its_run_and_kept(
    engine: Engine, store: MemoryStore
) -> None:
    head = with_headers((b"Dashcam-Run", b"r1"), (b"Dashcam-Label", b"Support"))
    for number in (1, 2):
        tx = engine.begin(head, PEER, via="forward", lane="fast")
        assert (tx.exchange.run_id, tx.exchange.seq, tx.hold) == ("r1", number, False)
        await engine.settled(tx.finish(End.COMPLETE))
    assert [exchange.seq for exchange in store.exchanges("r1")] == [1, 2]
    assert store.find_run("r1").label == "Support"


async def test_forwarding_goes_to_the_requests_host(engine: Engine) -> None:
    tx = engine.begin(HEAD, PEER, via="forward", lane="fast")
    decision = engine.decide(tx)
    assert isinstance(decision, Forward)
    assert (decision.address.host, decision.address.port) == ("a.test", 443)


async def test_dashcams_own_port_is_refused(engine: Engine) -> None:
    engine.router.own_ports.add(8080)
    head = RequestHead("GET", "http", "127.0.0.1", 8080, "/")
    decision = engine.decide(engine.begin(head, PEER, via="forward", lane="fast"))
    assert isinstance(decision, Refuse)
    assert decision.status == 508


async def test_a_runs_group_holds_for_calls_that_name_none(engine: Engine) -> None:
    engine.open_run(Run("r1", "a", "r1", 1.0), group="plan")
    first = engine.begin(with_headers((b"Dashcam-Run", b"r1")), PEER, via="forward", lane="")
    named = engine.begin(
        with_headers((b"Dashcam-Run", b"r1"), (b"Dashcam-Group", b"execute")),
        PEER,
        via="forward",
        lane="",
    )
    assert (first.exchange.own.group, named.exchange.own.group) == ("plan", "execute")


async def test_stopping_ends_what_is_open_and_closes_every_run(store: MemoryStore) -> None:
    engine = make_engine(store)
    await engine.start()
    tx = engine.begin(with_headers((b"Dashcam-Run", b"r1")), PEER, via="forward", lane="fast")
    await engine.stop()
    assert store.exchange(tx.exchange.id).end is End.INTERRUPTED
    assert store.find_run("r1").ended_at is not None
    assert store.find_run("r1").outcome is not None


@pytest.mark.parametrize(("commits", "limit"), [(1, 60.0), (0, 0.05)])
async def test_a_store_that_stands_still_holds_no_answer_for_long(
    commits: int, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BUDGET", 0.01)
    monkeypatch.setattr(patience, "LIMIT", limit)  # what the first commit may take
    store = Stuck()
    engine = make_engine(store)
    await engine.start()
    engine.writer.counters.commits = commits
    tx = engine.begin(HEAD, PEER, via="forward", lane="fast")
    waiter = tx.finish(End.COMPLETE)
    assert waiter is not None
    assert await engine.settled(waiter)
    assert not waiter.result()
    store.gate.set()
    await engine.stop()
    assert store.exchange(tx.exchange.id).end is End.COMPLETE


async def test_a_silent_upstream_is_aborted_and_an_idle_run_closed(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000_000_000]
    monkeypatch.setattr(engine_module, "ticks", lambda: now[0])
    engine = make_engine(store, Limits(response=10.0, idle_run=0.0))
    await engine.start()
    aborted = asyncio.Event()
    silent = engine.begin(with_headers((b"Dashcam-Run", b"r1")), PEER, via="forward", lane="fast")
    silent.abort = aborted.set
    silent.activity = now[0] - 9_000_000
    engine.sweep()
    assert not aborted.is_set()
    now[0] += 2_000_000
    engine.sweep()
    assert aborted.is_set()
    assert "10 s" in (silent.timed_out or "")
    silent.finish(End.UPSTREAM_TIMEOUT, silent.timed_out)
    engine.sweep()
    await engine.stop()
    assert store.find_run("r1").failure_mode == "Timeout"


class Replays:
    """A replayer that answers nothing and allows one host."""

    def wants(self, own: Own) -> bool:
        return own.replay is not None

    def may_dial(self, host: str) -> bool:
        return host == "live.test"

    def decide_at_once(self, tx: Tx) -> Decision | None:
        if tx.exchange.request.target == "/odd":
            raise ValueError("odd")
        return None if tx.exchange.request.target == "/slow" else MISSED

    async def decide(self, tx: Tx) -> Decision:
        return MISSED


MISSED = Refuse(424, (), b"", "replay-miss")


async def test_a_replay_holds_what_it_answers_and_dials_only_what_is_allowed(
    engine: Engine,
) -> None:
    asked = with_headers((b"Dashcam-Replay", b"last"))
    assert engine.may_dial("anything.test")
    assert not engine.begin(asked, PEER, via="forward", lane="fast").hold
    engine.replays = Replays()
    tx = engine.begin(asked, PEER, via="forward", lane="fast")
    assert tx.hold
    assert await engine.decide_held(tx) is MISSED
    assert not engine.begin(HEAD, PEER, via="forward", lane="fast").hold
    assert (engine.may_dial("live.test"), engine.may_dial("a.test")) == (True, False)


async def test_what_a_replay_can_say_at_once_is_not_waited_for(engine: Engine) -> None:
    asked = with_headers((b"Dashcam-Replay", b"last"))
    live, engine.replays = engine.begin(HEAD, PEER, via="forward", lane="fast"), Replays()
    said = {}
    for target in ("/", "/slow", "/odd"):
        tx = engine.begin(replace(asked, target=target), PEER, via="forward", lane="fast")
        said[target] = engine.decide_at_once(tx)
        assert await engine.decide_held(tx) is MISSED
    assert said == {"/": MISSED, "/slow": None, "/odd": None}
    assert isinstance(engine.decide_at_once(live), Forward)


async def test_whoever_listens_hears_of_every_end(engine: Engine) -> None:
    heard: list[End] = []
    engine.on_finish.append(lambda exchange: heard.append(exchange.end))
    for end in (End.COMPLETE, End.CLIENT_GONE):
        engine.begin(HEAD, PEER, via="forward", lane="fast").finish(end)
    assert heard == [End.COMPLETE, End.CLIENT_GONE]
