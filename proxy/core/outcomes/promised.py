"""The model said that it would act, or had acted, and the run ended without it.

Only where the request offered it a tool for that, and its last words ask nothing back.
"""

import re
from collections.abc import Iterable, Sequence

from proxy.core import loose
from proxy.core.model import Event
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes import _turns as turns
from proxy.core.outcomes._api import Facts, Verdict

name = "promised"

_DOES = (
    r"(?:look(?: \w+)? up|look into|check|search|find|fetch|get|pull up|retrieve|read|open|query"
    r"|process|issue|send|create|update|cancel|book|schedule|transfer|escalate|refund|submit|file"
    r"|place|delete|remove|add|run|execute|call|notify|email|charge|reset|verify|order|post|write"
    r"|save|reserve)"
)
_WILL = re.compile(
    rf"\b(?:I(?:'|\u2019)ll|I will|I am going to|I(?:'|\u2019)m going to|let me|next,? I)"
    rf"(?: now| just| first| go ahead and| quickly| also)*\s+{_DOES}\b(?P<rest>[^.!?\n]*)",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"\bI(?:(?:'|\u2019)ve| have)(?: now| just| successfully| already)*\s+(?P<verb>issued|sent"
    r"|created|updated|cancell?ed|booked|scheduled|transferred|escalated|refunded|submitted|filed"
    r"|placed|deleted|removed|charged|reset|reserved|emailed|notified|processed|ordered|replaced)\b"
    r"(?P<rest>[^.!?\n]*)",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"\b(?:if|once|when|after|as soon as|unless|until|tomorrow|let me know|in case|would you)\b",
    re.IGNORECASE,
)
_LAST = 400  # letters of an answer in which a promise is its last word
_STEM = 4
_WORD = re.compile(r"[A-Za-z][a-z]+|[A-Z]{2,}(?![a-z])")


def judge(facts: Facts) -> Verdict | None:
    """Bad Decision, with what was said."""
    models = turns.models(facts.events)
    if not models or facts.exit_code or facts.ended_by == "crash":
        return None
    last = models[-1]
    text = (loose.text(turns.said(last).get("reply")) or "").strip()
    offered = [str(name) for name in loose.array(turns.said(last).get("tools"))]
    acted = loose.array(turns.said(last).get("toolUses"))  # by what the provider runs, too
    if not text or not offered or acted or turns.finish(last) in turns.LIMITS:
        return None
    if text.endswith("?") or turns.after(facts.events, last):
        return None
    said = _promise(text, offered) or _claim(text, offered, _done(facts.events))
    if said is None:
        return None
    return Verdict(
        "Failed",
        "Bad Decision",
        f"the run ended with an action {said[0]} and not taken: “{said[1]}”",
        retryable=None,
        user_impact="The action was not taken",
        evidence=turns.evidence(last),
    )


def _promise(text: str, offered: Iterable[str]) -> tuple[str, str] | None:
    """What the last sentences announce, if one of the tools is for it."""
    for match in _WILL.finditer(text[-_LAST:]):
        sentence = match[0].strip()
        around = text[-_LAST:][max(0, match.start() - 60) : match.end()]
        if _LATER.search(around.replace(sentence, "") if "let me" in sentence.lower() else around):
            continue
        if _LATER.search(match["rest"]) or text[-_LAST:][match.end() :].lstrip()[:1] == "?":
            continue
        if any(_is_for(tool, sentence) for tool in offered):
            return "promised", sentence
    return None


def _claim(text: str, offered: Iterable[str], done: str) -> tuple[str, str] | None:
    """What it says that it did, if one of the tools is for it, and no call had to do with it."""
    for match in _DONE.finditer(text):
        sentence = match[0].strip()
        tools = [tool for tool in offered if _acts(tool, match["verb"], sentence)]
        if tools and not any(_overlap(tool, done) or tool.lower() in done for tool in tools):
            return "claimed", sentence
    return None


def _done(events: Sequence[Event]) -> str:
    """The names of everything that was called, by the model or on the wire."""
    names = [use.name for use in turns.all_uses(events)]
    wire = [event for event in timeline.calls(events) if event.kind != "llm_call"]
    hosted = [
        str(use.get("name"))
        for event in turns.models(events)
        for use in loose.objects(turns.said(event).get("toolUses"))
    ]
    return " ".join([*names, *hosted, *(f"{event.name} {event.data.get('url')}" for event in wire)])


def _is_for(tool: str, sentence: str) -> bool:
    """Whether a tool's name and a sentence have a word in common."""
    return bool(_stems(tool) & _stems(sentence)) or bool(
        re.search(r"search|find|look|get|query|fetch|read", tool, re.IGNORECASE)
        and re.search(r"\b(?:look|search|find|fetch|retrieve|pull up)\b", sentence, re.IGNORECASE)
    )


def _acts(tool: str, verb: str, sentence: str) -> bool:
    """Whether a tool is for what the verb says was done, not only about the same thing."""
    stems = _stems(tool)
    if next(iter(_stems(verb)), "") in stems:
        return True
    nouns = _stems(sentence) & stems
    return bool(nouns) and len(_WORD.findall(tool)) == 1


def _overlap(tool: str, done: str) -> bool:
    return bool(_stems(tool) & _stems(done))


def _stems(text: str) -> frozenset[str]:
    """The beginnings of the words: `refunded` and `refunds` are one."""
    words = (word.lower() for word in _WORD.findall(text))
    return frozenset(word[:_STEM] for word in words if len(word) >= _STEM)  # sends, email, book
