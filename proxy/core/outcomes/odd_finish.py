"""The model stopped for a reason that is no end of an answer, or said nothing at all."""

from collections.abc import Mapping
from typing import NamedTuple

from proxy.core import loose
from proxy.core.model import Event
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict

name = "odd_finish"


class _Ending(NamedTuple):
    mode: str
    words: str
    retryable: bool | None


# As the providers call them, in lower case.
_ENDINGS: Mapping[str, _Ending] = {
    "malformed_function_call": _Ending("Bad Output", "its tool call was malformed", True),
    "malformed_tool_use": _Ending("Bad Output", "its tool call was malformed", True),
    "malformed_tool_call": _Ending("Bad Output", "its tool call was malformed", True),
    "malformed_model_output": _Ending("Bad Output", "its answer was malformed", True),
    "malformed_response": _Ending("Bad Output", "its answer was malformed", True),
    "unexpected_tool_call": _Ending("Bad Decision", "it called a tool that it had not", True),
    "too_many_tool_calls": _Ending("Bad Decision", "it called too many tools", None),
    "pause_turn": _Ending("Bad Decision", "it paused, and nobody let it go on", True),
    "error": _Ending("Tool Error", "the provider ended it with an error", True),
    "language": _Ending("Bad Output", "its language is not supported", False),
    "no_image": _Ending("Bad Output", "no image came of it", True),
}


def judge(facts: Facts) -> Verdict | None:
    """By how the last answer ended; Bad Output when there is nothing in it."""
    models = turns.models(facts.events)
    if not models or turns.after(facts.events, models[-1]):
        return None
    last = models[-1]
    ending = _ENDINGS.get(turns.finish(last))
    if ending is None and _empty(last, models):
        ending = _Ending("Bad Output", "there is nothing in it", True)
    if ending is None:
        return None
    finish = f" ({turns.finish(last)})" if turns.finish(last) else ""
    return Verdict(
        "Failed",
        ending.mode,
        f"{last.name}: the model ended its answer{finish}: {ending.words}"
        if turns.finish(last) in _ENDINGS
        else f"{last.name}: the answer is empty{finish}",
        retryable=ending.retryable,
        user_impact="No answer was made",
        evidence=turns.evidence(last),
    )


def _empty(last: Event, models: list[Event]) -> bool:
    """Whether a conversation's last answer is known to hold nothing.

    After an action of its own an agent may end without a word, and so may one that was told to.
    """
    call = turns.said(last)
    if call.get("complete") is not True or call.get("empty") is not True:
        return False
    limit = loose.count(loose.obj(call.get("settings")).get("max_tokens"))
    return limit != 0 and not any(any(turns.uses(event)) for event in models)
