"""What every store does alike: how runs merge, what groups and counts are, who is found."""

from collections.abc import Sequence
from dataclasses import replace

from proxy.core.model import CALL_KINDS, FAILURE_MODES, Event, Exchange, Run
from proxy.errors import RecordingNotFound

UNNAMED = "run"  # the label of a run that nobody has named
TEXT = 512  # characters of a URL or reason that are searched
CHANGES = 1000  # events that `changes` gives at once
_DEPTH = 16


def opened(old: Run | None, new: Run) -> Run:
    """`new` merged into what is there. Ends and verdicts come by other ways."""
    if old is None:
        return replace(
            new,
            label=new.label or UNNAMED,
            correlation_id=new.correlation_id or new.id,
            metadata=dict(new.metadata),
            outcome=None,
            failure_mode=None,
        )
    known = new.correlation_id not in {"", new.id}
    return replace(
        old,
        label=new.label or old.label,
        correlation_id=new.correlation_id if known else old.correlation_id,
        started_at=min(old.started_at, new.started_at),
        ended_at=new.ended_at if new.ended_at is not None else old.ended_at,
        metadata={**old.metadata, **new.metadata},
    )


def made_of(run: Run) -> str | None:
    """The run that this one repeats, forks, or judges."""
    for name in ("parent", "judgeOf"):
        if isinstance(found := run.metadata.get(name), str):
            return found
    return None


def unannounced(run_id: str, started_at: float, exchange: Exchange | None = None) -> Run:
    """The run of a write that came before its run did."""
    own = exchange.own if exchange is not None else None
    return Run(
        run_id,
        (own.label if own else None) or UNNAMED,
        run_id,
        started_at,
        metadata=dict(own.meta) if own else {},
    )


def group_paths(path: str) -> list[str]:
    """The groups of a path from the outside in: `plan/retrieve` is in `plan`."""
    names = [name for name in path.split("/") if name]
    if len(names) > _DEPTH:
        names[_DEPTH - 1 :] = ["/".join(names[_DEPTH - 1 :])]
    return ["/".join(names[: depth + 1]) for depth in range(len(names))]


def group_event(run_id: str, path: str, started_at: float, parent: int | None) -> Event:
    """A group that was not there."""
    return Event(
        run_id, "group", group_name(path), started_at, data={"path": path}, parent_event_id=parent
    )


def group_name(path: str) -> str:
    """What a group is called inside its parent."""
    return path.rpartition("/")[2]


def end_of(event: Event, exchange: Exchange) -> float | None:
    """When a call ended; None when nobody saw it."""
    if event.ended_at is not None or exchange.ended_us is None:
        return event.ended_at
    return exchange.started_at + exchange.ended_us / 1_000_000


def counts_as_call(event: Event) -> bool:
    """Whether a run's `calls` has this event, which came without an exchange, in it."""
    return event.kind in CALL_KINDS


def searched(exchange: Exchange) -> list[str]:
    """What a run is found by because of this exchange."""
    texts = [exchange.request.url[:TEXT]]
    if exchange.error:
        texts.append(exchange.error[:TEXT])
    return texts


def outranks(source: str, earlier: Sequence[str]) -> bool:
    """Whether a verdict counts from now on: a caller's outranks the rules' for ever."""
    return source == "caller" or "caller" not in earlier


def has_outcome(run: Run, wanted: str) -> bool:
    """Whether a run is one of those that `RunQuery.outcome` asks for."""
    if wanted == "open":
        return run.outcome is None
    return (run.failure_mode if wanted in FAILURE_MODES else run.outcome) == wanted


def ambiguous(ref: str, ids: Sequence[str]) -> RecordingNotFound:
    """Several runs begin so."""
    shown = ", ".join(ids[:5]) + (" …" if len(ids) > 5 else "")  # noqa: PLR2004 - shown
    return RecordingNotFound(f"{ref!r} is the beginning of several runs", hint=f"one of {shown}")


def unknown(ref: str, ids: Sequence[str]) -> RecordingNotFound:
    """No run begins so; `ids` are the newest ones."""
    if not ids:
        return RecordingNotFound(
            f"no run {ref!r}: nothing has been recorded yet",
            hint="record with `dashcam run -- CMD`",
        )
    return RecordingNotFound(f"no run {ref!r}", hint=f"the newest are {', '.join(ids)}")
