"""A recording without the calls that its failure does not need.

The search is pure: it names calls to do without, and is told whether all was as before without
them. What was left out is said in the run's metadata, under `shrunk`.
"""

from collections.abc import Container, Generator, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from proxy.core.model import CALL_KINDS, Event, Run, Snapshot

KEY: Final = "shrunk"
_NUMBERED: Final = ("recovers", "follows")  # checks that name a call


class Dropped(NamedTuple):
    """A call that was left out; `asked` says that the command makes it, and does without."""

    seq: int
    step: str
    asked: bool


def needed(snapshot: Snapshot, wanted: dict[str, Any]) -> frozenset[int]:
    """The numbers of the calls that stay, whatever a replay shows.

    They are those that a check names, the evidence of an outcome, what a call that stays is a retry
    of, and what holds other calls of the timeline.
    """
    named = {
        value
        for name, value in wanted.items()
        if name in _NUMBERED and isinstance(value, int) and not isinstance(value, bool)
    }
    by_id = {event.id: event for event in snapshot.events}
    evidence = {number for outcome in snapshot.outcomes for number in outcome.evidence}
    held = {event.parent_event_id for event in snapshot.events if event.kind in CALL_KINDS}
    for event_id in evidence | held:
        at, seen = by_id.get(event_id), set[int]()
        while at is not None and id(at) not in seen:
            seen.add(id(at))
            if isinstance(number := at.data.get("seq"), int):
                named.add(number)
            at = None if at.parent_event_id is None else by_id.get(at.parent_event_id)
    retried = {exchange.retry_of for exchange in snapshot.exchanges}
    return frozenset(named | {one.seq for one in snapshot.exchanges if one.id in retried})


def search(numbers: Sequence[int]) -> Generator[frozenset[int], bool, frozenset[int]]:
    """Finds what can be done without: yields sets of calls, and is sent whether it goes without.

    The last calls are tried first, many at a time; where it does not go without them all, their
    halves are. Returns the largest set found.
    """
    gone: frozenset[int] = frozenset()
    waiting = [tuple(sorted(numbers, reverse=True))]
    while waiting:
        some = waiting.pop()
        if not some:
            continue
        if (yield gone | frozenset(some)):
            gone |= frozenset(some)
        elif len(some) > 1:
            half = len(some) // 2
            waiting += [some[half:], some[:half]]
    return gone


def without(snapshot: Snapshot, dropped: Sequence[Dropped]) -> Snapshot:
    """The recording without some calls, and with a word about them; all others keep their numbers.

    What hangs on a dropped call's event in the timeline (validations) goes with it.
    """
    numbers = {one.seq for one in dropped}
    kept = [one for one in snapshot.exchanges if one.seq not in numbers]
    ids = {one.id for one in snapshot.exchanges if one.seq in numbers}
    gone = {event.id for event in snapshot.events if _of(event, ids)}
    events = [event for event in snapshot.events if not _of(event, ids)]
    while hanging := [event for event in events if event.parent_event_id in gone - {None}]:
        gone |= {event.id for event in hanging}
        events = [event for event in events if event.parent_event_id not in gone - {None}]
    told = [one._asdict() for one in sorted(dropped)]
    metadata = {**snapshot.run.metadata, KEY: {"calls": len(snapshot.exchanges), "dropped": told}}
    run = replace(snapshot.run, metadata=metadata)
    return replace(snapshot, run=run, exchanges=kept, events=events)


def _of(event: Event, ids: Container[object]) -> bool:
    return event.data.get("exchangeId") in ids or event.data.get("exchange") in ids


def left_out(run: Run) -> list[str]:
    """The steps of the calls that a shrunk recording lacks though they are made, one for each."""
    told = run.metadata.get(KEY)
    found = told.get("dropped") if isinstance(told, dict) else None
    rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [str(one["step"]) for one in rows if one.get("asked") is True and "step" in one]
