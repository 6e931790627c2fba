"""A store in dictionaries: for tests, and for what is to be forgotten."""

import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

from proxy.core.chain import Checkpoint, Head
from proxy.core.model import End, Event, Exchange, Outcome, Run, RunRow, Snapshot
from proxy.core.outcomes import current_outcome
from proxy.errors import RecordingNotFound, StoreError
from proxy.stores import merging, sqlite_search
from proxy.stores._api import (
    AddEvent,
    AddExchange,
    AddGap,
    AddOutcome,
    CloseRun,
    Gap,
    OpenRun,
    Problem,
    Purge,
    RunQuery,
    Sealed,
    Size,
    Write,
)

type _Numbers = dict[tuple[str, int], int]  # an imported event's number, and its new one


@dataclass(slots=True)
class _Held:
    """A run and what belongs to it. Values are replaced, never changed: a batch may be undone."""

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

    def copy(self) -> "_Held":
        """The same values in containers of its own."""
        return replace(
            self,
            exchanges=dict(self.exchanges),
            events=dict(self.events),
            outcomes=list(self.outcomes),
            texts=set(self.texts),
            groups=dict(self.groups),
            event_of=dict(self.event_of),
        )

    def count(self, status: str, at: float) -> None:
        """A call more."""
        self.calls += 1
        self.errors += status == "error"
        self.active_at = max(self.active_at, at)


