"""The model refused, or a filter held its answer back, and that was the last word."""

from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict

name = "withheld"


def judge(facts: Facts) -> Verdict | None:
    """Bad Output, with the reason that the provider gave."""
    models = turns.models(facts.events)
    if not models or not turns.withheld(models[-1]):
        return None
    last = models[-1]
    finish = turns.finish(last)
    filtered = finish in turns.WITHHELD - {"refusal"}
    what = f"the answer was held back ({finish})" if filtered else "the model refused to answer"
    return Verdict(
        "Failed",
        "Bad Output",
        f"{last.name}: {what}",
        retryable=False,
        user_impact="No answer from the model",
        evidence=turns.evidence(last),
    )
