"""A recording that has what was missing, or that was made anew: what modes `new` and `all` keep."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from proxy.core.model import End, Event, Exchange, Outcome, Run, Snapshot

_NO_ANSWER: Final = frozenset((End.MISSED, End.REFUSED, End.CLIENT_INVALID))
_OF_A_REPLAY: Final = ("parent", "replayOf", "forkOf", "forkAt")


def anew(recorded: Snapshot, played: Snapshot) -> Snapshot:
    """What was played as the recording; its rules of what to ignore stay."""
    metadata = {key: value for key, value in played.run.metadata.items() if key not in _OF_A_REPLAY}
    if "ignore" in recorded.run.metadata:
        metadata["ignore"] = recorded.run.metadata["ignore"]
    return replace(played, run=replace(played.run, metadata=metadata))


def live_calls(played: Snapshot) -> list[Exchange]:
    """The exchanges that the world answered, in order."""
    live = [
        one for one in played.exchanges if one.served_from is None and one.end not in _NO_ANSWER
    ]
    return sorted(live, key=lambda one: one.seq)


def extended(recorded: Snapshot, played: Snapshot) -> Snapshot:
    """The recording with the calls that the world answered behind its own, and how it ended now.

    The recorded calls stay as they are. The outcome of the run that was played is the newest, and
    so the one that counts.
    """
    run = recorded.run
    last = max((one.seq for one in recorded.exchanges), default=0)
    added = {
        one.id: replace(one, run_id=run.id, seq=number)
        for number, one in enumerate(live_calls(played), last + 1)
    }
    first = max((event.id or 0 for event in recorded.events), default=0) + 1
    events = list(_events(played.events, run.id, added, first))
    ids = {old: event.id for old, event in events if old is not None and event.id is not None}
    outcomes = [_moved(one, run.id, ids) for one in played.outcomes]
    return Snapshot(
        _ended(run, played.run),
        [*recorded.exchanges, *added.values()],
        [*recorded.events, *(event for _, event in events)],
        [*recorded.outcomes, *outcomes],
    )


def _events(
    events: Sequence[Event], run_id: str, added: dict[str, Exchange], first: int
) -> Iterator[tuple[int | None, Event]]:
    """The events of the added calls and what hangs on them, each with the id it had."""
    ids: dict[int | None, int] = {}
    waiting = list(events)
    while True:
        found = [one for one in waiting if _exchange(one) in added or one.parent_event_id in ids]
        if not found:
            return
        waiting = [one for one in waiting if one not in found]
        for event in found:
            number = first + len(ids)
            if event.id is not None:
                ids[event.id] = number
            else:
                first += 1
            data: dict[str, Any] = dict(event.data)
            if (exchange := added.get(_exchange(event) or "")) is not None and "seq" in data:
                data["seq"] = exchange.seq
            parent = ids.get(event.parent_event_id) if event.parent_event_id is not None else None
            yield (
                event.id,
                replace(event, run_id=run_id, data=data, id=number, parent_event_id=parent),
            )


def _exchange(event: Event) -> str | None:
    found = event.data.get("exchangeId") or event.data.get("exchange")
    return found if isinstance(found, str) else None


def _moved(outcome: Outcome, run_id: str, ids: dict[int, int]) -> Outcome:
    evidence = tuple(ids[one] for one in outcome.evidence if one in ids)
    return replace(outcome, run_id=run_id, evidence=evidence)


def _ended(run: Run, played: Run) -> Run:
    metadata = dict(run.metadata)
    if "exitCode" in played.metadata:
        metadata["exitCode"] = played.metadata["exitCode"]
    return replace(
        run,
        ended_at=played.ended_at,
        outcome=played.outcome,
        failure_mode=played.failure_mode,
        metadata=metadata,
    )
