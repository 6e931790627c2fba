"""Too many requests, and whether the way they were tried again made it worse."""

import re
from collections.abc import Sequence
from itertools import pairwise

from proxy.core.model import End, Event
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict
from proxy.core.outcomes.http_status import EMPTY_ACCOUNT

name = "rate_limit"

_TOO_MANY = 429
_ERROR = 400
_INSIDE = re.compile(r"rate.?limit|too.many.requests|throttl|resource.?exhausted|\b429\b")
# A quota that fills up again by itself, as Google's do.
_PER_TIME = re.compile(r"per.?(?:minute|second|hour)|retry in \d|rate.?limit")
_MANY = 5  # attempts at the same thing; fewer are what any client makes
_SOON = 0.9  # of the time that the server asked to wait


def judge(facts: Facts) -> Verdict | None:
    """Tool Error; an account that is used up is another matter, waiting does not fill it."""
    event = timeline.decisive(facts)
    if event is None or timeline.end(event) != End.COMPLETE or not _limited(event):
        return None
    attempts = [
        other
        for other in timeline.failures(facts.events)
        if _limited(other) and other.name == event.name
    ]
    said = timeline.error_text(event) or "rate limited"
    code = timeline.status_code(event)
    status = f" {code}" if (code or 0) >= _ERROR else f" (inside a {code})"
    return Verdict(
        "Failed",
        "Tool Error",
        f"{event.name}{status}: {said}{amplified(attempts)}",
        retryable=True,
        user_impact=timeline.impact(facts, event),
        evidence=turns.evidence(*attempts, event),
    )


def amplified(attempts: Sequence[Event]) -> str:
    """How the retries made it worse, in words; empty when they did not."""
    hasty = sum(_too_soon(one, following) for one, following in pairwise(attempts))
    if len(attempts) < _MANY and not hasty:
        return ""
    took = attempts[-1].started_at - attempts[0].started_at
    wanted = max((seconds for one in attempts if (seconds := asked_to_wait(one))), default=None)
    asked = f", though it asked to wait {wanted:g} s" if hasty and wanted else ""
    return f"; made worse by {len(attempts)} attempts within {took:.1f} s{asked}"


def asked_to_wait(event: Event) -> float | None:
    """The seconds that an answer asked the client to wait; None when it did not say."""
    limits = turns.said(event).get("rateLimits")
    told = limits if isinstance(limits, dict) else {}
    for key, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return float(told[key]) / unit
        except (KeyError, TypeError, ValueError):  # a date, or nothing
            continue
    return None


def _too_soon(one: Event, following: Event) -> bool:
    wait = asked_to_wait(one)
    ended = one.started_at if one.ended_at is None else one.ended_at
    return wait is not None and following.started_at - ended < wait * _SOON


def _limited(event: Event) -> bool:
    code, words = timeline.status_code(event) or 0, timeline.error_words(event)
    if any(word in words for word in EMPTY_ACCOUNT) and not _PER_TIME.search(words):
        return False
    return code == _TOO_MANY or (code < _ERROR and _INSIDE.search(words) is not None)
