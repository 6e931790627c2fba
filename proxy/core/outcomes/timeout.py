"""Somebody's patience ended: an answer did not come in time, or a clock stopped the run."""

from proxy.core.model import End
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes._api import Facts, Verdict

name = "timeout"

# `timeout CMD` ends with 124; SIGALRM shows as 128+14 from a shell and as -14 from a parent.
CLOCK_EXITS = frozenset({124, 128 + 14, -14})
ENDS = {
    End.UPSTREAM_TIMEOUT: "no answer in time",
    End.CLIENT_GONE: "the client gave up",
}


def judge(facts: Facts) -> Verdict | None:
    """A run stopped by a clock, or one whose last failure is a call that took too long."""
    if facts.exit_code in CLOCK_EXITS:
        last = timeline.calls(facts.events)[-1:]
        return Verdict(
            "Failed",
            "Timeout",
            f"stopped by a time limit (exit code {facts.exit_code})",
            retryable=True,
            evidence=tuple(event.id for event in last if event.id is not None),
        )
    event = timeline.decisive(facts)
    if event is None or timeline.end(event) not in ENDS:
        return None
    what = ENDS[End(timeline.end(event))]
    latency = event.data.get("latencyMs")
    after = f" after {latency / 1000:.1f} s" if isinstance(latency, int | float) else ""
    return Verdict(
        "Failed",
        "Timeout",
        f"{event.name}: {what}{after}",
        retryable=True,
        user_impact=timeline.impact(facts, event),
        evidence=timeline.evidence(facts, event),
    )
