"""The one thread that writes: redact, understand, commit in groups, then tell who waits.

Nothing here may hurt the traffic. The queue is bounded in bytes; what cannot be stored is dropped
and counted as a gap with its time and reason, so that answered = stored + gaps, exactly. Gaps
become rows of the store as soon as it can be written to again. Futures tell whether it was stored.
"""

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count, groupby
from typing import Any, Literal, Protocol

from proxy.core import pricing
from proxy.core.calls import Call
from proxy.core.mcp_streams import Streams
from proxy.core.model import Event, Exchange, Outcome, Run
from proxy.core.schemas import Book
from proxy.core.schemas.declared import WARN
from proxy.core.validators import Learned
from proxy.engine.embeddings import Embeddings
from proxy.engine.finished import Finished
from proxy.engine.loaded import load
from proxy.engine.placing import Placing
from proxy.engine.retries import Retries
from proxy.engine.understand import event_of, events_of, warning
from proxy.engine.untold import Untold
from proxy.errors import DashcamError, StoreError, StoreUnavailable
from proxy.stores._api import (
    AddEvent,
    AddExchange,
    AddGap,
    AddOutcome,
    CloseRun,
    Gap,
    OpenRun,
    Store,
    Write,
)

_log = logging.getLogger(__name__)

QUEUE_BYTES = 64 * 1024 * 1024
_BATCH_ITEMS = 256
_BATCH_BYTES = 4 * 1024 * 1024
# The lossy mode gives way to traffic: it writes when that pauses, or when much or old is queued.
_PAUSE = 0.05  # seconds
_OLD = 5.0  # seconds
_MUCH = QUEUE_BYTES // 4
_MOST_LEARNED = 5000  # tools whose schemas are remembered
_IDLE = 1.0  # seconds after which the store is tidied up, and told of gaps again
_GIVE_UP = 5.0  # seconds that a batch is tried again while the store is unavailable


class Redacts(Protocol):
    """What the writer asks of a redactor."""

    def exchange(self, exchange: Exchange) -> Exchange:
        """A copy without secrets."""

    def json(self, value: Any) -> Any:
        """A JSON-ready value without secrets."""


type Judge = Callable[[Run, list[Event], int | None, str], Outcome]


@dataclass(slots=True, eq=False)
class _Finished:
    tx: Finished
    size: int
    waiter: asyncio.Future[bool] | None
    since: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class _Plain:
    writes: tuple[Write, ...]
    waiter: asyncio.Future[bool] | None = None


@dataclass(slots=True)
class _Close:
    run_id: str
    ended_at: float
    exit_code: int | None
    ended_by: str
    waiter: asyncio.Future[bool] | None = None


@dataclass(slots=True)
class _Begun:
    """An exchange before it is forwarded, as it will stand if Dashcam ends before it does."""

    exchange: Exchange
    waiter: asyncio.Future[bool]


type _Item = _Begun | _Finished | _Plain | _Close | Literal["stop"]


@dataclass(slots=True)
class Counters:
    """What the writer has done; read by the API and by summaries."""

    stored: int = 0
    gaps: int = 0
    commits: int = 0
    queued_bytes: int = 0
    bytes: int = 0  # of all exchanges that came
    last_commit: float = 0.0
    asking: bool = False  # the store is being asked, or has not done what it was asked last
    trouble: str | None = None  # why what comes is not stored; None while it is
    recent: deque[Gap] = field(default_factory=lambda: deque(maxlen=100))


