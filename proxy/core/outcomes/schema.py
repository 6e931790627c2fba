"""A payload at the boundary between the model and a tool broke its schema, and nobody mended it.

Either way round: arguments that the tool's definition does not allow reached the tool, or what the
tool answered is not what it declares, or no whole JSON at all.
"""

from collections.abc import Sequence

from proxy.core import loose
from proxy.core.model import Event
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict
from proxy.core.outcomes._turns import Breach, Use

name = "schema"

# Nobody can work with arguments of this kind; other faults a tool may have got over.
_FATAL = frozenset(("required", "dependentRequired", "not_json", "cut_off"))
_OTHERS = frozenset(("unknown_tool",))  # a decision, and judged as one
_BODIES = ("tool_schemas", "partial_json", "content_type")


class _Seen:
    """The tool uses of a run, and which calls had bad arguments or bad bodies."""

    def __init__(self, found: Sequence[Breach], uses: Sequence[Use]) -> None:
        self.uses = uses
        self.arguments = {
            (one.call.id, one.subject) for one in found if one.validator == "tool_arguments"
        }
        self.bodies = {one.call.id for one in found if one.validator in _BODIES}


def judge(facts: Facts) -> Verdict | None:
    """Tool Error, with the last breach that nothing made good, and what came of it."""
    found = turns.breaches(facts.events)
    seen = _Seen(found, turns.all_uses(facts.events)) if found else None
    breach = next((one for one in reversed(found) if seen and _counts(facts, one, seen)), None)
    if breach is None:
        return None
    result = _came_of_it(facts, breach)
    what = "arguments" if _asked(breach) else "the answer"
    subject = breach.subject or breach.call.name
    return Verdict(
        "Failed",
        "Tool Error",
        f"{subject}: {what} broke the schema: {breach.words}"
        if breach.validator in ("tool_arguments", "tool_schemas")
        else f"{subject}: {breach.words}",
        retryable=None if breach.validator in ("tool_arguments", "tool_schemas") else True,
        user_impact=timeline.impact(facts, result or breach.call)
        if breach.call.kind != "llm_call" or result
        else f"{subject} was not called with what it needs",
        evidence=turns.evidence(breach.call, breach.found, result),
    )


def _asked(breach: Breach) -> bool:
    return breach.validator == "tool_arguments" or breach.found.data.get("side") == "request"


def _counts(facts: Facts, breach: Breach, seen: _Seen) -> bool:
    """Whether a breach is of this kind, and nothing made it good."""
    if breach.validator == "tool_arguments":
        return _reached(breach, seen)
    if breach.validator not in _BODIES or breach.call.kind == "llm_call":
        return False
    declared = breach.found.data.get("mode") is not None  # by the user: then it is a tool
    if not declared and (timeline.telemetry(breach.call) or not turns.models(facts.events)):
        return False  # nobody's tool
    return not _better(facts, breach, seen)


def _reached(breach: Breach, seen: _Seen) -> bool:
    """Whether bad arguments were neither corrected by the model nor accepted by the tool."""
    kinds = breach.keywords - _OTHERS
    if not kinds or turns.finish(breach.call) in turns.LIMITS:
        return False
    for use in seen.uses:
        later = use.event.started_at > breach.call.started_at
        if later and use.name == breach.subject and (use.event.id, use.name) not in seen.arguments:
            return False
    if kinds & _FATAL:
        return True
    answers = [use for use in seen.uses if use.event is breach.call and use.name == breach.subject]
    return any(use.result is None or use.failed for use in answers) or not answers


def _better(facts: Facts, breach: Breach, seen: _Seen) -> bool:
    """Whether a later call of the same kind was well, payload and all."""
    return any(
        call.name == breach.call.name and not timeline.failed(call) and call.id not in seen.bodies
        for call in turns.after(facts.events, breach.call)
    )


def _came_of_it(facts: Facts, breach: Breach) -> Event | None:
    """The failed tool call that followed, if there is one."""
    if breach.call.kind != "llm_call":
        return None
    arguments = [
        set(map(str, loose.obj(use.get("arguments")).values()))
        for use in loose.objects(turns.said(breach.call).get("toolUses"))
        if use.get("name") == breach.subject
    ]
    for call in turns.after(facts.events, breach.call):
        if call.kind == "llm_call":
            return None
        named = breach.subject.lower() in call.name.lower()
        sent = set(map(str, loose.obj(turns.said(call).get("input")).values()))
        if timeline.failed(call) and (named or any(sent & given for given in arguments)):
            return call
    return None
