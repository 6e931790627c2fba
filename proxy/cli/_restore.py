"""A run out of a file, put back into a store as it was."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from proxy.cli._patience import patiently
from proxy.core.mcp_streams import Streams
from proxy.core.model import Event, Exchange, Snapshot
from proxy.core.outcomes import judge
from proxy.core.outcomes._api import Facts
from proxy.core.validators import Learned
from proxy.engine.understand import events_of
from proxy.stores._api import AddEvent, AddExchange, AddOutcome, CloseRun, OpenRun, Store, Write


def whole(snapshot: Snapshot, redact: Callable[[Exchange], Exchange]) -> Snapshot:
    """The snapshot without secrets, and with the timeline and verdict that other formats lack."""
    exchanges = [redact(exchange) for exchange in snapshot.exchanges]
    told = {event.data.get("exchangeId") for event in snapshot.events}
    free = count(max((event.id or 0 for event in snapshot.events), default=0) + 1)
    known = [
        event if event.id is not None else replace(event, id=next(free))
        for event in snapshot.events
    ]
    found = list(_found([one for one in exchanges if one.id not in told], free))
    events = [*known, *found]
    made = replace(snapshot, exchanges=exchanges, events=events)
    if found and not snapshot.outcomes and snapshot.run.ended_at is not None:
        verdict = judge(Facts(made.run, events), created_at=snapshot.run.ended_at)
        made.outcomes = [verdict]
    return made


def _found(exchanges: Sequence[Exchange], free: Iterator[int]) -> Iterator[Event]:
    """Each exchange's events, and below each what is wrong with its payloads."""
    learned: dict[str, Learned] = {}
    streams = Streams()
    for exchange in sorted(exchanges, key=_end):  # as they were told at first
        call: int | None = None
        for event in events_of(exchange, learned, streams=streams):
            event.id = next(free)
            if event.kind == "validation":
                event.parent_event_id = call
            else:
                call = event.id
            yield event


def _end(exchange: Exchange) -> float:
    return exchange.started_at + (exchange.ended_us or 0) / 1e6


def restore(store: Store, snapshot: Snapshot) -> None:
    """Writes a run in one transaction; the store gives its events numbers of its own."""
    run = snapshot.run
    exchanges = {exchange.id: exchange for exchange in snapshot.exchanges}
    batch: list[Write] = [OpenRun(run)]
    for event in _parents_first(snapshot.events):
        exchange = exchanges.get(event.data.get("exchangeId", ""))
        batch.append(AddEvent(event) if exchange is None else AddExchange(exchange, event))
    batch += [AddOutcome(outcome) for outcome in snapshot.outcomes]
    if run.ended_at is not None:
        batch.append(CloseRun(run.id, run.ended_at))
    patiently(lambda: store.write(batch))


def same(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots are of one run; the numbers of events are the store's own."""
    return _essence(one) == _essence(other)


def renamed(snapshot: Snapshot, number: int) -> Snapshot:
    """The same run under its id with `-number`, and its exchanges likewise."""

    def new(old: str) -> str:
        return f"{old}-{number}"

    own = {exchange.id for exchange in snapshot.exchanges}
    run_id = new(snapshot.run.id)

    def data(event: Event) -> dict[str, Any]:
        ids = [key for key in ("exchangeId", "exchange", "retryOf") if event.data.get(key) in own]
        return {**event.data, **{key: new(event.data[key]) for key in ids}}

    return Snapshot(
        run=replace(snapshot.run, id=run_id),
        exchanges=[
            replace(
                exchange,
                id=new(exchange.id),
                run_id=run_id,
                retry_of=new(exchange.retry_of) if exchange.retry_of in own else exchange.retry_of,
            )
            for exchange in snapshot.exchanges
        ],
        events=[replace(event, run_id=run_id, data=data(event)) for event in snapshot.events],
        outcomes=[replace(outcome, run_id=run_id) for outcome in snapshot.outcomes],
    )


def _parents_first(events: Sequence[Event]) -> Iterator[Event]:
    """Every event after the one it belongs to; in a ring of parents, one belongs to none."""
    waiting: dict[int | None, Event] = {event.id: event for event in events}
    order = sorted(events, key=lambda event: (event.started_at, event.data.get("seq") or 0))
    for event in order:
        line = []
        at: Event | None = event
        while at is not None and waiting.pop(at.id, None) is not None:
            line.append(at)
            at = None if at.parent_event_id is None else waiting.get(at.parent_event_id)
        yield from reversed(line)


def _essence(snapshot: Snapshot) -> tuple[Any, ...]:
    """All of a run that is not the store's own; the times of groups follow from their calls."""
    exchanges = sorted(snapshot.exchanges, key=lambda one: (one.seq, one.id))
    outcomes = [replace(outcome, evidence=()) for outcome in snapshot.outcomes]
    run = replace(snapshot.run, outcome=None, failure_mode=None)
    return run, exchanges, outcomes, sorted(_rows(snapshot.events))


def _rows(events: Sequence[Event]) -> Iterator[str]:
    by_id = {event.id: event for event in events if event.id is not None}
    for event in events:
        group = event.kind == "group"
        times = None if group else (event.started_at, event.ended_at)
        facts = [_path(event, by_id), event.kind, event.status, times, event.data]
        yield json.dumps(facts, sort_keys=True)


def _path(event: Event, by_id: Mapping[int, Event]) -> list[str]:
    """The names from the event up to the top, or around a ring once."""
    names, seen = [], set()
    at: Event | None = event
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        names.append(at.name)
        at = by_id.get(at.parent_event_id) if at.parent_event_id is not None else None
    return names