class Writer:
    """Owns the thread. `durability`: durable, strict or fast; `loop` is where waiters live."""

    def __init__(
        self,
        store: Store,
        redactor: Redacts,
        judge: Judge,
        *,
        loop: asyncio.AbstractEventLoop,
        durability: str = "durable",
        book: Book | None = None,
        prices: pricing.Overrides | None = None,
    ) -> None:
        self._store = store
        self._book = book
        self._prices = prices
        self._redactor = redactor
        self._judge = judge
        self._loop = loop
        self._durability = durability
        self._deadline = 0.0  # until when the store is asked again
        self._retries = Retries()
        self._bases: dict[str, int] = {}
        self._embeddings = Embeddings()
        self._streams = Streams()
        self.placing: Placing | None = None  # set before the thread starts
        self.learned: dict[str, Learned] = {}  # the schemas that tools' servers declare
        self._placeholders = count(-1, -1)  # where no event of a store is
        self._prepared = False
        self._untidy = False
        self._untold = Untold()  # what the store does not know of yet
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._heard = 0.0  # when the last exchange came
        self._awaited = 0  # items in the queue that somebody waits for
        self._hurry = threading.Event()  # set while there are such
        self.thread = threading.Thread(target=self._run, name="dashcam-writer", daemon=True)
        self._lock = threading.Lock()
        self.counters = Counters()

    @property
    def alive(self) -> bool:
        """Whether the thread is at work."""
        return self.thread.is_alive()

    @property
    def strict(self) -> bool:
        """Whether what cannot be recorded must not happen."""
        return self._durability == "strict"

    def start(self) -> None:
        """Starts the thread."""
        self.thread.start()

    def prepare(self) -> None:
        """Loads what the first exchange will need, once that is sent on: a model takes its time."""
        if not self._prepared:
            self._prepared = True
            self._loop.call_later(0.1, threading.Thread(target=load, daemon=True).start)

    def exchange(self, tx: Finished) -> asyncio.Future[bool] | None:
        """Takes a finished exchange; in durable mode returns what its answer waits for."""
        size = tx.size
        with self._lock:
            full = self.counters.queued_bytes + size > QUEUE_BYTES
            self.counters.bytes += size
            if not full:
                self.counters.queued_bytes += size
        if full:
            self._gap(f"the queue holds {QUEUE_BYTES >> 20} MiB")
            return self._refused() if self.strict else None
        waiter = self._loop.create_future() if self._durability != "fast" else None
        item = _Finished(tx, size, waiter)
        self._heard = item.since
        self._queue.put(item)
        return waiter

    def begin(self, exchange: Exchange) -> asyncio.Future[bool]:
        """Takes an exchange that is to be forwarded once it is stored, as interrupted."""
        if self.counters.queued_bytes > QUEUE_BYTES:
            return self._refused()
        waiter = self._loop.create_future()
        self._put_awaited(_Begun(exchange, waiter))
        return waiter

    def write(self, *writes: Write) -> asyncio.Future[bool]:
        """Writes that are not exchanges; the future is done once they are committed."""
        waiter = self._loop.create_future()
        self._put_awaited(_Plain(writes, waiter))
        return waiter

    def put(self, *writes: Write) -> None:
        """As `write`, with nobody waiting."""
        self._queue.put(_Plain(writes))

    def close_run(
        self, run_id: str, ended_at: float, *, exit_code: int | None = None, ended_by: str = "told"
    ) -> asyncio.Future[bool]:
        """Ends a run: judges it unless its caller already has, and closes it."""
        waiter = self._loop.create_future()
        self._put_awaited(_Close(run_id, ended_at, exit_code, ended_by, waiter))
        return waiter

    def stop(self, timeout: float = 30.0) -> None:
        """Writes what is queued and ends the thread."""
        self._put_awaited("stop")
        self.thread.join(timeout)

    def _put_awaited(self, item: _Item) -> None:
        with self._lock:
            self._awaited += 1
            self._hurry.set()
        self._queue.put(item)

    def _took(self, item: _Item) -> None:
        if isinstance(item, str) or (item.waiter is not None and not isinstance(item, _Finished)):
            with self._lock:
                self._awaited -= 1
                if not self._awaited:
                    self._hurry.clear()

    def _refused(self) -> asyncio.Future[bool]:
        waiter = self._loop.create_future()
        waiter.set_result(False)
        return waiter

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch, stopping = self._gather()
            self._store_batch(batch)

    def _gather(self) -> tuple[list[_Item], bool]:
        try:
            first = self._queue.get(timeout=_IDLE if self._untold or self._untidy else None)
        except queue.Empty:
            self._tell()
            self._tidy()
            return [], False
        self._took(first)
        if first == "stop":
            self._tell()
            return [], True
        batch: list[_Item] = [first]
        size = first.size if isinstance(first, _Finished) else 0
        if self._durability == "fast" and isinstance(first, _Finished):
            self._give_way(first.since + _OLD)
        while len(batch) < _BATCH_ITEMS and size < _BATCH_BYTES:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            self._took(item)
            if item == "stop":
                self._put_awaited(item)  # after this batch, and what it leaves to be told
                return batch, False
            if isinstance(item, _Finished):
                size += item.size
            batch.append(item)
        return batch, False

    def _give_way(self, until: float) -> None:
        """Waits for a pause of the traffic: it has better use for the processor."""
        while (
            self.counters.queued_bytes < _MUCH
            and (now := time.monotonic()) < until
            and now < self._heard + _PAUSE
            and not self._hurry.wait(self._heard + _PAUSE - now)
        ):
            pass

    def _store_batch(self, batch: list[_Item]) -> None:
        """Commits a batch; a run's close comes after what was queued before it."""
        for closes, items in groupby(batch, lambda item: isinstance(item, _Close)):
            group = list(items)
            self._deadline = time.monotonic() + _GIVE_UP
            if closes and self._untold:
                self._tell()  # of the run, it may be
            try:
                self._commit(group, self._closings(group) if closes else self._writes(group))
            except StoreError as error:
                _log.error("what came could not be stored: %s", error.message)
                self._lose(group, error.message)
            except Exception:  # noqa: BLE001 - the thread must live; the loss is counted
                _log.exception("the writer dropped what came")
                self._lose(group, "an internal error; see the log")

    def _writes(self, group: list[_Item]) -> list[Write]:
        writes: list[Write] = []
        for item in list(group):
            if isinstance(item, _Plain):
                for write in item.writes:
                    if isinstance(write, OpenRun):
                        self._base(write.run.id)
                writes.extend(self._clean(write) for write in item.writes)
            elif isinstance(item, _Finished | _Begun):
                try:
                    if isinstance(item, _Begun):
                        writes += self._begun(item.exchange)
                    else:
                        writes += self._exchange(item.tx)
                except Exception:  # noqa: BLE001 - one exchange must not cost the others
                    _log.exception("an exchange could not be prepared for the store")
                    group.remove(item)
                    self._lose([item], "it could not be prepared; see the log")
        if self.placing is not None:
            self.placing.told()
        return writes

    def _clean(self, write: Write) -> Write:
        """The same without secrets: a command line, a reason or a state may hold one."""
        json = self._redactor.json
        if isinstance(write, OpenRun):
            run = write.run
            return OpenRun(replace(run, label=json(run.label), metadata=json(run.metadata)))
        if isinstance(write, AddEvent):
            event = write.event
            return AddEvent(replace(event, name=json(event.name), data=json(event.data)))
        if isinstance(write, AddOutcome):
            said = write.outcome
            impact = json(said.user_impact)
            label, reason = json(said.label), json(said.reason)
            return AddOutcome(replace(said, label=label, reason=reason, user_impact=impact))
        return write

    def _exchange(self, tx: Finished) -> list[Write]:
        clean = self._cleaned(tx.build())
        opened: list[Write] = []

        def settle(call: Call, body: bytes) -> dict[str, Any]:
            told: dict[str, Any] = {}
            if self.placing is not None:
                run, by = self.placing.place(clean, tx.peer, call, body)
                opened.extend([run] if run else [])
                told = {"askedBy": by._asdict()} if by else {}
            self._retries.annotate(clean)
            return told | self._embeddings.note(clean, call)

        if len(self.learned) > _MOST_LEARNED:
            self.learned.clear()
        known, own = self.learned, (self._book, self._prices)
        event, *others = events_of(clean, known, settle, *own, streams=self._streams)
        if others:  # numbers of this batch only, which the store replaces with its own
            of = event.id = next(self._placeholders)
            for other in others:
                other.id = next(self._placeholders)
                if other.data.get("mode") == WARN:
                    _log.warning("%s", warning(other))
                if other.kind == "validation":
                    other.parent_event_id = of
                else:
                    of = other.id
        return [*opened, AddExchange(clean, event), *map(AddEvent, others)]

    def _begun(self, exchange: Exchange) -> list[Write]:
        clean = self._cleaned(exchange)
        return [AddExchange(clean, event_of(clean))]

    def _cleaned(self, exchange: Exchange) -> Exchange:
        exchange.durability = self._durability
        if exchange.seq:
            exchange.seq += self._base(exchange.run_id)
        return self._redactor.exchange(exchange)

    def _base(self, run_id: str) -> int:
        """Calls that earlier processes have stored for the run."""
        if run_id not in self._bases:
            self._bases[run_id] = self._patiently(lambda: self._store.last_seq(run_id))
        return self._bases[run_id]

    def _closings(self, group: list[_Item]) -> list[Write]:
        writes: list[Write] = []
        for item in [item for item in group if isinstance(item, _Close)]:
            try:
                writes += self._closing(item)
            except Exception as error:  # noqa: BLE001 - one run must not cost the others outcomes
                bug = not isinstance(error, DashcamError)
                _log.error("a run could not be judged: %s", error, exc_info=bug)
                group.remove(item)
                self._lose([item], "it could not be judged; see the log")
        return writes

    def _closing(self, item: _Close) -> list[Write]:
        self._bases.pop(item.run_id, None)
        if self.placing is not None:
            self.placing.forget(item.run_id)
        writes: list[Write] = [CloseRun(item.run_id, item.ended_at)]
        if not any(outcome.source == "caller" for outcome in self._store.outcomes(item.run_id)):
            run = replace(self._store.find_run(item.run_id), ended_at=item.ended_at)
            events = self._store.events(item.run_id)
            writes.append(AddOutcome(self._judge(run, events, item.exit_code, item.ended_by)))
        return writes

    def _commit(self, group: list[_Item], writes: list[Write]) -> None:
        if not writes:
            self._settle(group)
            return
        self._patiently(lambda: self._store.write(writes))
        self._untidy = True
        self.counters.commits += 1
        self.counters.last_commit = time.time()
        self.counters.trouble = None
        self._settle(group)

    def _patiently[T](self, act: Callable[[], T]) -> T:
        """What it returns; asked again while the store is unavailable. Raises StoreError."""
        pause, self.counters.asking = 0.01, True
        while True:
            try:
                found = act()
            except StoreError as error:
                self.counters.trouble = error.message
                if not isinstance(error, StoreUnavailable) or time.monotonic() >= self._deadline:
                    raise
            else:
                self.counters.asking = False
                return found
            time.sleep(pause)
            pause = min(pause * 2, 0.25)

    def _settle(self, group: list[_Item]) -> None:
        finished = [item for item in group if isinstance(item, _Finished)]
        with self._lock:
            self.counters.queued_bytes -= sum(item.size for item in finished)
            self.counters.stored += len(finished)
        self._wake(group, stored=True)
        if self._untold:
            self._tell()

    def _lose(self, group: list[_Item], reason: str) -> None:
        finished = [item for item in group if isinstance(item, _Finished)]
        with self._lock:
            self.counters.queued_bytes -= sum(item.size for item in finished)
            self._untold.add(w for item in group if isinstance(item, _Plain) for w in item.writes)
        for item in finished:
            self._gap(reason, time.monotonic() - item.since)
        self._wake(group, stored=False)

    def _gap(self, reason: str, waited: float = 0.0) -> None:
        now = time.time()
        with self._lock:
            self.counters.gaps += 1
            self.counters.recent.append(gap := Gap(now - waited, now, 1, reason))
            self._untold.add([AddGap(gap)])

    def _tell(self) -> None:
        """Writes down what is missing, if the store can take it now."""
        with self._lock:
            told = self._untold.take()
        if not told:
            return
        try:
            self._store.write([self._clean(write) for write in told])
            self.counters.trouble = None
        except Exception as error:  # noqa: BLE001 - whatever it is, they are still to be told
            self.counters.trouble = str(error)
            _log.warning("gaps are not written down yet: %s", error)
            with self._lock:
                self._untold.add(told, runs=isinstance(error, StoreUnavailable))

    def _tidy(self) -> None:
        """Nothing is to be written just now: the store may do what it puts off."""
        self._untidy = False
        try:
            self._store.checkpoint()
        except Exception as error:  # noqa: BLE001 - the thread must live
            _log.warning("the store was not tidied up: %s", error)

    def _wake(self, group: list[_Item], *, stored: bool) -> None:
        waiters = [
            item.waiter for item in group if not isinstance(item, str) and item.waiter is not None
        ]
        if waiters and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_resolve, waiters, stored)


def _resolve(waiters: list[asyncio.Future[bool]], stored: bool) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(stored)
