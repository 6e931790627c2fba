"""A guard refused a call and the run did not get past it."""

from proxy.core.model import End
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes._api import Facts, Verdict

name = "refused"

# By the first word of the refusal's reason.
MODES = {
    "budget": "Cost Blowup",
    "cost": "Cost Blowup",
    "tokens": "Cost Blowup",
    "deadline": "Timeout",
    "time": "Timeout",
}


def judge(facts: Facts) -> Verdict | None:
    """The verdict by what the guard was there for; loops and phases are bad decisions."""
    event = timeline.decisive(facts)
    if event is None or timeline.end(event) != End.REFUSED:
        return None
    said = timeline.error_text(event) or "refused by a guard"
    word = said.replace(":", " ").split()[0].lower()
    return Verdict(
        "Failed",
        MODES.get(word, "Bad Decision"),
        f"{event.name} refused: {said}",
        retryable=False,
        user_impact=timeline.impact(facts, event),
        evidence=timeline.evidence(facts, event),
    )
