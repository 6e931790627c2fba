r"""Paths of temporary files in text: the random part goes, the names stay.

`/tmp/tmpk3x9_2ab/report.csv` and `/var/folders/zz/abc/T/tmp1q8f5l0z/report.csv` are one file of two
runs; `/tmp/orders.csv` and `/tmp/customers.csv` are two files. Of `/tmp/run-invoices` nobody can
say alone whether the ending was drawn: it goes, and `conflict` compares it with the other side's.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from proxy.core.matching._api import Volatile

_UNIX: Final = re.compile(
    r"/(?:(?:private/)?(?:tmp|var/tmp|var/folders/[\w+]{2}/[\w+-]{20,}/[A-Z]))"
    r"(?![\w.-])((?:/[\w.+@~-]+)*)"
)
_S: Final = r"(?:\\{1,2}|/)"
_WINDOWS: Final = re.compile(
    rf"[A-Za-z]:{_S}(?:Users{_S}[^\\/\s\"'<>|]+{_S}AppData{_S}Local{_S}Temp|(?:Windows{_S})?Te?mp)"
    rf"(?![\w.-])((?:{_S}[\w.+@~-]+)*)",
    re.IGNORECASE,
)
_WINDOWS_NEEDLES: Final = ("\\Temp", "/Temp", "\\TEMP", "\\temp", "\\tmp", "\\Tmp")
_SEPARATOR: Final = re.compile(r"\\{1,2}|/")
_WHOLE: Final = re.compile(r"tmp[a-z0-9_]{6,12}|tmp\.[A-Za-z0-9]{6,12}|pytest-\d+")
_TAIL: Final = re.compile(r"(?:^|(?<=[-_.]))[A-Za-z0-9]{6,16}(?=$|\.[a-z]{1,5}$)")
# Behind a prefix, what Python's mkdtemp (8), Node's (6) and mktemp (6, 8, 10) draw.
_DRAWN: Final = re.compile(
    r"(?<=[-_.])(?:[a-z0-9_]{8}|[A-Za-z0-9]{6}|[A-Za-z0-9]{8}|[A-Za-z0-9]{10})(?=$|\.[a-z]{1,5}$)"
)
_WORDY: Final = re.compile(r"[A-Za-z]+\d*|\d+[A-Za-z]*")
_MKDTEMP: Final = 10  # the most letters a random ending has in practice
_HUMP: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]")
_SHORT: Final = 2  # letters in a hump of a camel that no word has
_SYLLABLE: Final = 3  # letters that may be an abbreviation
_UNSPOKEN: Final = re.compile(  # in no word
    r"[bcdfghjklmnpqrstvwxz]{5}|q[^u]|[jv][bcdfghjklmnpqrstwxz]|z[bcdfghjkmnpqrstvwx]|^[^aeiouy]+$"
)


def _is_random(token: str) -> bool:
    """Letters and digits mixed through each other, or a case that changes as in no word."""
    if not token.isalpha():
        return _WORDY.fullmatch(token) is None
    return len(token) <= _MKDTEMP and len(token) <= _SHORT * len(_HUMP.findall(token))


def _is_word(token: str) -> bool:
    """Whether somebody may have written it: words and numbers, with `_` between them."""
    pieces = [piece for piece in token.split("_") if piece]
    return all(not _is_random(piece) and _is_spoken(piece) for piece in pieces)


def _is_spoken(piece: str) -> bool:
    letters = piece.strip("0123456789").lower()
    return len(letters) <= _SYLLABLE or _UNSPOKEN.search(letters) is None


def conflict(recorded: Iterable[Volatile], live: Iterable[Volatile]) -> str | None:
    """Why two requests with equal keys name different files; None if they do not."""
    pairs = zip(_names(recorded), _names(live), strict=True)
    for old, new in pairs:
        words = _is_word(old) + _is_word(new)
        if old != new and words and (words > 1 or len(old) != len(new)):
            return f"a temporary file is named {new!r}, recorded is {old!r}"
    return None


def _names(values: Iterable[Volatile]) -> list[str]:
    return [value.text for value in values if value.kind == "name"]


def _steady(name: str, found: Callable[[str, str], str]) -> str:
    """One name of a path without what is random in it."""
    if _WHOLE.fullmatch(name):
        return "*"
    if drawn := _DRAWN.search(name):
        return name[: drawn.start()] + found("name", drawn[0]) + name[drawn.end() :]
    return _TAIL.sub(lambda match: "*" if _is_random(match[0]) else match[0], name)


def replace(text: str, found: Callable[[str, str], str]) -> str:
    """`text` with the paths of temporary files made steady; `found(kind, path)` is told of each."""

    def one(match: re.Match[str]) -> str:
        start = match.start()
        before = text[start - 1 : start]
        if before.isalnum() or before in (".", "_"):
            return match[0]  # the end of a longer path, not a root
        found("path", match[0])
        steady = "/".join([_steady(name, found) for name in _SEPARATOR.split(match[1])])
        return f"<tmp>{steady}"

    if "/tmp" in text or "/var/folders/" in text:  # noqa: S108 - text that is looked for
        text = _UNIX.sub(one, text)
    if any(map(text.__contains__, _WINDOWS_NEEDLES)):
        text = _WINDOWS.sub(one, text)
    return text
