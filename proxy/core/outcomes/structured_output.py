"""The model's answer does not have the form that was asked for, and no later one does."""

from proxy.core.model import Event
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict

name = "structured_output"


def judge(facts: Facts) -> Verdict | None:
    """Bad Output, with the place and what is wrong there."""
    breaches = [one for one in turns.breaches(facts.events) if one.validator == "structured_output"]
    bad = {one.call.id for one in breaches}
    models = turns.models(facts.events)
    unmended = [
        one
        for one in breaches
        if turns.finish(one.call) not in turns.LIMITS
        and not any(_mends(later, one.call) and later.id not in bad for later in models)
    ]
    if not unmended:
        return None
    breach = unmended[-1]
    return Verdict(
        "Failed",
        "Bad Output",
        f"{breach.call.name}: the answer breaks its schema: {breach.words}",
        retryable=True,
        user_impact="The answer does not have the form that was asked for",
        evidence=turns.evidence(breach.call, breach.found),
    )


def _mends(later: Event, bad: Event) -> bool:
    """Whether a later answer is one to the same wish."""
    if later.started_at <= bad.started_at or not turns.said(later).get("reply"):
        return False
    return turns.said(later).get("outputSchema") == turns.said(bad).get("outputSchema")
