"""The model refused, or a filter held its answer back, and that was the last word."""

import re

from proxy.core import loose
from proxy.core.model import Event
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict

name = "withheld"


_CANNOT = (
    r"(?:can(?:'|\u2019)t|cannot|won(?:'|\u2019)t|(?:am|(?:'|\u2019)m) (?:unable|not able) to)"
)
_DECLINES = re.compile(
    rf"^\W*(?:(?:I(?:'|\u2019)m |I am )?(?:very |really |truly )?sorry,?(?: but)? )?I ?{_CANNOT}"
    r" (?:(?:help|assist)(?: you)? with (?:that|this)|comply|fulfil\w* (?:that|this)|do that"
    r"|provide (?:that|this)|continue with (?:that|this))\b",
    re.IGNORECASE,
)
_BOILERPLATE = re.compile(r"\bas an ai(?: language)? (?:model|assistant)\b", re.IGNORECASE)
_BUT = re.compile(r"\b(?:but|however|instead|here is|here are|though)\b", re.IGNORECASE)
_SHORT = 400  # letters: a longer answer has more to say than that


def judge(facts: Facts) -> Verdict | None:
    """Bad Output, with the reason that the provider gave."""
    models = turns.models(facts.events)
    if not models or not (turns.withheld(models[-1]) or _declines(models[-1])):
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


def _declines(event: Event) -> bool:
    """Whether the answer is one of the sentences that models decline with."""
    text = loose.text(turns.said(event).get("reply")) or ""
    if len(text) > _SHORT or any(turns.uses(event)):
        return False
    declined = _DECLINES.search(text)
    if declined is not None and not _BUT.search(text, declined.end()):
        return True
    return _BOILERPLATE.search(text) is not None
