"""A guard refused a call and the run did not get past it."""

from proxy.core.model import End
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes._api import Facts, Verdict

name = "refused"

_SCHEMA = "schema: "
# By the first word of the refusal's reason.
MODES = {
    "budget": "Cost Blowup",
    "cost": "Cost Blowup",
    "tokens": "Cost Blowup",
    "deadline": "Timeout",
    "time": "Timeout",
    "schema": "Tool Error",
}


def judge(facts: Facts) -> Verdict | None:
    """The verdict by what the guard was there for; loops and phases are bad decisions."""
    event = timeline.decisive(facts)
    if event is None or timeline.end(event) != End.REFUSED:
        return None
    said = timeline.error_text(event) or "refused by a guard"
    reason = str(event.data.get("error") or "")
    if reason.startswith(_SCHEMA):
        said = reason  # in the same words, whatever the protocol makes of them
    word = said.replace(":", " ").split()[0].lower()
    return Verdict(
        "Failed",
        MODES.get(word, "Bad Decision"),
        f"{event.name} refused: {said.removeprefix(_SCHEMA)}",
        retryable=False,
        user_impact=timeline.impact(facts, event),
        evidence=_with_findings(facts, timeline.evidence(facts, event)),
    )


def _with_findings(facts: Facts, found: tuple[int, ...]) -> tuple[int, ...]:
    """The refused calls, and what was wrong with their payloads."""
    told = [
        event.id
        for event in facts.events
        if event.kind == "validation" and event.parent_event_id in found and event.id is not None
    ]
    return tuple(sorted({*found, *told}))
