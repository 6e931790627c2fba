"""What the rules share: which calls of a run failed, and which of these were made good later."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple

from proxy.core.model import CALL_KINDS, End, Event
from proxy.core.outcomes._api import Facts
from proxy.core.outcomes._stand_ins import stand_in
from proxy.core.telemetry import watches

# Below 500, only these stop an agent for sure; a 404 or 409 is often an ordinary answer.
_STOPPING = frozenset({401, 402, 403, 407, 408, 425, 429})
# After these an agent may try other arguments, and does not need the first ones to work.
_ARGUMENT = frozenset({400, 404, 405, 406, 409, 410, 413, 415, 422})
_NO_METHOD = "-32601"  # of JSON-RPC
_ERROR = 400
_SERVER_ERROR = 500


class Recovery(NamedTuple):
    """A failed call and the later one that made it good."""

    failed: Event
    by: Event


def calls(events: Sequence[Event]) -> list[Event]:
    """The calls of a timeline, in the order in which they began."""
    found = [event for event in events if event.kind in CALL_KINDS]
    return sorted(found, key=lambda event: (event.started_at, event.data.get("seq") or 0))


def status_code(event: Event) -> int | None:
    """The HTTP status of a call, None when none came."""
    code = event.data.get("statusCode")
    return code if isinstance(code, int) else None


def end(event: Event) -> str:
    """How the call's exchange ended on the wire."""
    return str(event.data.get("end") or End.COMPLETE)


def failed(event: Event) -> bool:
    """Whether the call failed, wherever the error hid."""
    code = status_code(event) or 0
    return event.status == "error" or end(event) != End.COMPLETE or code >= _ERROR


def error_text(event: Event) -> str | None:
    """What the call's error says: the decoded one where there is one, else the transport's."""
    text = _message(_decoded(event)) or _message(event.data.get("error"))
    code = status_code(event)
    return text if text is None or code is None else text.removeprefix(f"{code} ")


def error_words(event: Event) -> str:
    """Everything that the call's error says, in lower case: its message, type and code."""
    decoded = _decoded(event)
    words = [decoded.get(key) for key in ("type", "code")] if isinstance(decoded, dict) else []
    return " ".join(str(word) for word in (error_text(event), *words) if word).lower()


def _decoded(event: Event) -> Any:
    call = event.data.get("call")
    return call.get("error") if isinstance(call, dict) else None


def _message(error: Any) -> str | None:
    if isinstance(error, dict):
        error = error.get("message") or error.get("error") or error.get("type")
    return error.strip() if isinstance(error, str) and error.strip() else None


def recoveries(events: Sequence[Event]) -> list[Recovery]:
    """Each failed call that a later call made good, oldest first."""
    return [Recovery(bad, good) for bad, good in _pairs(events) if good is not None]


def failures(events: Sequence[Event]) -> list[Event]:
    """The failed calls that nothing made good, oldest first; telemetry is left out."""
    return [bad for bad, good in _pairs(events) if good is None and not telemetry(bad)]


def decisive(facts: Facts) -> Event | None:
    """The last failure that decides a run by itself, or None."""
    found = [event for event in failures(facts.events) if _stops(event)]
    return found[-1] if found else None


def evidence(facts: Facts, event: Event) -> tuple[int, ...]:
    """The ids of `event` and of the failed attempts at the same thing before it."""
    same = [bad for bad in failures(facts.events) if _request(bad) == _request(event)]
    return tuple(bad.id for bad in same if bad.id is not None)


def impact(facts: Facts, event: Event) -> str:
    """What the failure of `event` meant for whoever waited for the run."""
    if event.kind == "llm_call":
        return "No answer from the model"
    later = [call for call in calls(facts.events) if call.started_at > event.started_at]
    if any(call.kind == "llm_call" and not failed(call) for call in later):
        return f"The answer was made without {event.name}"
    return f"The run ended without {event.name}"


def _pairs(events: Sequence[Event]) -> Iterator[tuple[Event, Event | None]]:
    """Each failed call with the first later one that made it good."""
    ordered = calls(events)
    good: dict[Hashable, list[Event]] = defaultdict(list)
    for event in ordered:
        if not failed(event):
            good["llm_call" if event.kind == "llm_call" else (event.name,)].append(event)
            good[_request(event)].append(event)
    for bad in ordered:
        if failed(bad):
            mending = good[_mended_by(bad)]
            later = bisect_right(mending, bad.started_at, key=lambda event: event.started_at)
            yield bad, mending[later] if later < len(mending) else stand_in(bad, ordered)


def _mended_by(bad: Event) -> Hashable:
    """The key of the calls that make this one good."""
    if bad.kind == "llm_call":
        return "llm_call"  # any model's answer: agents fall back on other models
    return (bad.name,) if status_code(bad) in _ARGUMENT else _request(bad)


def _request(event: Event) -> tuple[str, ...]:
    """What is asked of whom; the query and the body may differ."""
    url = str(event.data.get("url") or "").partition("?")[0]
    return event.name, str(event.data.get("method")), url


def _stops(event: Event) -> bool:
    code = status_code(event)
    if _offered_nothing(event):
        return False
    if end(event) == End.CLIENT_GONE:
        # A client may leave an open stream of events when it is done with it.
        return event.kind != "http" or code is None
    if end(event) != End.COMPLETE or code is None or code < _ERROR:
        return True
    return event.kind == "llm_call" or code in _STOPPING or code >= _SERVER_ERROR


def _offered_nothing(event: Event) -> bool:
    """Whether a client asked an MCP server for something else than tools that it does not have."""
    error = _decoded(event)
    if event.kind != "http" or not event.name.startswith("mcp:") or not isinstance(error, dict):
        return False
    return str(error.get("code")) == _NO_METHOD or "method not found" in error_words(event)


def telemetry(event: Event) -> bool:
    """Whether the call, of whatever kind, only reports to somebody who watches the agent."""
    return watches(str(event.data.get("url") or ""), str(event.data.get("method") or "POST"))
