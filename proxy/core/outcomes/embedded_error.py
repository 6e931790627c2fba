"""A status line that said success over an answer that was an error."""

from proxy.core.model import End
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes._api import Facts, Verdict
from proxy.core.outcomes._healing import heals

name = "embedded_error"

_ERROR = 400


def judge(facts: Facts) -> Verdict | None:
    """Tool Error, with what the body or the stream said."""
    event = timeline.decisive(facts)
    if event is None or timeline.end(event) != End.COMPLETE:
        return None
    code = timeline.status_code(event)
    if code is not None and code >= _ERROR:
        return None
    said = timeline.error_text(event) or "an error in the answer"
    status = f" (inside a {code})" if code is not None else ""
    return Verdict(
        "Failed",
        "Tool Error",
        f"{event.name}{status}: {said}",
        retryable=heals(timeline.error_words(event)),
        user_impact=timeline.impact(facts, event),
        evidence=timeline.evidence(facts, event),
    )
