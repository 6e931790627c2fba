"""A store in dictionaries: for tests, and for what is to be forgotten."""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

from proxy.core.model import End, Event, Exchange, Outcome, Run, RunRow, Snapshot
from proxy.errors import RecordingNotFound, StoreError
from proxy.stores import merging
from proxy.stores._api import (
    AddEvent,
    AddExchange,
    AddOutcome,
    CloseRun,
    OpenRun,
    Problem,
    RunQuery,
    Size,
    Write,
)


@dataclass(slots=True)
class _Held:
    """A run and what belongs to it. Verdicts of the run itself are kept in `run`."""

    run: Run
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    events: dict[int, Event] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)
    groups: dict[str, int] = field(default_factory=dict)
    event_of: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    errors: int = 0
    last_seq: int = 0
    active_at: float = 0.0


@dataclass(slots=True)
class _State:
    runs: dict[str, _Held] = field(default_factory=dict)
    last_event: int = 0


class MemoryStore:
    """See `proxy.stores._api.Store`. Gone with the process."""

    def __init__(self, url: str = "memory:") -> None:
        self.url = url
        self._secret = secrets.token_bytes(32)
        self._state = _State()
        self._lock = threading.RLock()

    # --- writing -----------------------------------------------------------------------------

    def write(self, batch: Sequence[Write]) -> None:
        """All of the batch or nothing."""
        with self._lock:
            touched = {_run_id(write) for write in batch}
            before = {run_id: deepcopy(self._state.runs.get(run_id)) for run_id in touched}
            last = self._state.last_event
            numbers: dict[tuple[str, int], int] = {}
            try:
                for write in batch:
                    self._apply(write, numbers)
            except BaseException:
                self._state.last_event = last
                for run_id, held in before.items():
                    self._state.runs.pop(run_id, None)
                    if held is not None:
                        self._state.runs[run_id] = held
                raise

    def _apply(self, write: Write, numbers: dict[tuple[str, int], int]) -> None:
        match write:
            case OpenRun(run):
                held = self._state.runs.get(run.id)
                merged = merging.opened(held.run if held else None, run)
                if held is None:
                    self._state.runs[run.id] = _Held(merged, active_at=run.started_at)
                else:
                    held.run = merged
            case AddExchange(exchange, event):
                self._add_exchange(exchange, event, numbers)
            case AddEvent(event):
                self._add_event(event, numbers)
            case AddOutcome(outcome):
                self._add_outcome(outcome, numbers)
            case CloseRun(run_id, ended_at):
                held = self._state.runs.get(run_id)
                if held is not None:
                    held.run = replace(held.run, ended_at=ended_at)
                    held.active_at = max(held.active_at, ended_at)

    def _held(self, run_id: str, started_at: float, exchange: Exchange | None = None) -> _Held:
        held = self._state.runs.get(run_id)
        if held is None:
            run = merging.unannounced(run_id, started_at, exchange)
            held = self._state.runs[run_id] = _Held(run, active_at=started_at)
        return held

    def _add_exchange(
        self, exchange: Exchange, event: Event, numbers: dict[tuple[str, int], int]
    ) -> None:
        before = next(
            (held for held in self._state.runs.values() if exchange.id in held.exchanges), None
        )
        earlier = before.exchanges[exchange.id] if before else None
        if before and earlier and earlier.end is not End.INTERRUPTED:
            if event.id is not None:
                numbers[event.run_id, event.id] = before.event_of[exchange.id]
            return
        held = self._held(exchange.run_id, exchange.started_at, exchange)
        if held.run.ended_at is not None and exchange.started_at > held.run.ended_at:
            held.run = replace(held.run, ended_at=None)
        seq = exchange.seq
        if before and earlier:
            seq = earlier.seq
            gone = before.events.pop(before.event_of.pop(exchange.id))
            del before.exchanges[exchange.id]
            before.calls -= 1
            before.errors -= gone.status == "error"
        seq = seq or held.last_seq + 1
        held.last_seq = max(held.last_seq, seq)
        ended_at = merging.end_of(event, exchange)
        parent = _parent(event, numbers)
        if exchange.own.group:
            parent = self._group(
                held, exchange.own.group, (event.started_at, ended_at), event.status, parent
            )
        data = {**event.data, "seq": seq, "exchangeId": exchange.id}
        held.event_of[exchange.id] = self._insert(
            held,
            replace(
                event,
                run_id=exchange.run_id,
                ended_at=ended_at,
                parent_event_id=parent,
                data=data,
            ),
            numbers,
        )
        held.exchanges[exchange.id] = replace(exchange, seq=seq)
        held.texts.update(merging.searched(exchange))
        _count(held, event.status, event.started_at if ended_at is None else ended_at)

    def _add_event(self, event: Event, numbers: dict[tuple[str, int], int]) -> None:
        held = self._held(event.run_id, event.started_at)
        at = event.started_at if event.ended_at is None else event.ended_at
        if event.kind == "group":
            parent = held.events.get(_parent(event, numbers) or 0)
            inner = f"{parent.data['path']}/{event.name}" if _is_group(parent) else event.name
            path = str(event.data.get("path") or inner)
            times = (event.started_at, event.ended_at)
            number = self._group(held, path, times, event.status, None)
            if number is not None:
                held.events[number].data.update(deepcopy(event.data), path=path)
                if event.id is not None:
                    numbers[event.run_id, event.id] = number
            held.active_at = max(held.active_at, at)
            return
        self._insert(held, replace(event, parent_event_id=_parent(event, numbers)), numbers)
        if merging.counts_as_call(event):
            _count(held, event.status, at)
        held.active_at = max(held.active_at, at)
