"""The engine: every way in asks it what to do with a request, and tells it what passed.

tx = engine.begin(head, peer, via=…, lane=…)
decision = engine.decide(tx) or, when tx.hold, await engine.decide_held(tx) once the body is in
tx.request_data(…) tx.response_head(…) tx.response_data(…)
waiter = tx.finish(End.…); await engine.settled(waiter); release the end of the answer
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from proxy.core.correlation import LATER, Peer, forwarded, read_own
from proxy.core.decisions import Decision, Forward, Refuse
from proxy.core.model import NO_OWN, End, Exchange, Own, RequestHead, Run
from proxy.engine import answers
from proxy.engine.clock import steady, ticks, wall
from proxy.engine.finished import Ready
from proxy.engine.gate import Gate
from proxy.engine.patience import BUDGET, LIMIT, Patience, busy
from proxy.engine.placing import Moved, Placing
from proxy.engine.recorder import Tx
from proxy.engine.router import Router
from proxy.engine.runs import RunBook
from proxy.engine.spare import Spare
from proxy.engine.tasks import spawn
from proxy.engine.upstream import Pool
from proxy.engine.writer import Writer
from proxy.stores._api import OpenRun

_log = logging.getLogger(__name__)
_SWEEP = 1.0


class Replays(Protocol):
    """What the engine asks of a replayer."""

    def wants(self, own: Own) -> bool:
        """Whether this request is to be answered from a recording."""

    def may_dial(self, host: str) -> bool:
        """Whether a connection that is not a request's own may go to `host`."""

    def decide_at_once(self, tx: Tx) -> Decision | None:
        """What `decide` would say, where that takes neither a file nor long; else None."""

    async def decide(self, tx: Tx) -> Decision:
        """Serve, Refuse (a miss), or Forward where the user allowed it by name."""


@dataclass(slots=True, frozen=True)
class Limits:
    """Seconds. `response` is how long an upstream may be silent in the middle of an exchange."""

    response: float = 600.0
    idle_run: float = 300.0


