r"""Paths of temporary files in text: the random part goes, the names stay.

`/tmp/tmpk3x9_2ab/report.csv` and `/var/folders/zz/abc/T/tmp1q8f5l0z/report.csv` are one file of two
runs; `/tmp/orders.csv` and `/tmp/customers.csv` are two files.
"""

import re
from collections.abc import Callable
from typing import Final

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
_WORDY: Final = re.compile(r"[A-Za-z]+\d*|\d+[A-Za-z]*")
_MKDTEMP: Final = 10  # the most letters a random ending has in practice
_HUMP: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]")
_SHORT: Final = 2  # letters in a hump of a camel that no word has


def _is_random(token: str) -> bool:
    """Letters and digits mixed through each other, or a case that changes as in no word."""
    if not token.isalpha():
        return _WORDY.fullmatch(token) is None
    return len(token) <= _MKDTEMP and len(token) <= _SHORT * len(_HUMP.findall(token))


def _steady(name: str) -> str:
    """One name of a path without what is random in it."""
    if _WHOLE.fullmatch(name):
        return "*"
    return _TAIL.sub(lambda match: "*" if _is_random(match[0]) else match[0], name)


def replace(text: str, found: Callable[[str, str], str]) -> str:
    """`text` with the paths of temporary files made steady; `found(kind, path)` is told of each."""

    def one(match: re.Match[str]) -> str:
        start = match.start()
        before = text[start - 1 : start]
        if before.isalnum() or before in (".", "_"):
            return match[0]  # the end of a longer path, not a root
        steady = "/".join(map(_steady, _SEPARATOR.split(match[1])))
        found("path", match[0])
        return f"<tmp>{steady}"

    if "/tmp" in text or "/var/folders/" in text:  # noqa: S108 - text that is looked for
        text = _UNIX.sub(one, text)
    if any(map(text.__contains__, _WINDOWS_NEEDLES)):
        text = _WINDOWS.sub(one, text)
    return text
