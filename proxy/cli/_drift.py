"""Where the world has drifted from a recording: what live calls show that recorded ones do not."""

from collections.abc import Iterator, Sequence
from typing import Any

from proxy.cli.diff import align
from proxy.core.model import Event

_ALWAYS = frozenset(("status", "end"))


def drift(recorded: Sequence[Event], live: Sequence[Event]) -> Iterator[str]:
    """One line for each call that is new or gone, or that answers in another way.

    Of what a tool answers only the shape counts, names and types; what a model says may differ.
    """
    for pair in align(recorded, live):
        if pair.before is None:
            yield f"a new call: {pair.step}"
        elif pair.after is None:
            yield f"recorded call {pair.before.data.get('seq')} is gone: {pair.step}"
        else:
            where = f"call {pair.before.data.get('seq')}, {pair.step}"
            for change in pair.changes:
                if change.what in _ALWAYS:
                    yield f"{where}: {change.what} was {change.before} and is {change.after}"
            before, after = _answer(pair.before), _answer(pair.after)
            if before != after:
                yield f"{where}: the answer was {before} and is {after}"


def _answer(event: Event) -> str:
    call = event.data.get("call") or {}
    return "" if event.kind == "llm_call" else shape(call.get("output"))


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
