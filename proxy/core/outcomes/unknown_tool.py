"""The model asked for a tool that it was not given, and never came to one that it was."""

from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict

name = "unknown_tool"


def judge(facts: Facts) -> Verdict | None:
    """Bad Decision, with the tool's name and the one that was probably meant."""
    breaches = [one for one in turns.breaches(facts.events) if "unknown_tool" in one.keywords]
    if not breaches:
        return None
    breach = breaches[-1]
    strange = {(one.call.id, one.subject) for one in breaches}
    for use in turns.all_uses(facts.events):
        later = use.event.started_at > breach.call.started_at
        if later and (use.event.id, use.name) not in strange:
            return None
    return Verdict(
        "Failed",
        "Bad Decision",
        f"{breach.call.name}: {breach.words}",
        user_impact="The action was not taken",
        evidence=turns.evidence(breach.call, breach.found),
    )
