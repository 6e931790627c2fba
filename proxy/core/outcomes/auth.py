"""A call was not let in: no or wrong credentials, an expired token, a missing scope."""

import re

from proxy.core.model import End, Event
from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes._api import Facts, Verdict

name = "auth"

_CODES = frozenset((401, 403, 407))
_ERROR = 400
# What an error that came inside a 200 must say to count as one of these.
_INSIDE = re.compile(
    r"\b(?:401|403)\b|unauthori[sz]ed|unauthenticated|forbidden|permission.?denied"
    r"|access denied|(?:token|session|credential)s? (?:has |have |is |are )?expired"
    r"|(?:invalid|expired|missing|incorrect)[ _](?:access |auth\w* |api )?(?:token|key|credential)"
    r"|authentication.(?:error|failed|required)|insufficient.(?:scope|permission)"
)
# (what the words say, what it is called, whether the same call may work once that is put right)
_CAUSES: tuple[tuple[re.Pattern[str], str, bool], ...] = (
    (re.compile(r"expired"), "expired token", True),
    (re.compile(r"scope|permission|privilege|not allowed|role\b"), "missing scope", False),
    (re.compile(r"tenant|organi[sz]ation|workspace|project"), "wrong tenant", False),
)


def judge(facts: Facts) -> Verdict | None:
    """Tool Error, with the status, what the answer said, and the cause where it is known."""
    event = timeline.decisive(facts)
    if event is None or timeline.end(event) != End.COMPLETE:
        return None
    code = timeline.status_code(event)
    words = f"{timeline.error_words(event)} {event.data.get('challenge') or ''}".lower()
    if not (code in _CODES or ((code or 0) < _ERROR and _INSIDE.search(words))):
        return None
    cause, retryable = _cause(words)
    own = timeline.error_text(event)
    own = None if own == f"HTTP {code}" else own  # what stands for an empty body
    said = own or _described(event) or _phrase(code)
    known = cause is None or any(word in said.lower() for word in cause.split())
    status = f" {code}" if code in _CODES else f" (inside a {code})" if code else ""
    return Verdict(
        "Failed",
        "Tool Error",
        f"{event.name}{status}: {said}" + ("" if known else f" ({cause})"),
        retryable=retryable,
        user_impact=timeline.impact(facts, event),
        evidence=timeline.evidence(facts, event),
    )


def _cause(words: str) -> tuple[str | None, bool]:
    found = (
        (called, heals) for pattern, called, heals in _CAUSES if pattern.search(words) is not None
    )
    return next(found, (None, False))


def _described(event: Event) -> str | None:
    """What a `WWW-Authenticate` header says in words."""
    challenge = str(event.data.get("challenge") or "")
    match = re.search(r'error_description="([^"]+)"', challenge) or re.search(
        r'error="([^"]+)"', challenge
    )
    return match[1] if match else None


def _phrase(code: int | None) -> str:
    words = {401: "unauthorized", 403: "forbidden", 407: "proxy authentication required"}
    return words.get(code or 0, "not let in")
