"""Credentials on command lines, and in `.netrc` files, in any text.

`--api-key VALUE` of a shell, `["--api-key", "VALUE"]` of a list of arguments, the same one under
the other in YAML, `curl -u user:PASSWORD`. What is written `--api-key=VALUE` is found by its name.
"""

import re
from collections.abc import Iterator

from proxy.core import slices
from proxy.core.redaction import names, pairs, pseudonym, values
from proxy.core.redaction.names import Rule
from proxy.core.redaction.spans import Find

# Spaces; the end of one text in a list and the beginning of the next; the next item of a YAML list.
_NEXT = (
    r"(?:[ \t]++|\\*+[\"'][ \t]*+,(?:[ \t\r\n]|\\++[nrt])*+(?=\\*+[\"'])"
    r"|(?:\\*+[\"'])?+(?:\\++[rn]|[\r\n])++[ \t]*+-[ \t]++)"
)
_FLAG = re.compile(rb"-(?<![\w\-]-)-?+([A-Za-z][\w.\-]{0,62}+)")
_APART = re.compile(_NEXT.encode())
_USERS = frozenset((b"u", b"U", b"user", b"proxy-user"))
_VALUE = re.compile(
    rb"(?P<open>\\*+(?P<quote>[\"']))(?P<quoted>(?:(?!\\*+(?P=quote))[^\r\n]){1,4096}+)"
    rb"|(?P<bare>[^\s\"'`\\,;|&<>()\[\]{}]{1,4096}+)"
)
_SPACE = r"(?:\s|\\++[nrt])++"
_WORD = r"(?:[^\s\\\"'<>]{1,200}+)"
_WORD_PASSWORD = b"password"
_PASSWORD = re.compile(rf"password{_SPACE}({_WORD})".encode())
_LOGIN = re.compile(
    rf"(?:(?P<host>machine){_SPACE}{_WORD}{_SPACE})?+(?:login{_SPACE}{_WORD}{_SPACE})?+"
    rf"(?:account{_SPACE}{_WORD}{_SPACE})?+\Z".encode()
)
_LOGIN_REACH = 256  # bytes of a `.netrc` before the word `password`
_CURL_REACH = 300  # bytes before `-u` in which curl was called


def find(data: bytes) -> Iterator[Find]:
    """The credentials in `data` that are arguments of a program, or lines of a `.netrc`."""
    for flag in slices.finditer(_FLAG, data):
        name = flag[1]
        rule = names.key_rule(name)
        if rule is not None:
            if apart := _APART.match(data, flag.end()):
                yield from _argument(data, apart.end(), rule)
        elif name[:1] in b"uUp":
            yield from _user(data, flag)
    yield from _netrc(data)


def _argument(data: bytes, at: int, rule: Rule) -> Iterator[Find]:
    found = _value(data, at)
    if found is None:
        return
    start, value = found
    if rule in (Rule.COOKIE, Rule.SET_COOKIE):
        for first, last in pairs.cookie_values(value, first_only=False):
            yield Find(start + first, start + last, value[first:last])
        return
    skip = values.after_scheme(value)
    value = value[skip:]
    if value[:1] not in (b"-", b"$") and pairs.accepted(value, rule, strict=False):
        yield Find(start + skip, start + skip + len(value), pairs.unescape(value, 1))


def _user(data: bytes, flag: re.Match[bytes]) -> Iterator[Find]:
    """`curl -u user:password`; of other programs only what looks like a password."""
    apart = _APART.match(data, flag.end())
    if flag[1] in _USERS and (apart or data[flag.end() : flag.end() + 1] in (b"=", b'"', b"'")):
        found = _value(
            data, apart.end() if apart else flag.end() + data.startswith(b"=", flag.end())
        )
    elif flag[0][1:2] in (b"u", b"U"):
        found = _value(data, flag.start() + 2)
    else:
        found = None
    if found is None:
        return
    start, value = found
    user, colon, password = value.partition(b":")
    if not colon or password[:2] == b"//" or password[:1] == b"$" or pseudonym.is_in(value):
        return
    before = data[max(0, flag.start() - _CURL_REACH) : flag.start()]
    sure = b"curl" in before[max(before.rfind(b"\n"), 0) :]
    if not password and sure and values.is_plausible(user):
        yield Find(start, start + len(user), user)
    elif (password and sure and not values.is_placeholder(password)) or (
        apart and values.is_plausible(password)
    ):
        start += len(user) + 1
        yield Find(start, start + len(password), password)


def _value(data: bytes, at: int) -> tuple[int, bytes] | None:
    """An argument in quotes or without, and where it begins."""
    found = _VALUE.match(data, at)
    if found is None:
        return None
    group = "bare" if found["bare"] else "quoted"
    return found.start(group), found[group]


def _netrc(data: bytes) -> Iterator[Find]:
    at = slices.find(data, _WORD_PASSWORD)
    while at >= 0:
        word, found = at, _PASSWORD.match(data, at)
        at = slices.find(data, _WORD_PASSWORD, at + 1)
        if found is None:
            continue
        before = _LOGIN.search(data[max(0, word - _LOGIN_REACH) : word])
        if not before or not before[0] or pseudonym.is_whole(found[1]):
            continue
        if (
            not values.is_placeholder(found[1])
            if before["host"]
            else values.is_credential_like(found[1])
        ):
            yield Find(*found.span(1), found[1])
