"""Somebody's patience ended: an answer did not come in time, or a clock stopped the run."""

from proxy.core import loose
from proxy.core.model import End
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes._api import Facts, Verdict

name = "timeout"

# `timeout CMD` ends with 124; SIGALRM shows as 128+14 from a shell and as -14 from a parent.
CLOCK_EXITS = frozenset({124, 128 + 14, -14})
# Milliseconds in the run's metadata.
_BUDGETS = ("budgetMs", "budget_ms", "timeMs", "time_ms", "deadlineMs", "deadline_ms")
_SHOWN = 3
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
        return _too_long(facts)
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


def _too_long(facts: Facts) -> Verdict | None:
    """A run that took longer than its metadata allow; the evidence is what it waited for most."""
    given = (facts.run.metadata, facts.expected)
    told = (loose.amount(one.get(key)) for one in given for key in _BUDGETS)
    allowed = next((ms for ms in told if ms), None)
    calls = timeline.calls(facts.events)
    if allowed is None or not calls:
        return None
    ended = facts.run.ended_at or max(event.ended_at or event.started_at for event in calls)
    took = (ended - facts.run.started_at) * 1000
    if took <= allowed:
        return None
    slowest = sorted(calls, key=lambda event: loose.number(event.data.get("latencyMs")) or 0)
    return Verdict(
        "Failed",
        "Timeout",
        f"took {took / 1000:.1f} s of the {allowed / 1000:g} s that were allowed",
        retryable=True,
        evidence=tuple(sorted(e.id for e in slowest[-_SHOWN:] if e.id is not None)),
    )
