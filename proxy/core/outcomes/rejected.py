"""A tool did not accept what it was asked for, and no later call of it was accepted.

Unlike a 404 or 409, which answer the question, these say that it was put wrongly.
"""

from proxy.core.model import End, Event
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict
from proxy.core.outcomes.http_status import PHRASES

name = "rejected"

_MISTAKEN = frozenset((400, 405, 406, 413, 415, 422))


def judge(facts: Facts) -> Verdict | None:
    """Tool Error, with what the tool said; of a run in which a model decides what is asked."""
    if not turns.models(facts.events):
        return None
    found = [event for event in timeline.failures(facts.events) if _rejected(event)]
    if not found:
        return None
    event = found[-1]
    code = timeline.status_code(event)
    said = timeline.error_text(event) or PHRASES.get(code or 0, "error status")
    return Verdict(
        "Failed",
        "Tool Error",
        f"{event.name} {code}: {said}",
        retryable=False,
        user_impact=timeline.impact(facts, event),
        evidence=timeline.evidence(facts, event),
    )


def _rejected(event: Event) -> bool:
    """Whether a tool, or what a model asked for, was answered so."""
    tool = event.kind in ("tool_call", "retrieval") or bool(event.data.get("askedBy"))
    whole = timeline.end(event) == End.COMPLETE
    return tool and whole and timeline.status_code(event) in _MISTAKEN
