"""A model or tool answered with an error status, and the run did not get past it."""

from proxy.core.model import End
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes._api import Facts, Verdict

name = "http_status"

PHRASES = {
    400: "bad request",
    401: "unauthorized",
    402: "payment required",
    403: "forbidden",
    404: "not found",
    407: "proxy authentication required",
    408: "request timeout",
    413: "request too large",
    422: "unprocessable",
    425: "too early",
    429: "rate limited",
    500: "internal server error",
    502: "bad gateway",
    503: "service unavailable",
    504: "gateway timeout",
    529: "overloaded",
}
RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
EMPTY_ACCOUNT = ("quota", "billing", "credit balance")
_ERROR = 400


def judge(facts: Facts) -> Verdict | None:
    """Tool Error, with the status and what the answer said."""
    event = timeline.decisive(facts)
    if event is None or timeline.end(event) != End.COMPLETE:
        return None
    code = timeline.status_code(event)
    if code is None or code < _ERROR:
        return None
    said = timeline.error_text(event)
    return Verdict(
        "Failed",
        "Tool Error",
        f"{event.name} {code}: {said or PHRASES.get(code, 'error status')}",
        retryable=retryable(code, timeline.error_words(event)),
        user_impact=timeline.impact(facts, event),
        evidence=timeline.evidence(facts, event),
    )


def retryable(code: int, words: str) -> bool:
    """Whether the same request may succeed later; `words` is what the error says."""
    if code in {401, 403}:
        return "expired" in words  # a fresh token heals it, a wrong key stays wrong
    if any(word in words for word in EMPTY_ACCOUNT):
        return False
    return code in RETRYABLE
