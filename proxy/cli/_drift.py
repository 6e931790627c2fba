"""Where the world has drifted from a recording: what live calls show that recorded ones do not."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, override

from proxy.cli.diff import align
from proxy.core.diff import changes
from proxy.core.matching.trees import Normaliser, RoundedError
from proxy.core.model import Event

_ALWAYS: Final = frozenset(("status", "end"))
_TOLD: Final = 3  # differences in the content of one answer


class Drift(NamedTuple):
    """One thing that is not as recorded. `what` is new, gone, status, end, shape or content.

    `seq` is the recorded call's number, None for a call that is new.
    """

    what: str
    seq: int | None
    step: str
    recorded: Any = None
    live: Any = None
    path: str | None = None

    @property
    def fails(self) -> bool:
        """Whether it is more than other content in the same shape."""
        return self.what != "content"

    @override
    def __str__(self) -> str:
        if self.what == "new":
            return f"a new call: {self.step}"
        if self.what == "gone":
            return f"recorded call {self.seq} is gone: {self.step}"
        where = f"call {self.seq}, {self.step}"
        if self.what == "content":
            return f"{where}: {self.path} was {self.recorded} and is {self.live}"
        what = "the answer" if self.what == "shape" else self.what
        return f"{where}: {what} was {self.recorded} and is {self.live}"


def drift(recorded: Sequence[Event], live: Sequence[Event]) -> Iterator[Drift]:
    """Calls that are new or gone, and those that answer otherwise: status, end, shape, content.

    What a model says may differ; of what it is asked only the status and the end count.
    """
    for pair in align(recorded, live):
        if pair.before is None:
            yield Drift("new", None, pair.step)
        elif pair.after is None:
            yield Drift("gone", _seq(pair.before), pair.step)
        else:
            seq = _seq(pair.before)
            for change in pair.changes:
                if change.what in _ALWAYS:
                    yield Drift(change.what, seq, pair.step, change.before, change.after)
            yield from _answers(seq, pair.step, pair.before, pair.after)


def _seq(event: Event) -> int | None:
    found = event.data.get("seq")
    return found if isinstance(found, int) else None


def _answers(seq: int | None, step: str, before: Event, after: Event) -> Iterator[Drift]:
    if before.kind == "llm_call":
        return
    was, now = ((event.data.get("call") or {}).get("output") for event in (before, after))
    if shape(was) != shape(now):
        yield Drift("shape", seq, step, shape(was), shape(now))
        return
    for found in changes(_plain(was), _plain(now), limit=_TOLD):
        yield Drift("content", seq, step, found.recorded, found.live, found.path)


def _plain(value: Any) -> Any:
    """A value without dates and ids that are new each time."""
    try:
        return Normaliser().tree(value)
    except RoundedError:
        return value


def shape(value: Any) -> str:
    """A JSON value's names and types, in a line; of a list the first item's."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shape(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return f"[{shape(value[0])}]" if value else "[]"
    if value is None:
        return "null"
    return (
        "number"
        if isinstance(value, int | float) and not isinstance(value, bool)
        else (type(value).__name__)
    )
