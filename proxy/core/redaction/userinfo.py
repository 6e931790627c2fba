"""Passwords in URLs: `scheme://user:password@host`, in any text."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from proxy.core import slices
from proxy.core.redaction import pseudonym, values
from proxy.core.redaction.spans import Find

_USERINFO_REACH = 512  # from the scheme's colon
_MARK = re.compile(rb":(?://|\\/\\/)")
_SCHEME_BACKWARDS = re.compile(rb"[A-Za-z0-9+.\-]{1,20}")
_NO_USERINFO = re.compile(rb"[\s\"'<>\\?#]|:[0-9]{1,5}/")
_WEB = frozenset((b"http", b"https", b"ws", b"wss", b"ftp"))
_MORE_USERINFO = re.compile(rb"[^\s/@\"'<>\\?#]*@")
_LONG_USER = 20  # a user name alone is a token from here on


def find(data: bytes) -> Iterator[Find]:
    """Passwords (or a token instead of a name) in `scheme://user:password@host`."""
    if b"@" not in data:
        return
    marks = [found.span() for found in slices.finditer(_MARK, data)]
    at = -1
    for number, (begin, start) in enumerate(marks):
        following = marks[number + 1][0] if number + 1 < len(marks) else len(data)
        last = min(following, begin + _USERINFO_REACH + 1)
        at = data.find(b"@", max(start, at + 1), last)
        if at < 0 or not (
            scheme := _SCHEME_BACKWARDS.match(data[max(0, begin - 20) : begin][::-1])
        ):
            continue
        while at >= 0:
            end = _userinfo_end(data, start, at, scheme[0][::-1].lower())
            if end and (found := _secret(data, start, end)):
                yield found
            at = end or at
            at = data.find(b"@", at + 1, last)


def _secret(data: bytes, start: int, end: int) -> Find | None:
    """What is secret of the user part of a URL."""
    user, colon, password = data[start:end].partition(b":")
    value = unquote_to_bytes(password if colon else user)
    told = colon or (len(user) >= _LONG_USER and values.is_plausible(value))
    if not told or pseudonym.is_whole(value) or values.is_placeholder(value):
        return None
    return Find(start + len(user) + 1 if colon else start, end, value)


def _userinfo_end(data: bytes, start: int, at: int, scheme: bytes) -> int:
    """Where the user part of a URL ends: at its last at sign; 0 when it has none."""
    if _NO_USERINFO.search(data, start, at) or (scheme in _WEB and b"/" in data[start:at]):
        return 0  # the at sign is in a path; database clients let a password hold a slash
    more = _MORE_USERINFO.match(data, at + 1)
    return more.end() - 1 if more else at
