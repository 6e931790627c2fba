r"""Finding values by the name before them, in any text.

`"password": "…"` in JSON at any depth of nesting (`{"args": "{\"password\": \"…\"}"}`),
`{"name": "API_KEY", "value": "…"}`, `{"api_key": {"value": "…"}}`, `API_KEY=…` of an
environment, `?token=…` of a URL,
`Authorization: Bearer …` of a log, `<password>…</password>`.

Every separator whose preceding characters may end such a name is looked at from both sides; no
text is parsed as a whole, so cut-off, broken and mixed texts are read as well as whole ones.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from urllib.parse import unquote_to_bytes

from proxy.core import slices
from proxy.core.redaction import names, pseudonym, values
from proxy.core.redaction.names import NAME_ENDS, Rule
from proxy.core.redaction.spans import Find
from proxy.core.redaction.tokens import plain

_ENDS = sorted({*NAME_ENDS, "lue"})


def _either(letters: Iterable[str]) -> str:
    """One of the letters, in either case: which is faster said so than with a flag."""
    return f"[{''.join(sorted({case for one in letters for case in (one, one.upper())}))}]"


# The last three letters of every name (and of `value`): column by column, then exactly.
_COLUMN = "".join(_either(end[at] for end in _ENDS) for at in range(3))
_EXACT = "|".join(
    f"{_either(first)}(?:{'|'.join(''.join(map(_either, end[1:])) for end in ends)})"
    for first, ends in groupby(_ENDS, lambda end: end[0])
)
_EXACT = f"(?:{_EXACT})"
_BEFORE = {
    ":": ("[\"']", "", r"\\[\"']"),
    "=": ("", " "),
    ">": ("",),
}
_ALSO = {
    ":": (r"\\\\[\"']:", "[A-Za-z\"'] :"),
    "=": ("[\"'\\]]=", "[\"'\\]] ="),
    ">": (),
}


def _look(separator: str) -> re.Pattern[bytes]:
    """A separator after what may be the end of a name, what closes the name in between."""
    ways = [
        f"(?<={_COLUMN}{close}{separator})(?<={_EXACT}{close}{separator})"
        for close in _BEFORE[separator]
    ]
    ways += [f"(?<={also})" for also in _ALSO[separator]]
    return re.compile(f"{separator}(?:{'|'.join(ways)})".encode())


_SEPARATORS = tuple((separator.encode(), _look(separator)) for separator in _BEFORE)
_NAME_ENDS = frozenset(end.encode() for end in _ENDS)
# The fields that say what a field `value` is.
_TITLED = r"\\*+[\"'](?:name|key|id|field|variable|header|label|title)\\*+[\"']\s*+:\s*+\\*+[\"']"
_TITLE = re.compile(rf"(?i:{_TITLED})([\w.\-$]{{2,64}}+)\\*+[\"']".encode())
_TITLE_AFTER = re.compile(
    rf"\s*+\\*+\"(?:[^\"\\]|\\++[^\"\\])*+\\*+\"\s*+,\s*+"
    rf"(?i:{_TITLED})([\w.\-$]{{2,64}}+)\\*+\"".encode()
)
_OBJECT = 300  # bytes of an object that are looked at around such a field
_ABOVE = b" \t\r\n\"'\\:"
_CLOSERS = b" \t\r\n\"'\\]"
_QUOTE = 0x22
_LINE_STARTS = (b"", b"\n", b" ", b'"', b"'")
_LOOK_BACK = 72  # bytes that a name's last letters take and what closes it, six strings deep
_BACK = 160  # bytes before a separator that a name, its quotes and spaces take
_NAME_BACKWARDS = re.compile(rb"[A-Za-z0-9_.\-$]{2,64}")
_OPEN = re.compile(rb"[ \t\r\n]*(?:\[[ \t\r\n]*)?(\\*)([\"'])")
_NEXT = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*(\\*)([\"'])")
_BARE = re.compile(rb"[ \t]*([^\s\"'&;,<>()\[\]{}|\\`]+)")
_QUERY_VALUE = re.compile(rb"([^\s\"'&<>#\\`]+)")
# What a connection string of ODBC has where its value holds semicolons; a brace is doubled in it.
_BRACED = re.compile(rb"[ \t]*\{((?:[^{}\r\n\"]|\}\}){1,512}+)\}(?!\})")
_MORE = re.compile(rb";[A-Za-z][A-Za-z ]{1,40}+=")
_LINE = re.compile(rb"[ \t]*([^\r\n\"'\\<>`]*)")
_XML = re.compile(rb"([^<\r\n]{1,8192})</")
_TO_LINE_END = frozenset((b"digest", b"aws4-hmac-sha256", b"oauth", b"hawk", b"hmac"))
_MAX_DEPTH = 8
_INSIDE = 16  # names that are looked at within a value: `a=b=c=…` would cost its square
_FIRST = 512  # bytes of a value that tell whether it is one
_BACKSLASH = 0x5C
_LINES = (Rule.SCHEME, Rule.COOKIE, Rule.SET_COOKIE)
_COOKIE_COMMA = re.compile(rb",[ \t]*(?=[^;,=\s]+=)")


def find(data: bytes) -> Iterator[Find]:
    """The values in `data` that stand after a name of a credential."""
    for separator, look in _SEPARATORS:
        at = data.find(separator)
        if at < 0:
            continue
        after = _element if separator == b">" else _pair
        reach = inside = 0
        for hit in slices.finditer(look, data, at):
            at = hit.start()
            inside = inside + 1 if at < reach else 0
            if inside > _INSIDE:
                continue
            if data[max(0, at - _LOOK_BACK) : at].rstrip(_CLOSERS)[-3:].lower() in _NAME_ENDS:
                for found in after(data, at):
                    reach = max(reach, found.end)
                    yield found


def _pair(data: bytes, at: int) -> Iterator[Find]:
    """The value after the colon or equals sign at `at`, if the name before it calls for it."""
    if data[at - 1] == _QUOTE and data[at - 2] != _BACKSLASH:
        # Most of what comes here is a harmless key of JSON: told with one look.
        begin = data.rfind(b'"', max(0, at - _BACK), at - 1) + 1
        if begin and _is_harmless(data[begin : at - 1]):
            return
    before = data[max(0, at - _BACK) : at].rstrip(b" \t\r\n").removesuffix(b"]")
    quoted = before[-1:] in (b'"', b"'")
    if quoted:
        before = before[:-1].rstrip(b"\\")
    name, lead = _name(before)
    equals = data[at : at + 1] == b"="
    if equals and not quoted and lead in (b"?", b"&"):
        yield from _query(data, at + 1, names.query_rule(name))
        return
    if quoted and name.lower() in names.VALUES:
        begin = max(0, at - _OBJECT)
        name = _owner(data[begin:at].rstrip(_CLOSERS)[: -len(name)], data[at + 1 : at + _OBJECT])
    rule = names.key_rule(name)
    if rule is None:
        yield from _list(data, at + 1, names.list_rule(name) if quoted else None)
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


@lru_cache(maxsize=4096)
def _is_harmless(name: bytes) -> bool:
    """Whether nothing secret follows a name of a JSON field."""
    plain_name = _NAME_BACKWARDS.fullmatch(name) is not None
    if not plain_name or name.lower() in names.VALUES:
        return False
    return names.key_rule(name) is None and names.list_rule(name) is None


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


def _owner(before: bytes, after: bytes) -> bytes:
    """Whose value a field `value` is.

    Of `{"name": "API_KEY", …, "value": …}` or `{"value": "…", "name": "API_KEY"}` the name beside
    it, of `{"api_key": {"value": …}}` the one above.
    """
    brace = max(before.rfind(b"{"), before.rfind(b"}"))
    beside = [found[1] for found in _TITLE.finditer(before, brace + 1)]
    if not beside:
        beside = [_sibling(before)]
    if not any(map(_tells, beside)) and (found := _TITLE_AFTER.match(after)):
        beside.append(found[1])
    if not any(map(_tells, beside)) and before[brace : brace + 1] == b"{":
        beside.append(_name(before[:brace].rstrip(_ABOVE))[0])
    return next(filter(_tells, beside), b"")


def _tells(name: bytes) -> bool:
    return names.key_rule(name) is not None or names.list_rule(name) is not None


def _sibling(before: bytes) -> bytes:
    """Of `"API_KEY", "value": …`: the text before the value."""
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
    if accepted(value, rule, strict=strict):
        yield Find(start + skip, start + len(raw), value)


def _list(data: bytes, at: int, rule: Rule | None) -> Iterator[Find]:
    """The texts of a list: `["…", "…"]`."""
    item = _OPEN.match(data, at)
    if rule is None or item is None or b"[" not in item[0]:
        return
    while item is not None:
        start = item.end()
        yield from _quoted(data, item, rule, strict=False)
        end = _closing(data, start, item[2], _depth(len(item[1])))
        item = _NEXT.match(data, end + len(item[1]) + 1)


def _bare(data: bytes, at: int, rule: Rule, *, strict: bool) -> Iterator[Find]:
    """A value without quotes, in an environment, a connection string, YAML or code."""
    braced = _BRACED.match(data, at)
    if braced is not None:
        inner = braced[1].replace(b"}}", b"}")
        if (strict or _MORE.match(data, braced.end())) and accepted(inner, rule, strict=True):
            yield Find(braced.start(1), braced.end(1), inner)
        return
    found = _BARE.match(data, at, at + _FIRST)
    if found is None:
        return
    value = found[1]
    if not strict and (data[found.end() : found.end() + 1] in (b"(", b"[") or b"://" in value):
        return  # a call or an index in code; a URL has its own places
    if accepted(value, rule, strict=strict):
        found = _BARE.match(data, at) or found
        yield Find(found.start(1), found.end(1), found[1])


def _query(data: bytes, at: int, rule: Rule | None) -> Iterator[Find]:
    """A parameter of a URL."""
    found = _QUERY_VALUE.match(data, at) if rule is not None else None
    if found is None or rule is None:
        return
    value = unquote_to_bytes(found[1])
    if accepted(value, rule, strict=True):
        yield Find(found.start(1), found.end(1), value)


def accepted(value: bytes, rule: Rule, *, strict: bool) -> bool:
    """Whether a value is a credential. Without `strict` even a strong name asks for its look."""
    if pseudonym.is_whole(value) or values.is_placeholder(value):
        return False
    if rule is Rule.WEAK:
        return values.is_plausible(value)
    return strict or values.is_credential_like(value)


def _line(data: bytes, at: int, rule: Rule) -> Iterator[Find]:
    """A header as a line of text: `Authorization: Bearer …`, `Cookie: a=b; c=d`."""
    first_bytes = _LINE.match(data, at, at + _FIRST)
    if rule is Rule.SCHEME and first_bytes and not _is_scheme_line(first_bytes[1]):
        return
    found = _LINE.match(data, at)
    if found is None or not found[1]:
        return
    text, start = found[1], found.start(1)
    if rule is not Rule.SCHEME:
        for first, last in cookie_values(text, first_only=rule is Rule.SET_COOKIE):
            yield Find(start + first, start + last, text[first:last])
        return
    skip, value = _credential(text)
    yield Find(start + skip, start + skip + len(value), value)


def _credential(text: bytes) -> tuple[int, bytes]:
    """Where the credential of an authorization line begins, and the credential."""
    skip = values.after_scheme(text)
    value = text[skip:] if _is_whole_line(text, skip) else text[skip:].partition(b" ")[0]
    return skip, value.rstrip(b" \t,;.")


def _is_whole_line(text: bytes, skip: int) -> bool:
    return text[:skip].strip().lower() in _TO_LINE_END


def _is_scheme_line(text: bytes) -> bool:
    """Whether a line that begins so has a credential."""
    skip, value = _credential(text)
    if pseudonym.is_whole(value):
        return False
    return _is_whole_line(text, skip) or values.is_credential_like(value)


def _element(data: bytes, at: int) -> Iterator[Find]:
    """The text of an XML element whose start tag ends at `at`."""
    name, lead = _name(data[max(0, at - _BACK) : at])
    if lead not in (b"<", b":") or names.key_rule(name) is None:
        return
    found = _XML.match(data, at + 1)
    if found and not pseudonym.is_whole(found[1]) and not values.is_placeholder(found[1]):
        yield Find(found.start(1), found.end(1), found[1])


def cookie_values(
    text: bytes, *, first_only: bool, nameless: bool = False
) -> Iterator[tuple[int, int]]:
    """Where the values in a cookie header are; of Set-Cookie only each cookie's own.

    A `nameless` cookie is all value (draft-ietf-httpbis-rfc6265bis, 5.6).
    """
    at = 0
    cuts = [found.end() for found in _COOKIE_COMMA.finditer(text)] if first_only else []
    for stop in (*cuts, len(text)):
        for piece in text[at:stop].split(b";"):
            name, equals, value = piece.partition(b"=")
            if nameless and not equals:
                name, equals, value = b"", b"=", piece
                start = at
            else:
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