@dataclass(slots=True)
class Engine:
    """One per process."""

    runs: RunBook
    writer: Writer
    pool: Pool
    router: Router
    limits: Limits = Limits()
    replays: Replays | None = None
    gate: Gate | None = None  # None while no schema is enforced
    on_finish: list[Callable[[Exchange], None]] = field(default_factory=list)
    patience: Patience = field(init=False)
    _open: set[Tx] = field(default_factory=set)
    _sweeper: asyncio.Task[None] | None = None
    _spare: Spare = field(default_factory=Spare)

    def __post_init__(self) -> None:
        counters = self.writer.counters
        self.patience = Patience(
            lambda: counters.commits,
            lambda: counters.asking,
            self.writer.strict,
            partial(busy, self.writer.thread),
        )

    async def start(self) -> None:
        """Starts the writer and the sweeper."""
        # In strict mode a call is stored, in its run, before anybody can know what it says.
        if not self.writer.strict and any(name in LATER for name in self.runs.order):
            loop = asyncio.get_running_loop()
            self.writer.placing = Placing(
                self.runs.guessed,
                self.runs.order,
                partial(_soon, loop, self.runs),
            )
        self.writer.start()
        self._sweeper = spawn(self._sweep(), "sweeper")

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return bool(self._open)

    async def settle(self) -> None:
        """Returns once all that has ended is stored or a gap, and whoever waited for it knows."""
        await self.writer.write()
        await asyncio.sleep(0)

    def interrupt(self) -> None:
        """Ends what is open as interrupted; whoever was being answered is cut off after this."""
        for tx in list(self._open):
            tx.finish(End.INTERRUPTED, "Dashcam was stopped")

    async def stop(self) -> None:
        """Ends what is open as interrupted, closes every run, writes everything."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        self.interrupt()
        while self.runs.live:  # the writer may still be finding some
            runs = list(self.runs.live)
            await asyncio.gather(*[self.close_run(run_id, ended_by="stop") for run_id in runs])
        self.pool.close()
        await asyncio.get_running_loop().run_in_executor(None, self.writer.stop)

    def open_run(self, run: Run, *, group: str | None = None) -> None:
        """Announces a run; it stays open until it is closed by name. `group` is its first phase."""
        self.runs.open(run).group = group
        self.writer.put(OpenRun(run))

    def close_run(
        self, run_id: str, *, exit_code: int | None = None, ended_by: str = "told"
    ) -> asyncio.Future[bool]:
        """Ends a run; done when its outcome is stored."""
        self.runs.close(run_id)
        return self.writer.close_run(run_id, wall(), exit_code=exit_code, ended_by=ended_by)

    def begin(self, head: RequestHead, peer: Peer, *, via: str, lane: str) -> Tx:
        """A request's head has come in."""
        self.writer.prepare()
        headers = forwarded(head.headers)
        own = NO_OWN
        if headers is not head.headers:  # some of them were for us, or for the proxy hop
            own = read_own(head.headers)
            head = replace(head, headers=headers)
        joined = self.runs.join(head, own, peer)
        if joined.news is not None:
            self.writer.put(OpenRun(joined.news))
        if joined.live.group and own.group is None:
            own = replace(own, group=joined.live.group)
        tx = Tx(joined.live.run.id, joined.seq, via, lane, head, own, peer, self._finished)
        tx.hold = (
            self.writer.strict
            or (self.replays is not None and self.replays.wants(own))
            or (self.gate is not None and self.gate.holds(head, own))
        )
        self._open.add(tx)
        return tx

    def decide(self, tx: Tx) -> Decision:
        """What to do with a request that need not be held."""
        address = self.router.address(tx.exchange.request)
        if self.router.is_own(address):
            return self.loop_refused(tx)
        if why := self.router.barred(address):
            return answers.barred(tx.exchange.request, tx.request_bytes, why)
        return Forward(address)

    async def decide_held(self, tx: Tx) -> Decision:
        """What to do with a request that is whole; in strict mode it is stored before.

        What breaks an enforced schema is not sent. A recording answers as it was recorded.
        """
        if self.writer.strict and not await self._recordable(tx):
            return answers.unrecordable(tx.exchange.request, tx.request_bytes)
        if self.replays is None or not self.replays.wants(tx.exchange.own):
            decision: Decision = self.decide(tx)
        else:
            decision = await self.replays.decide(tx)
        gate, exchange = self.gate, tx.exchange
        if gate is None or not isinstance(decision, Forward):
            return decision
        if not gate.holds(exchange.request, exchange.own):  # it is held for another reason
            return decision
        return await gate.request(tx) or decision

    def decide_at_once(self, tx: Tx) -> Decision | None:
        """What `decide_held` would say, where that has not to be waited for; else None."""
        replays = self.replays
        if self.writer.strict or self.gate is not None or replays is None:
            return None
        if not replays.wants(tx.exchange.own):
            return self.decide(tx)
        try:
            return replays.decide_at_once(tx)
        except Exception:  # noqa: BLE001 - whoever waits for `decide_held` knows what to do then
            _log.exception("a replay could not decide")
            return None

    async def judged(self, tx: Tx) -> Refuse | None:
        """What a client gets in place of an answer that was held; None: that answer."""
        return None if self.gate is None or tx.withheld is None else await self.gate.answer(tx)

    async def _recordable(self, tx: Tx) -> bool:
        waiter = self.writer.begin(tx.begun())
        # A store that is known to be in trouble is asked, but nobody is kept waiting for it.
        most = LIMIT if self.writer.counters.trouble is None else BUDGET
        await asyncio.wait([waiter], timeout=most)
        return waiter.done() and waiter.result()

    def may_dial(self, host: str) -> bool:
        """Whether anything may be connected to `host`: in replay, only what was allowed by name."""
        return self.replays is None or self.replays.may_dial(host)

    def loop_refused(self, tx: Tx) -> Refuse:
        """A request to Dashcam's own port, through Dashcam."""
        where = tx.exchange.request.authority
        message = f"{where} is Dashcam itself: this request would go round in a circle"
        return answers.refused(tx.exchange.request, tx.request_bytes, 508, "loop", message)

    def failed(self, tx: Tx, end: End, message: str) -> Refuse:
        """The answer when the upstream could not be had."""
        return answers.failed(tx.exchange.request, tx.request_bytes, end, message)

    def add(self, exchange: Exchange) -> asyncio.Future[bool] | None:
        """Takes an exchange that is over and went another way: over stdio.

        Its run must be live, or in the store; it is numbered as the run's next call.
        """
        live = self.runs.live.get(exchange.run_id)
        if live is None:
            run_id = exchange.run_id
            live = self.runs.open(Run(run_id, self.runs.label, run_id, wall()), held=False)
        live.seq += 1
        exchange.seq = live.seq
        live.last_activity = steady()
        for hear in self.on_finish:
            hear(exchange)
        return self._watched(self.writer.exchange(Ready(exchange)))

    async def settled(self, waiter: asyncio.Future[bool] | None) -> bool:
        """Waits until the record is safe; whether the end of the answer may be released.

        A store that stands still holds nobody for long; in strict mode the answer is then not
        released at all.
        """
        if waiter is None:
            return True
        await waiter
        return self.may_release(waiter)

    def may_release(self, waiter: asyncio.Future[bool]) -> bool:
        """Whether an answer may end that has waited for its record."""
        return not self.writer.strict or (waiter.done() and waiter.result())

    def _finished(self, tx: Tx) -> asyncio.Future[bool] | None:
        self._open.discard(tx)
        tx.abort = None
        exchange = tx.exchange
        self.runs.leave(exchange.run_id)
        for hear in self.on_finish:
            hear(exchange)
        own = exchange.end is End.REFUSED
        return self._watched(self.writer.exchange(tx), own=own)

    def _watched(
        self, waiter: asyncio.Future[bool] | None, *, own: bool = False
    ) -> asyncio.Future[bool] | None:
        if waiter is not None:
            self.patience.watch(waiter, own=own)
        return waiter

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            self.sweep()
            if self._spare.is_due((self.writer.counters.bytes, len(self._open))):
                await asyncio.to_thread(self._spare.give_back)

    def sweep(self) -> None:
        """Stops exchanges whose upstream is silent for too long; closes runs that are idle."""
        before = ticks() - round(self.limits.response * 1e6)
        for tx in [tx for tx in self._open if tx.activity < before and tx.abort is not None]:
            tx.timed_out = f"no byte from the upstream for {self.limits.response:g} s"
            assert tx.abort is not None  # noqa: S101 - chosen for it above
            tx.abort()
        for run_id in self.runs.idle(self.limits.idle_run):
            self.close_run(run_id, ended_by="idle")


def _soon(loop: asyncio.AbstractEventLoop, runs: RunBook, moved: Sequence[Moved]) -> None:
    """Called in the writer's thread."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(_tell, runs, moved)


def _tell(runs: RunBook, moved: Sequence[Moved]) -> None:
    for one in moved:
        runs.moved(one.source, one.target)