class MemoryStore:
    """See `proxy.stores._api.Store`. Gone with the process."""

    def __init__(self, url: str = "memory:") -> None:
        self.url = url
        self._secret = secrets.token_bytes(32)
        self._runs: dict[str, _Held] = {}
        self._run_of: dict[str, str] = {}  # by exchange
        self._last_event = 0
        self._gaps: list[Gap] = []
        self._purges: list[Purge] = []
        self._lock = threading.RLock()

    # --- writing -----------------------------------------------------------------------------

    def write(self, batch: Sequence[Write]) -> None:
        """All of the batch or nothing."""
        touched = {run_id for write in batch if (run_id := _run_id(write)) is not None}
        with self._lock:
            before = {run_id: held.copy() for run_id in touched if (held := self._runs.get(run_id))}
            known, last, gaps = dict(self._run_of), self._last_event, list(self._gaps)
            numbers: _Numbers = {}
            try:
                for write in batch:
                    self._apply(write, numbers)
            except BaseException:
                for run_id in touched:
                    self._runs.pop(run_id, None)
                self._runs.update(before)
                self._run_of, self._last_event, self._gaps = known, last, gaps
                raise

    def _apply(self, write: Write, numbers: _Numbers) -> None:
        match write:
            case OpenRun(run):
                held = self._runs.get(run.id)
                merged = merging.opened(held.run if held else None, run)
                if held is None:
                    self._runs[run.id] = _Held(merged, active_at=run.started_at)
                else:
                    held.run = merged
            case AddExchange(exchange, event):
                self._add_exchange(exchange, event, numbers)
            case AddEvent(event):
                self._add_event(event, numbers)
            case AddOutcome(outcome):
                self._add_outcome(outcome, numbers)
            case CloseRun(run_id, ended_at):
                held = self._runs.get(run_id)
                if held is not None:
                    held.run = replace(held.run, ended_at=ended_at)
                    held.active_at = max(held.active_at, ended_at)
            case AddGap(gap):
                self._gaps.append(gap)

    def _held(self, run_id: str, started_at: float, exchange: Exchange | None = None) -> _Held:
        held = self._runs.get(run_id)
        if held is None:
            run = merging.unannounced(run_id, started_at, exchange)
            held = self._runs[run_id] = _Held(run, active_at=started_at)
        return held

    def _add_exchange(self, exchange: Exchange, event: Event, numbers: _Numbers) -> None:
        held = self._held(exchange.run_id, exchange.started_at, exchange)
        seq = exchange.seq
        if exchange.id in self._run_of:
            before = self._runs[self._run_of[exchange.id]]
            earlier = before.exchanges[exchange.id]
            number = before.event_of[exchange.id]
            if earlier.end is not End.INTERRUPTED:
                _renumber(numbers, event, number)
                return
            seq = earlier.seq
            gone = before.events.pop(number)
            del before.exchanges[exchange.id]
            before.calls -= 1
            before.errors -= gone.status == "error"
        if held.run.ended_at is not None and exchange.started_at > held.run.ended_at:
            held.run = replace(held.run, ended_at=None)
        seq = seq or held.last_seq + 1
        held.last_seq = max(held.last_seq, seq)
        ended_at = merging.end_of(event, exchange)
        placed = replace(
            event,
            run_id=exchange.run_id,
            ended_at=ended_at,
            parent_event_id=_parent(event, numbers),
            data={**event.data, "seq": seq, "exchangeId": exchange.id},
        )
        if exchange.own.group:
            placed.parent_event_id = self._group(held, exchange.own.group, placed)
        held.event_of[exchange.id] = self._insert(held, placed, numbers)
        held.exchanges[exchange.id] = replace(exchange, seq=seq)
        self._run_of[exchange.id] = exchange.run_id
        held.texts.update(merging.searched(exchange))
        held.count(event.status, event.started_at if ended_at is None else ended_at)

    def _add_event(self, event: Event, numbers: _Numbers) -> None:
        held = self._held(event.run_id, event.started_at)
        at = event.started_at if event.ended_at is None else event.ended_at
        placed = replace(event, parent_event_id=_parent(event, numbers))
        if event.kind == "group":
            path = event.data.get("path") or self._path_below(held, placed)
            number = self._group(held, str(path), replace(placed, parent_event_id=None))
            if number is not None:
                _renumber(numbers, event, number)
                group = held.events[number]
                data = {**group.data, **event.data, "path": group.data["path"]}
                held.events[number] = replace(group, data=data)
        else:
            self._insert(held, placed, numbers)
        if merging.counts_as_call(event):
            held.count(event.status, at)
        held.active_at = max(held.active_at, at)

    def _insert(self, held: _Held, event: Event, numbers: _Numbers) -> int:
        self._last_event += 1
        _renumber(numbers, event, self._last_event)
        held.events[self._last_event] = replace(
            event, id=self._last_event, data=deepcopy(event.data)
        )
        return self._last_event

    def _group(self, held: _Held, path: str, inside: Event) -> int | None:
        """The number of the group `path`; it and those around it reach over `inside`."""
        parent = inside.parent_event_id
        for inner in merging.group_paths(path):
            number = held.groups.get(inner)
            if number is None:
                made = merging.group_event(inside.run_id, inner, inside.started_at, parent)
                number = held.groups[inner] = self._insert(held, made, {})
            group = held.events[number]
            ended, end = group.ended_at, inside.ended_at
            last = end is not None and (ended is None or ended <= end)
            held.events[number] = replace(
                group,
                started_at=min(group.started_at, inside.started_at),
                ended_at=end if last else ended,
                status=inside.status if last else group.status,
            )
            parent = number
        return parent

    @staticmethod
    def _path_below(held: _Held, event: Event) -> str:
        parent = held.events.get(event.parent_event_id or 0)
        outer = parent.data["path"] if parent is not None and parent.kind == "group" else None
        return f"{outer}/{event.name}" if outer else event.name

    def _add_outcome(self, outcome: Outcome, numbers: _Numbers) -> None:
        held = self._held(outcome.run_id, outcome.created_at)
        sources = [earlier.source for earlier in held.outcomes]
        evidence = tuple(numbers.get((outcome.run_id, at), at) for at in outcome.evidence)
        held.outcomes.append(replace(outcome, evidence=evidence))
        if merging.outranks(outcome.source, sources):
            held.run = replace(held.run, outcome=outcome.status, failure_mode=outcome.failure_mode)
        if outcome.reason:
            held.texts.add(outcome.reason[: merging.TEXT])

    # --- deleting ----------------------------------------------------------------------------

    def delete_run(self, run_id: str, *, reason: str = "deleted") -> None:
        """Forgets the run."""
        with self._lock:
            if run_id not in self._runs:
                raise RecordingNotFound(f"no run {run_id!r}")
            self._purges.append(Purge(len(self._purges) + 1, time.time(), 0, reason))
            for exchange_id in self._runs.pop(run_id).exchanges:
                del self._run_of[exchange_id]

    def gc(
        self,
        *,
        before: float | None = None,
        label: str | None = None,
        max_bytes: int | None = None,
        reason: str = "retention",
    ) -> list[str]:
        """Forgets runs, oldest first; the ids of those that went."""
        gone: list[str] = []
        with self._lock:
            for run_id, held in sorted(
                self._runs.items(), key=lambda item: (item[1].active_at, item[0])
            ):
                if max_bytes is not None and self.size().file <= max_bytes:
                    break
                old = before is None or held.active_at < before
                if old and label in {None, held.run.label}:
                    self.delete_run(run_id, reason=reason)
                    gone.append(run_id)
        return gone

    def checkpoint(self) -> None:
        """Nothing to tidy up."""

    def backup(self, path: Path) -> None:
        """There is nothing that could be copied."""
        raise StoreError(
            f"a store in memory cannot be copied to {path}", hint="use sqlite:///file.db"
        )

    def size(self) -> Size:
        """The bytes of all bodies."""
        with self._lock:
            bodies = [
                body
                for held in self._runs.values()
                for exchange in held.exchanges.values()
                for body in (exchange.request_body, exchange.response_body)
            ]
        return Size(sum(len(body.data) for body in bodies), 0, 0)

    # --- reading -----------------------------------------------------------------------------

    def secret(self) -> bytes:
        """32 random bytes made with the store."""
        return self._secret

    def find_run(self, ref: str) -> Run:
        """By id, `last`, or unique prefix."""
        with self._lock:
            if ref in self._runs:
                return deepcopy(self._runs[ref].run)
            newest = sorted(
                (held.run for held in self._runs.values()),
                key=lambda run: (run.started_at, run.id),
                reverse=True,
            )
            if ref == "last":
                found = newest[:1]
            else:
                found = [run for run in newest if ref and run.id.startswith(ref)]
            if not found:
                raise merging.unknown(ref, [run.id for run in newest[:3]])
            if len(found) > 1:
                raise merging.ambiguous(ref, sorted(run.id for run in found))
            return deepcopy(found[0])

    def runs(self, query: RunQuery) -> list[RunRow]:
        """Newest first."""
        with self._lock:
            found = [
                held
                for held in self._runs.values()
                if _wanted(held, query) and _said(held, query.search)
            ]
            found.sort(key=lambda held: (held.run.started_at, held.run.id), reverse=True)
            return [
                RunRow(deepcopy(held.run), held.calls, held.errors, _reason(held))
                for held in found[: query.limit]
            ]

    def events(self, run_id: str) -> list[Event]:
        """The timeline, by start."""
        with self._lock:
            held = self._runs.get(run_id)
            events = deepcopy(list(held.events.values())) if held else []
        return sorted(events, key=lambda event: (event.started_at, event.id))

    def exchange(self, exchange_id: str) -> Exchange:
        """One exchange."""
        with self._lock:
            if exchange_id not in self._run_of:
                raise RecordingNotFound(f"no exchange {exchange_id!r}")
            return replace(self._runs[self._run_of[exchange_id]].exchanges[exchange_id])

    def exchanges(self, run_id: str) -> Iterator[Exchange]:
        """All exchanges of a run by `seq`."""
        with self._lock:
            held = self._runs.get(run_id)
            found = list(held.exchanges.values()) if held else []
        for exchange in sorted(found, key=lambda exchange: (exchange.seq, exchange.id)):
            yield replace(exchange)

    def outcomes(self, run_id: str) -> list[Outcome]:
        """Every verdict, oldest first."""
        with self._lock:
            held = self._runs.get(run_id)
            return list(held.outcomes) if held else []

    def snapshot(self, run_id: str) -> Snapshot:
        """The whole run."""
        with self._lock:
            if run_id not in self._runs:
                raise RecordingNotFound(f"no run {run_id!r}")
            return Snapshot(
                deepcopy(self._runs[run_id].run),
                list(self.exchanges(run_id)),
                self.events(run_id),
                self.outcomes(run_id),
            )

    def last_seq(self, run_id: str) -> int:
        """The highest `seq` stored for the run, 0 when none."""
        with self._lock:
            held = self._runs.get(run_id)
            return held.last_seq if held else 0

    def changes(self, after: int) -> tuple[int, list[Event]]:
        """The next events above `after`, at most 1,000, and the mark to go on from."""
        with self._lock:
            if after < 0:
                return self._last_event, []
            found = sorted(
                (number, event)
                for held in self._runs.values()
                for number, event in held.events.items()
                if number > after
            )[: merging.CHANGES]
            return (found[-1][0] if found else after), [deepcopy(event) for _, event in found]

    def sealed(self) -> Sealed:
        """None: nothing of it is at rest."""
        return Sealed()

    def gaps(self) -> list[Gap]:
        """What could not be stored."""
        with self._lock:
            return sorted(self._gaps, key=lambda gap: gap.since)

    def purges(self) -> list[Purge]:
        """The runs that were deleted, in that order."""
        with self._lock:
            return list(self._purges)

    def head(self) -> Head:
        """There is no chain: what is in memory alone is no evidence."""
        raise StoreError("a store in memory keeps no chain", hint="use sqlite:///file.db")

    def verify(self, checkpoints: Sequence[Checkpoint] = ()) -> list[Problem]:
        """Nothing that is in memory alone can be damaged."""
        return [Problem("chain", "a store in memory keeps none")] if checkpoints else []

    def close(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._runs.clear()
            self._run_of.clear()


def _run_id(write: Write) -> str | None:
    match write:
        case OpenRun(run):
            return run.id
        case AddExchange(exchange, _):
            return exchange.run_id
        case AddEvent(event):
            return event.run_id
        case AddOutcome(outcome):
            return outcome.run_id
        case CloseRun(run_id, _):
            return run_id
        case AddGap():
            return None


def _renumber(numbers: _Numbers, event: Event, number: int) -> None:
    if event.id is not None:
        numbers[event.run_id, event.id] = number


def _parent(event: Event, numbers: _Numbers) -> int | None:
    """The parent's number here: an imported event comes with those of another store."""
    parent = event.parent_event_id
    if event.id is None or parent is None:
        return parent
    return numbers.get((event.run_id, parent))


def _reason(held: _Held) -> str | None:
    current = current_outcome(held.outcomes)
    return current.reason if current else None


def _said(held: _Held, search: str | None) -> bool:
    """Whether all words and phrases were said; nothing is kept for the next search."""
    if search is None:
        return True
    from proxy.core import said  # noqa: PLC0415 - slow to import

    wanted = sqlite_search.expression(search)
    if wanted is None:
        return False
    texts = dict.fromkeys(
        text
        for exchange in held.exchanges.values()
        if exchange.end is not End.INTERRUPTED
        for text in said.texts(exchange)
    )
    whole = "\n".join(texts).encode("utf-8", "replace").decode()
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(sqlite_search.TABLE)
        connection.execute("INSERT INTO said (rowid, text) VALUES (1, ?)", (whole,))
        found = connection.execute("SELECT 1 FROM said WHERE said MATCH ?", (wanted,)).fetchone()
    return found is not None


def _wanted(held: _Held, query: RunQuery) -> bool:
    run = held.run
    if query.label is not None and run.label != query.label:
        return False
    if query.outcome is not None and not merging.has_outcome(run, query.outcome):
        return False
    if query.since is not None and run.started_at < query.since:
        return False
    if query.until is not None and run.started_at >= query.until:
        return False
    if query.text is None:
        return True
    text = query.text.lower()
    return any(
        text in said.lower() for said in (run.id, run.label, run.correlation_id, *held.texts)
    )
