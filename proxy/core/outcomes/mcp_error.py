"""An MCP tool said that it failed (`isError`), in an answer that was otherwise well."""

from proxy.core.model import End
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict
from proxy.core.outcomes._healing import heals

name = "mcp_error"


def judge(facts: Facts) -> Verdict | None:
    """Tool Error, with the tool's own words."""
    event = timeline.decisive(facts)
    if event is None or timeline.end(event) != End.COMPLETE:
        return None
    error = turns.said(event).get("error")
    if not isinstance(error, dict) or error.get("where") != "tool":
        return None
    return Verdict(
        "Failed",
        "Tool Error",
        f"{event.name}: {timeline.error_text(event) or 'the tool says that it failed'}",
        retryable=heals(timeline.error_words(event)),
        user_impact=timeline.impact(facts, event),
        evidence=timeline.evidence(facts, event),
    )
