"""The run ended while the model waited for a tool that it had asked for.

A tool that only carries the answer is none to be called: one that the request forces, or that goes
by a name like `final_answer`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.core import loose
from proxy.core.model import Event
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict
from proxy.core.outcomes._turns import Use

name = "premature_end"

_ANSWERS = re.compile(
    r"^(?:final|submit|finish|finali[sz]e|answer|respond|reply|complete|done|end|stop|terminate"
    r"|attempt_completion|return|output|result|structured|exit|handoff|transfer|escalate)"
    r"|(?:_|-|\b)(?:answer|response|output|result|done|handoff)$|[a-z](?:Answer|Response|Output)$",
    re.IGNORECASE,
)
# What ends a run whatever else was asked for beside it.
_FINAL = re.compile(r"^final_?(?:result|answer|response|output)$", re.IGNORECASE)
_ANY = ("required", "any")
_WORD = re.compile(r"[a-z]{3,}")
_GOODBYE = re.compile(r"^mcp:.*/(?:close|listen|ping|notifications/.*)$")


def judge(facts: Facts) -> Verdict | None:
    """Bad Decision, with the tool that was never called."""
    if facts.exit_code or facts.ended_by == "crash":
        return None  # it did not choose to end there
    models = turns.models(facts.events)
    if not models:
        return None
    last = models[-1]
    later = [call for call in turns.after(facts.events, last) if not _GOODBYE.match(call.name)]
    if turns.finish(last) in turns.LIMITS:
        return None
    uses = list(turns.uses(last))
    if later:  # of several tools some were called
        uses = [use for use in uses if not _called(use, later)] if len(later) < len(uses) else []
    waiting = [use.name for use in uses]
    if not waiting or _carries_the_answer(turns.said(last), waiting):
        return None
    asked = " and ".join(dict.fromkeys(waiting))
    return Verdict(
        "Failed",
        "Bad Decision",
        f"the run ended with {asked} asked for and never called",
        user_impact=f"{asked} was not done",
        evidence=turns.evidence(last),
    )


def _called(use: Use, later: Sequence[Event]) -> bool:
    """Whether one of the calls was for this use: by what was noticed, else by its name."""
    words = set(_WORD.findall(use.name.lower()))
    for call in later:
        by = loose.obj(call.data.get("askedBy"))
        if by.get("id") == use.id if by.get("id") else words & set(_WORD.findall(_of(call))):
            return True
    return False


def _of(call: Event) -> str:
    return f"{call.name} {call.data.get('url')}".lower()


def _carries_the_answer(call: Mapping[str, Any], names: list[str]) -> bool:
    if all(_ANSWERS.search(name) for name in names) or any(map(_FINAL.search, names)):
        return True
    settings = loose.obj(call.get("settings"))
    choice = settings.get("tool_choice")
    kind = loose.obj(choice).get("type") if isinstance(choice, dict) else choice
    mode = loose.obj(loose.obj(settings.get("toolConfig")).get("functionCallingConfig")).get("mode")
    only_one = len(loose.array(call.get("tools"))) == 1
    named = isinstance(choice, dict) and kind not in (*_ANY, "auto", "none", "allowed_tools")
    return named or (only_one and (kind in _ANY or mode == "ANY"))
