"""Whether an error heals by itself, by what it says of itself."""

import re

_HEALS = re.compile(
    r"\b(?:429|50[0234]|529)\b|expired|rate.?limit|too many requests|time(?:d )?.?out"
    r"|deadline.exceeded"
    r"|connection (?:refused|reset|error|aborted|closed)|unreachable|unavailable|overloaded"
    r"|server.?error|server had an error|internal error|try again|temporar|locked|throttl",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"\b(?:400|401|403|404|422)\b|unauthori[sz]ed|forbidden|denied|invalid|unknown|unsupported"
    r"|not[ _](?:found|allowed|supported)|quota|billing|missing|required",
    re.IGNORECASE,
)


def heals(words: str) -> bool | None:
    """True: the same may go well later; False: it will not; None: nobody can tell."""
    if _HEALS.search(words):
        return True
    return False if _NEVER.search(words) else None
