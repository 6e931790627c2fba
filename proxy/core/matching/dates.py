"""Dates and times in text: what a clock wrote into a prompt.

Only years from 2015 to 2039 count (a date of birth stays), and only forms that cannot be anything
else: ISO 8601, RFC 9110 (HTTP), RFC 5322, ctime, and the usual ones in prose. A date behind a word
that makes it a fact of the matter (`due`, `from`, `check-in`) stays too.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

_YEAR: Final = r"20(?:1[5-9]|2\d|3\d)"
_MONTH: Final = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_WEEKDAY: Final = r"(?:Mon|Tue(?:s)?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\.?"
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_MON: Final = r"(?:0[1-9]|1[0-2])"
_DD: Final = r"(?:0[1-9]|[12]\d|3[01])"
_CLOCK: Final = (
    r"[0-2]?\d:[0-5]\d(?::[0-6]\d(?:[.,]\d{1,9})?)?(?:\s?[AaPp]\.?[Mm]\b\.?)?"
    r"(?:\s?(?:Z|UTC|GMT|[A-Z]{2,4}T)\b)?(?:\s?[+-]\d\d:?\d\d\b)?(?:\s?\([A-Z][A-Za-z ]{1,30}\))?"
)

_DATE: Final = re.compile(
    rf"""(?<![\w./-])
    (?:{_WEEKDAY},?\s+(?:the\s+)?)?
    (?:
      (?P<basic>{_YEAR}{_MON}{_DD}T[0-2]\d[0-5]\d[0-5]\d(?:\.\d{{1,9}})?Z?)
    | (?:
        {_YEAR}(?P<sep>[-/.]){_MON}(?P=sep){_DD}
      | {_DAY}(?P<sep2>[./-]){_DAY}(?P=sep2){_YEAR}
      | {_DAY}(?:st|nd|rd|th)?[\s-](?:of\s)?{_MONTH},?[\s-]{_YEAR}
      | {_MONTH}\s{{1,2}}{_DAY}(?:st|nd|rd|th)?,?\s{_YEAR}
      )
      (?P<time>(?:T|,?\s(?:at\s|um\s)?|,\s|\s-\s){_CLOCK})?
    | (?P<ctime>{_MONTH}\s{{1,2}}{_DAY}\s[0-2]\d:[0-5]\d:[0-5]\d(?:\s[A-Z]{{3,4}})?\s{_YEAR})
    )
    (?:,?\s\(?{_WEEKDAY}\)?)?
    (?![\w]|[-/]\d|\.\d)
    """,
    re.VERBOSE,
)
_CLOCK_NOW: Final = re.compile(rf"(ime(?:\s+(?:is|now))*\s*[:=]?\s*)({_CLOCK})")
_BEFORE_CLOCK: Final = re.compile(r"\b(?:current|local|system|utc|the|server)\s+t$", re.IGNORECASE)
_CLOCK_ALONE: Final = re.compile(_CLOCK)
_CLOCK_FIELDS: Final = frozenset(("current_time", "local_time", "now", "time_now", "utc_time"))
# Words before a date that make it a fact the answer depends on, not the time of the asking ...
_FACT: Final = re.compile(
    r"(?:\b|_)(?:due|deadline|until|till|from|between|since|before|after|through|by|for|on|to|and"
    r"|born|dob|birth(?:day|date)?|check[\s_-]?(?:in|out)|depart\w*|arriv\w*|return(?:s|ing)?|valid"
    r"|start(?:s|ing)?|end(?:s|ing)?|begin(?:s|ning)?|book\w*|appointment|effective|deliver\w*"
    r"|ship\w*|schedul\w*|renew\w*|hired?)"
    r"(?:[\s_-]?(?:date|day|on|at|by|of|the|for))*[\s_]*[\"']?\s*[:=]?\s*[\"'(\[]?$",
    re.IGNORECASE,
)
# ... unless one of these says that a clock was read.
_NOW: Final = re.compile(
    r"\b(?:generated|created|updated|modified|printed|logged|captured|recorded|sent|received|built"
    r"|now|today|current\w*|as\sof|timestamp|time)\b",
    re.IGNORECASE,
)
_YEAR_AT: Final = re.compile(r"20(?:1[5-9]|2\d|3\d)")
_LOOK_BACK: Final = 32
_BEFORE_YEAR: Final = 40  # "Wednesday, the 22nd of September " and a weekday more
_AFTER_YEAR: Final = 100


def is_fact(before: str) -> bool:
    """Whether `before`, the text in front of a date or the name of its field, makes it a fact."""
    return _FACT.search(before) is not None and _NOW.search(before) is None


class Found(NamedTuple):
    """A date in a text: its span, and whether it has a time of day."""

    start: int
    end: int
    timed: bool


def find(text: str) -> Iterator[Found]:
    """Every date, facts included, from left to right."""
    done = 0
    for year in _YEAR_AT.finditer(text):
        at = year.start()
        if at < done:
            continue
        # Only the surroundings of a year are looked at: the pattern is slow on long texts.
        window = max(done, at - _BEFORE_YEAR), min(len(text), at + _AFTER_YEAR)
        match = _DATE.search(text, *window)
        if match is None or not match.start() <= at < match.end():
            continue
        done = match.end()
        timed = match["time"] or match["basic"] or match["ctime"]
        yield Found(match.start(), done, timed is not None)


def replace(text: str, found: Callable[[str, str], str], before: str = "") -> str:
    """`text` with its dates replaced by `found(kind, date)`, but for facts.

    Args:
        text: any text.
        found: gives the replacement; the kind is `time` for a date with a time of day, else `date`.
        before: what stands in front of the text: the name of its field, in snake case.
    """
    if before in _CLOCK_FIELDS and _CLOCK_ALONE.fullmatch(text):
        return found("time", text)
    done = 0
    pieces: list[str] = []
    for start, end, timed in find(text):
        if not is_fact(text[max(0, start - _LOOK_BACK) : start] or before):
            pieces += text[done:start], found("time" if timed else "date", text[start:end])
            done = end
    text = "".join((*pieces, text[done:])) if pieces else text
    return _times(text, found) if ":" in text and "ime" in text else text


def _times(text: str, found: Callable[[str, str], str]) -> str:
    """Times of day on their own, where the words before them say that a clock was read."""

    def one(match: re.Match[str]) -> str:
        start = match.start()
        if _BEFORE_CLOCK.search(text[max(0, start - _LOOK_BACK) : start]) is None:
            return match[0]
        return match[1] + found("time", match[2])

    return _CLOCK_NOW.sub(one, text)
