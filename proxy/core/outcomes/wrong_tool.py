"""A tool was called that must not be, before one that must come first, or never though it must."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from proxy.core import loose
from proxy.core.model import Event
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict

name = "wrong_tool"


class _Called(NamedTuple):
    names: tuple[str, ...]  # what it goes by
    event: Event
    at: float


def judge(facts: Facts) -> Verdict | None:
    """Bad Decision, with the tool; the evidence is where it was asked for or called."""
    expected = facts.expected
    called = _all(facts.events)
    if not called and not turns.models(facts.events):
        return None
    for pattern in loose.array(expected.get("forbidden_tools")):
        if found := _first(called, pattern):
            return _verdict(f"{found.names[0]} was called, which is forbidden", found.event)
    order = loose.obj(expected.get("before"))
    for later, earlier in order.items():
        if (found := _first(called, later)) is None:
            continue
        for pattern in loose.array(earlier):
            before = _first(called, pattern)
            if before is None or before.at >= found.at:
                what = f"{found.names[0]} was called before {pattern}"
                return _verdict(what, found.event)
    for pattern in loose.array(expected.get("required_tools")):
        if _first(called, pattern) is None:
            last = turns.models(facts.events)[-1:]
            return _verdict(f"{pattern} was never called", *last)
    return None


def _verdict(reason: str, *evidence: Event) -> Verdict:
    return Verdict(
        "Failed", "Bad Decision", reason, retryable=None, evidence=turns.evidence(*evidence)
    )


def _all(events: Sequence[Event]) -> list[_Called]:
    """What models asked for, and what was called, by every name that it goes by."""
    asked = [
        _Called((use.name,), use.event, use.event.started_at) for use in turns.all_uses(events)
    ]
    wire = [
        _Called(tuple(_names(event)), event, event.started_at)
        for event in timeline.calls(events)
        if event.kind != "llm_call"
    ]
    return sorted(asked + wire, key=lambda one: one.at)


def _names(event: Event) -> list[str]:
    step = event.data.get("step")
    known = [event.name, event.name.rpartition("/")[2] if event.name.startswith("mcp:") else ""]
    return [one for one in (*known, step if isinstance(step, str) else "") if one]


def _first(called: Sequence[_Called], pattern: object) -> _Called | None:
    glob = str(pattern)
    matching = (one for one in called if any(fnmatchcase(n, glob) for n in one.names))
    return next(matching, None)
