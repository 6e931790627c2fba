"""The run came to a phase before the one that comes first. Going back is allowed."""

from proxy.core import loose
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict

name = "phase_order"


def judge(facts: Facts) -> Verdict | None:
    """Bad Decision, with the phase that was skipped; the evidence is the phase's own row."""
    order = [str(one) for one in loose.array(facts.expected.get("phases"))]
    groups = sorted(
        (event for event in facts.events if event.kind == "group"),
        key=lambda event: (event.started_at, event.id or 0),
    )
    seen: set[str] = set()
    for group in groups:
        if group.name not in order:
            continue
        place = order.index(group.name)
        skipped = [phase for phase in order[:place] if phase not in seen]
        if skipped:
            return Verdict(
                "Failed",
                "Bad Decision",
                f"the phase {group.name} began before {' and '.join(skipped)}",
                evidence=turns.evidence(group),
            )
        seen.add(group.name)
    return None
