r"""Finding values by the name before them, in any text.

`"password": "…"` in JSON at any depth of nesting (`{"args": "{\"password\": \"…\"}"}`),
`{"name": "API_KEY", "value": "…"}`, `API_KEY=…` of an environment, `?token=…` of a URL,
`Authorization: Bearer …` of a log, `<password>…</password>`, `scheme://user:…@host`.

Every separator whose preceding characters may end such a name is looked at from both sides; no
text is parsed as a whole, so cut-off, broken and mixed texts are read as well as whole ones.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from proxy.core.redaction import names, pseudonym, values
from proxy.core.redaction.names import NAME_ENDS, Rule
from proxy.core.redaction.spans import Find
from proxy.core.redaction.tokens import plain

_COLUMNS = "".join(
    "[" + "".join(sorted({end[at] for end in (*NAME_ENDS, "lue")})) + "]" for at in range(3)
)
_ENDS = "".join(c + c.upper() if c.islower() else c for c in _COLUMNS)
_LOOKS = {
    b":": r":(?:(?<=%s[\"']:)|(?<=%s:)|(?<=%s\\[\"']:)|(?<=\\\\[\"']:)|(?<=[A-Za-z\"'] :))",
    b"=": r"=(?:(?<=%s=)|(?<=%s =)|(?<=[\"'\]]=)|(?<=[\"'\]] =))",
    b">": r">(?<=%s>)(?=[^<\s])",
}
_SEPARATORS = tuple(
    (char, re.compile(look.replace("%s", _ENDS).encode())) for char, look in _LOOKS.items()
)
_NAME_ENDS = frozenset(end.encode() for end in (*NAME_ENDS, "lue"))
_CLOSERS = b" \t\r\n\"'\\]"
_LINE_STARTS = (b"", b"\n", b" ", b'"', b"'")
_LOOK_BACK = 72  # bytes that a name's last letters take and what closes it, six strings deep
_BACK = 160  # bytes before a separator that a name, its quotes and spaces take
_NAME_BACKWARDS = re.compile(rb"[A-Za-z0-9_.\-$]{2,64}")
_OPEN = re.compile(rb"[ \t\r\n]*(?:\[[ \t\r\n]*)?(\\*)([\"'])")
_BARE = re.compile(rb"[ \t]*([^\s\"'&;,<>()\[\]{}|\\`]+)")
_QUERY_VALUE = re.compile(rb"([^\s\"'&<>#\\`]+)")
_LINE = re.compile(rb"[ \t]*([^\r\n\"'\\<>`]*)")
_XML = re.compile(rb"([^<\r\n]{1,8192})</")
_TO_LINE_END = frozenset((b"digest", b"aws4-hmac-sha256", b"oauth", b"hawk", b"hmac"))
_MAX_DEPTH = 8
_BACKSLASH = 0x5C
_LINES = (Rule.SCHEME, Rule.COOKIE, Rule.SET_COOKIE)
_COOKIE_COMMA = re.compile(rb",[ \t]*(?=[^;,=\s]+=)")
_USERINFO_BACK = 512
_SCHEME_BACKWARDS = re.compile(rb"[A-Za-z0-9+.\-]{1,20}")
_NO_USERINFO = re.compile(rb"[\s\"'<>\\?#]|:[0-9]{1,5}/")
_WEB = frozenset((b"http", b"https", b"ws", b"wss", b"ftp"))
_MORE_USERINFO = re.compile(rb"[^\s/@\"'<>\\?#]*@")
_LONG_USER = 20  # a user name alone is a token from here on


def find(data: bytes) -> Iterator[Find]:
    """The values in `data` that stand after a name of a credential."""
    for separator, look in _SEPARATORS:
        at = data.find(separator)
        if at < 0:
            continue
        after = _element if separator == b">" else _pair
        for hit in look.finditer(data, at):
            at = hit.start()
            if data[max(0, at - _LOOK_BACK) : at].rstrip(_CLOSERS)[-3:].lower() in _NAME_ENDS:
                yield from after(data, at)
    if b"@" in data:
        yield from _userinfo(data)


def _pair(data: bytes, at: int) -> Iterator[Find]:
    """The value after the colon or equals sign at `at`, if the name before it calls for it."""
    before = data[max(0, at - _BACK) : at].rstrip(b" \t\r\n").removesuffix(b"]")
    quoted = before[-1:] in (b'"', b"'")
    if quoted:
        before = before[:-1].rstrip(b"\\")
    name, lead = _name(before)
    equals = data[at : at + 1] == b"="
    if equals and not quoted and lead in (b"?", b"&"):
        yield from _query(data, at + 1, names.query_rule(name))
        return
    if quoted and name.lower() == b"value":
        name = _sibling(before[: -len(name)])
    rule = names.key_rule(name)
    if rule is None:
        return
    opened = _OPEN.match(data, at + 1)
    if opened and (quoted or b"[" not in opened[0]):
        yield from _quoted(data, opened, rule, strict=quoted)
    elif not quoted and rule in _LINES:
        yield from _line(data, at + 1, rule)
    elif not quoted:
        # An environment or a connection string, not code: there a plain word is a password too.
        sure = equals and (lead == b";" or (name.isupper() and lead in _LINE_STARTS))
        yield from _bare(data, at + 1, rule, strict=sure)


def _name(before: bytes) -> tuple[bytes, bytes]:
    """The name that `before` ends in, empty when none, and the character before it."""
    found = _NAME_BACKWARDS.match(before[::-1])
    if not found:
        return b"", b""
    name = found[0][::-1]
    rest = before[: -len(name)]
    if rest.endswith(b"\\"):
        return name[1:], b"\n"  # an escape: \nPASSWORD=
    return name.lstrip(b".-"), rest[-1:]


def _sibling(before: bytes) -> bytes:
    """Of `{"name": "API_KEY", "value": …`: the name before the value."""
    before = before.rstrip(b"\"'\\").rstrip(b" \t\r\n")
    if not before.endswith(b","):
        return b""
    before = before[:-1].rstrip(b" \t\r\n")
    return _name(before.rstrip(b"\"'\\"))[0] if before[-1:] in (b'"', b"'") else b""


def _quoted(data: bytes, opened: re.Match[bytes], rule: Rule, *, strict: bool) -> Iterator[Find]:
    """A value in quotes; `strict` where its name was in quotes too, as in JSON."""
    depth = _depth(len(opened[1]))
    start = opened.end()
    raw = data[start : _closing(data, start, opened[2], depth)]
    if rule in (Rule.COOKIE, Rule.SET_COOKIE):
        for first, last in cookie_values(raw, first_only=rule is Rule.SET_COOKIE):
            yield Find(start + first, start + last, unescape(raw[first:last], depth + 1))
        return
    skip = values.after_scheme(raw) if rule is Rule.SCHEME else 0
    value = unescape(raw[skip:], depth + 1)
    if _accepted(value, rule, strict=strict):
        yield Find(start + skip, start + len(raw), value)


def _bare(data: bytes, at: int, rule: Rule, *, strict: bool) -> Iterator[Find]:
    """A value without quotes, in an environment, a connection string, YAML or code."""
    found = _BARE.match(data, at)
    if found is None:
        return
    value = found[1]
    if not strict and (data[found.end() : found.end() + 1] in (b"(", b"[") or b"://" in value):
        return  # a call or an index in code; a URL has its own places
    if _accepted(value, rule, strict=strict):
        yield Find(found.start(1), found.end(1), value)


def _query(data: bytes, at: int, rule: Rule | None) -> Iterator[Find]:
    """A parameter of a URL."""
    found = _QUERY_VALUE.match(data, at)
    if found is None or rule is None:
        return
    value = unquote_to_bytes(found[1])
    if _accepted(value, rule, strict=True):
        yield Find(found.start(1), found.end(1), value)


def _accepted(value: bytes, rule: Rule, *, strict: bool) -> bool:
    """Whether a value is a credential. Without `strict` even a strong name asks for its look."""
    if pseudonym.is_whole(value) or values.is_placeholder(value):
        return False
    if rule is Rule.WEAK:
        return values.is_plausible(value)
    return strict or values.is_credential_like(value)


def _line(data: bytes, at: int, rule: Rule) -> Iterator[Find]:
    """A header as a line of text: `Authorization: Bearer …`, `Cookie: a=b; c=d`."""
    found = _LINE.match(data, at)
    if found is None or not found[1]:
        return
    text, start = found[1], found.start(1)
    if rule is not Rule.SCHEME:
        for first, last in cookie_values(text, first_only=rule is Rule.SET_COOKIE):
            yield Find(start + first, start + last, text[first:last])
        return
    skip = values.after_scheme(text)
    whole = text[:skip].strip().lower() in _TO_LINE_END
    value = text[skip:] if whole else text[skip:].partition(b" ")[0]
    value = value.rstrip(b" \t,;.")
    if not pseudonym.is_whole(value) and (whole or values.is_credential_like(value)):
        yield Find(start + skip, start + skip + len(value), value)


def _element(data: bytes, at: int) -> Iterator[Find]:
    """The text of an XML element whose start tag ends at `at`."""
    name, lead = _name(data[max(0, at - _BACK) : at])
    if lead not in (b"<", b":") or names.key_rule(name) is None:
        return
    found = _XML.match(data, at + 1)
    if found and not pseudonym.is_whole(found[1]) and not values.is_placeholder(found[1]):
        yield Find(found.start(1), found.end(1), found[1])


def _userinfo(data: bytes) -> Iterator[Find]:
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


def cookie_values(text: bytes, *, first_only: bool) -> Iterator[tuple[int, int]]:
    """Where the values in a cookie header are; of Set-Cookie only each cookie's own."""
    at = 0
    cuts = [found.end() for found in _COOKIE_COMMA.finditer(text)] if first_only else []
    for stop in (*cuts, len(text)):
        for piece in text[at:stop].split(b";"):
            name, equals, value = piece.partition(b"=")
            start = at + len(name) + 1
            at += len(piece) + 1
            value = value.rstrip(b", \t\r\n") if first_only else value.rstrip(b" \t\r\n")
            start += len(value) - len(value.lstrip(b' \t"'))
            value = value.strip(b' \t"')
            if equals and value and not pseudonym.is_whole(value):
                yield start, start + len(value)
            if first_only:
                break
        at = stop


def unescape(value: bytes, times: int) -> bytes:
    """`value` with JSON's escapes taken off, level by level."""
    for _ in range(times):
        value = plain(value)
    return value


def _depth(backslashes: int) -> int:
    """How deep a quote with so many backslashes before it is nested: 0, 1, 3, 7 are 0, 1, 2, 3."""
    depth = 0
    while backslashes % 2 and depth < _MAX_DEPTH:
        backslashes = (backslashes - 1) // 2
        depth += 1
    return depth


def _closing(data: bytes, start: int, quote: bytes, depth: int) -> int:
    """Where the string opened before `start` ends: at its quote, an outer one, or the line."""
    at = seen = start
    while True:
        at = data.find(quote, at)
        stop = data.find(b"\n", seen, at if at >= 0 else len(data))
        if stop >= 0 or at < 0:
            return stop if stop >= 0 else len(data)
        run = at
        while run > start and data[run - 1] == _BACKSLASH:
            run -= 1
        level = _depth(at - run)
        if level <= depth:
            return at - ((1 << level) - 1)
        at += 1
        seen = at
