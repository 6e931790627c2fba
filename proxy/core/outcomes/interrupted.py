"""The recorder ended before the run did, so nobody saw how it went on."""

from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes._api import Facts, Verdict

name = "interrupted"


def judge(facts: Facts) -> Verdict | None:
    """Tool Error: from then on the agent could not reach anything through the proxy."""
    if facts.ended_by != "crash":
        return None
    last = timeline.calls(facts.events)[-1:]
    return Verdict(
        "Failed",
        "Tool Error",
        "Dashcam ended before the run did",
        retryable=True,
        evidence=tuple(event.id for event in last if event.id is not None),
    )
