"""Passwords in URLs: `scheme://user:password@host`, in any text."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from proxy.core.redaction import pseudonym, values
from proxy.core.redaction.spans import Find

_USERINFO_BACK = 512
_SCHEME_BACKWARDS = re.compile(rb"[A-Za-z0-9+.\-]{1,20}")
_NO_USERINFO = re.compile(rb"[\s\"'<>\\?#]|:[0-9]{1,5}/")
_WEB = frozenset((b"http", b"https", b"ws", b"wss", b"ftp"))
_MORE_USERINFO = re.compile(rb"[^\s/@\"'<>\\?#]*@")
_LONG_USER = 20  # a user name alone is a token from here on


def find(data: bytes) -> Iterator[Find]:
    """Passwords (or a token instead of a name) in `scheme://user:password@host`."""
    at = data.find(b"@")
    while at >= 0:
        start, scheme = _url_before(data, at)
        end = _userinfo_end(data, start, at, scheme) if start else 0
        if end:
            user, colon, password = data[start:end].partition(b":")
            value = unquote_to_bytes(password if colon else user)
            if colon:
                start += len(user) + 1
            told = colon or (len(user) >= _LONG_USER and values.is_plausible(value))
            if told and not pseudonym.is_whole(value) and not values.is_placeholder(value):
                yield Find(start, end, value)
            at = end
        at = data.find(b"@", at + 1)


def _url_before(data: bytes, at: int) -> tuple[int, bytes]:
    """Where the authority of a URL begins that may reach to `at`, 0 for none; and its scheme."""
    for mark in (b"://", b":\\/\\/"):
        found = data.rfind(mark, max(0, at - _USERINFO_BACK), at)
        if found > 0:
            scheme = _SCHEME_BACKWARDS.match(data[max(0, found - 20) : found][::-1])
            return (found + len(mark), scheme[0][::-1].lower()) if scheme else (0, b"")
    return 0, b""


def _userinfo_end(data: bytes, start: int, at: int, scheme: bytes) -> int:
    """Where the user part of a URL ends: at its last at sign; 0 when it has none."""
    if _NO_USERINFO.search(data, start, at) or (scheme in _WEB and b"/" in data[start:at]):
        return 0  # the at sign is in a path; database clients let a password hold a slash
    more = _MORE_USERINFO.match(data, at + 1)
    return more.end() - 1 if more else at
