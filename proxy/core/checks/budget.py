"""`budget`: what the run may use at most: money, tokens, calls.

`{"cost_usd": 0.05, "tokens": 20000, "llm_calls": 6}`. What a recorded call cost counts as if it had
been made anew. What is not known is not nothing: a call without usage or price breaks a budget for
it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from proxy.core import loose
from proxy.core.checks._api import Trial
from proxy.core.model import CALL_KINDS, End, Event
from proxy.errors import ConfigError

_UNANSWERED: Final = (End.MISSED, End.REFUSED)
_TOKENS: Final[Mapping[str, tuple[str, ...]]] = {
    "tokens": ("inputTokens", "outputTokens"),
    "input_tokens": ("inputTokens",),
    "output_tokens": ("outputTokens",),
}
_COUNTED: Final[Mapping[str, tuple[str, ...]]] = {
    "calls": CALL_KINDS,
    "llm_calls": ("llm_call",),
    "tool_calls": ("tool_call", "retrieval"),
}
KNOWN: Final = ("cost_usd", *_TOKENS, *_COUNTED)


def check(trial: Trial, wanted: Any) -> Iterator[str]:
    """Each limit that was passed, or of which that is not known."""
    for name, most in _read(wanted).items():
        if name in _COUNTED:
            count = sum(event.kind in _COUNTED[name] for event in trial.calls)
            if count > most:
                yield f"{count} {name.replace('_', ' ')} were made, and {most:g} may be"
            continue
        used = [_used(event, name) for event in _models(trial.calls)]
        total = sum(value for value in used if value is not None)
        told = f"${total:.6g}" if name == "cost_usd" else f"{total:g} {name.replace('_', ' ')}"
        limit = f"${most:g}" if name == "cost_usd" else f"{most:g}"
        if total > most:
            yield f"{told} were used, and {limit} may be"
        elif unknown := used.count(None):
            yield f"of {unknown} model calls the {name} are not known, so {limit} cannot be held"


def _read(wanted: Any) -> dict[str, float]:
    if not isinstance(wanted, dict) or not wanted:
        raise ConfigError(f"budget takes limits by name, not {wanted!r}", hint=_hint())
    for name, most in wanted.items():
        if name not in KNOWN:
            raise ConfigError(f"there is no budget for {name!r}", hint=_hint())
        if not isinstance(most, int | float) or isinstance(most, bool) or not most >= 0:
            raise ConfigError(f"budget.{name} takes a number from 0, not {most!r}")
    return wanted


def _hint() -> str:
    return f"limits are {', '.join(KNOWN)}"


def _models(calls: Sequence[Event]) -> list[Event]:
    """The model calls that were answered."""
    return [
        event
        for event in calls
        if event.kind == "llm_call" and event.data.get("end") not in _UNANSWERED
    ]


def _used(event: Event, name: str) -> float | None:
    call = event.data.get("call") or {}
    if name == "cost_usd":
        return loose.number(call.get("costUsd"))
    counts = [loose.count(call.get(key)) for key in _TOKENS[name]]
    return None if None in counts else loose.total(*counts)
