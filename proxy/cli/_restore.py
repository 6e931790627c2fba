"""A run out of a file, put back into a store as it was.

A store numbers its events itself and makes the groups of calls by their path, so the timeline goes
back in rounds: the calls, then what stands beside them from the top of the tree down, then the
outcomes, whose evidence is named by the new numbers.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from proxy.core.model import Event, Exchange, Outcome, Snapshot
from proxy.stores._api import AddEvent, AddExchange, AddOutcome, CloseRun, OpenRun, Store, Write


def restore(store: Store, snapshot: Snapshot) -> None:
    """Writes a run that the store does not have; whole, or not at all."""
    run = snapshot.run
    try:
        store.write(_calls(snapshot))
        numbers = _rounds(store, snapshot)
        last: list[Write] = [
            AddOutcome(_renumbered(outcome, numbers)) for outcome in snapshot.outcomes
        ]
        if run.ended_at is not None:
            last.append(CloseRun(run.id, run.ended_at))
        store.write(last)
    except BaseException:
        store.delete_run(run.id)
        raise


def same(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots are of one run; the numbers of events are the store's and do not count."""
    return (
        replace(one.run, metadata={}) == replace(other.run, metadata={})
        and one.run.metadata == other.run.metadata
        and sorted(one.exchanges, key=_place) == sorted(other.exchanges, key=_place)
        and _tree(one.events) == _tree(other.events)
        and [_plain(outcome) for outcome in one.outcomes]
        == [_plain(outcome) for outcome in other.outcomes]
    )


def renamed(snapshot: Snapshot, number: int) -> Snapshot:
    """The same run under its id with `-number`, and its exchanges likewise."""

    def new(old: str) -> str:
        return f"{old}-{number}"

    own = {exchange.id for exchange in snapshot.exchanges}
    run_id = new(snapshot.run.id)

    def data(event: Event) -> dict[str, Any]:
        ids = ("exchangeId", "retryOf")
        changed = {key: new(event.data[key]) for key in ids if event.data.get(key) in own}
        return {**event.data, **changed}

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
