"""The last thing that the model said was cut off, because no more tokens were allowed."""

from proxy.core import loose
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict

name = "truncated"

_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens")
_PROBE = 1  # token: who asks for one wants no answer


def judge(facts: Facts) -> Verdict | None:
    """Bad Output, with the limit where it is known."""
    models = turns.models(facts.events)
    if not models or turns.finish(models[-1]) not in turns.LIMITS:
        return None
    last = models[-1]
    call = turns.said(last)
    settings = loose.obj(call.get("settings"))
    limit = next((n for key in _LIMITS if (n := loose.count(settings.get(key))) is not None), None)
    if limit is not None and limit <= _PROBE:
        return None
    made = loose.count(call.get("outputTokens"))
    after = f" after {made} tokens" if made is not None else ""
    allowed = f"; {limit} were allowed" if limit is not None else ""
    return Verdict(
        "Failed",
        "Bad Output",
        f"{last.name}: the answer was cut off{after} ({turns.finish(last)}{allowed})",
        retryable=True,
        user_impact="The answer ended early",
        evidence=turns.evidence(last),
    )
