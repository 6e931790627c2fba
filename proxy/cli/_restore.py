"""A run out of a file, put back into a store as it was.

A store numbers its events itself and makes the groups of calls by their path, so the timeline goes
back in rounds: the calls, then what stands beside them from the top of the tree down, then the
outcomes, whose evidence is named by the new numbers.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from proxy.core.model import Event, Exchange, Snapshot
from proxy.core.outcomes import judge
from proxy.core.outcomes._api import Facts
from proxy.engine.understand import event_of
from proxy.stores._api import AddEvent, AddExchange, AddOutcome, CloseRun, OpenRun, Store, Write


def whole(snapshot: Snapshot, redact: Callable[[Exchange], Exchange]) -> Snapshot:
    """The snapshot without secrets, and with the timeline and verdict that other formats lack."""
    exchanges = [redact(exchange) for exchange in snapshot.exchanges]
    told = {event.data.get("exchangeId") for event in snapshot.events}
    found = [event_of(exchange) for exchange in exchanges if exchange.id not in told]
    made = replace(snapshot, exchanges=exchanges, events=[*snapshot.events, *found])
    if found and not snapshot.outcomes and snapshot.run.ended_at is not None:
        verdict = judge(Facts(made.run, made.events), created_at=snapshot.run.ended_at)
        made.outcomes = [verdict]
    return made


def restore(store: Store, snapshot: Snapshot) -> None:
    """Writes a run that the store does not have; all of it, or on an error nothing."""
    run = snapshot.run
    try:
        store.write(list(_calls(snapshot)))
        numbers = _others(store, snapshot)
        last: list[Write] = [
            AddOutcome(
                replace(
                    outcome,
                    evidence=tuple(numbers[at] for at in outcome.evidence if at in numbers),
                )
            )
            for outcome in snapshot.outcomes
        ]
        if run.ended_at is not None:
            last.append(CloseRun(run.id, run.ended_at))
        store.write(last)
    except BaseException:
        store.delete_run(run.id)
        raise


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
        ids = [key for key in ("exchangeId", "retryOf") if event.data.get(key) in own]
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


def _calls(snapshot: Snapshot) -> Iterator[Write]:
    rows = {event.data.get("exchangeId"): event for event in snapshot.events}
    yield OpenRun(snapshot.run)
    for exchange in sorted(snapshot.exchanges, key=lambda one: (one.seq, one.started_at)):
        yield AddExchange(exchange, replace(rows[exchange.id], id=None, parent_event_id=None))


def _others(store: Store, snapshot: Snapshot) -> dict[int, int]:
    """Writes the events that came without an exchange; new numbers of events by their old ones."""
    stored = store.events(snapshot.run.id)
    by_exchange = {event.data.get("exchangeId"): event.id for event in stored}
    by_path = {event.data.get("path"): event.id for event in stored if event.kind == "group"}
    known = {event.id for event in stored}
    numbers: dict[int | None, int | None] = {None: None}
    waiting = []
    for event in snapshot.events:
        where = by_path.get(event.data.get("path")) if event.kind == "group" else None
        found = by_exchange.get(event.data.get("exchangeId")) or where
        if found is None or found not in known:
            waiting.append(event)
        elif event.id is not None:
            numbers[event.id] = found
    there = {event.id for event in snapshot.events}
    while waiting:
        ready = [
            event
            for event in waiting
            if event.parent_event_id in numbers or event.parent_event_id not in there
        ] or waiting  # a ring of parents hangs on nothing
        store.write(
            [
                AddEvent(
                    replace(event, id=None, parent_event_id=numbers.get(event.parent_event_id))
                )
                for event in ready
            ]
        )
        new = [event for event in store.events(snapshot.run.id) if event.id not in known]
        new.sort(key=lambda event: event.id or 0)
        for old, event in zip(ready, new, strict=True):
            known.add(event.id)
            if old.id is not None:
                numbers[old.id] = event.id
        waiting = [event for event in waiting if event not in ready]
    return {old: new for old, new in numbers.items() if old is not None and new is not None}


def _essence(snapshot: Snapshot) -> tuple[Any, ...]:
    """All of a run that is not the store's own: what its groups' times are follows from its calls."""
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
