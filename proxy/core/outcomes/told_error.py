"""The model was told that a tool failed, and neither it nor another made that good.

Such tools run inside the agent: nothing of them is on the wire but what the model is told. Where
the tool's call itself was seen to fail, it is judged by what was seen.
"""

import re

from proxy.core import loose
from proxy.core.model import Event
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict
from proxy.core.outcomes._healing import heals
from proxy.core.outcomes._turns import Use

name = "told_error"

# What no other tool makes good, whatever the agent goes on to do.
_HARD = re.compile(
    r"\b(?:401|403|407|429|50[0234])\b|unauthori[sz]ed|unauthenticated|forbidden|permission.?denied"
    r"|access denied|expired|invalid.{0,12}(?:token|key|credential)|rate.?limit|too many requests"
    r"|timed? ?out|connection (?:refused|reset|error|aborted)|unreachable|service not known",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^(?:error|exception):\s+(?=\S)", re.IGNORECASE)
# An answer like a 404's: the tool did what it is for.
_ORDINARY = re.compile(
    r"\bnot (?:be )?found\b|\bno such\b|does ?n[o']t exist|already exists|no (?:results|matches)\b",
    re.IGNORECASE,
)


def judge(facts: Facts) -> Verdict | None:
    """Tool Error, with the tool's own words; the evidence is who asked, and who was told."""
    uses = turns.all_uses(facts.events)
    failed = [use for use in uses if use.error is not None and not _ORDINARY.search(use.error)]
    if not failed:
        return None
    unmended = [use for use in failed if not _mended(use, uses)]
    if not unmended:
        return None
    use = unmended[-1]
    told = _told(facts, use)
    if told is None:
        return None
    seen = [call for call in turns.between(facts.events, use.event, told) if _is_for(call, use)]
    if any(timeline.failed(call) for call in seen):
        return None  # what decides is what was seen
    words = use.error or ""
    answered = told if turns.said(told).get("reply") else None
    return Verdict(
        "Failed",
        "Tool Error",
        f"{use.name}: {_PREFIX.sub('', words.splitlines()[0])}",
        retryable=heals(words),
        user_impact=f"The {'answer was made' if answered else 'run ended'} without {use.name}",
        evidence=turns.evidence(use.event, *seen[-1:], told),
    )


def _mended(bad: Use, uses: list[Use]) -> bool:
    """Whether the same tool went well later; for what a detour may mend, any tool."""
    later = [
        use
        for use in uses
        if use.result is not None
        and use.error is None
        and (use.event.started_at, use.place) > (bad.event.started_at, bad.place)
    ]
    if any(use.name == bad.name for use in later):
        return True
    aside = [use for use in later if use.event is not bad.event]
    return bool(aside) and not _HARD.search(bad.error or "")


def _is_for(call: Event, use: Use) -> bool:
    """Whether a call is the one that the model asked for, as far as that was noticed."""
    by = loose.obj(call.data.get("askedBy"))
    if not by:
        return True
    return by.get("exchange") == use.event.data.get("exchangeId") and by.get("id") == use.id


def _told(facts: Facts, use: Use) -> Event | None:
    """The model call that brought the failure."""
    later = [event for event in turns.models(facts.events) if event is not use.event]
    for event in later:
        if event.started_at <= use.event.started_at:
            continue
        if use.result in {result.get("digest") for result in turns.results(event)}:
            return event
    return None
