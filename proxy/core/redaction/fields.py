"""Values by the name of their field: queries, forms, multipart forms, cookies, headers."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from proxy.core.redaction import names, pseudonym, values
from proxy.core.redaction.names import Rule
from proxy.core.redaction.pairs import cookie_values
from proxy.core.redaction.spans import Find

_MAX_NAME = 256
_PART_NAME = re.compile(
    rb"content-disposition:[^\r\n]*?;\s*name=(?:\"([^\"\r\n]*)\"|([^;\s]*))", re.IGNORECASE
)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
# Browsers cannot set headers of a WebSocket, so keys come as protocols: OpenAI's, Kubernetes' and
# AppSync's (a header in base64) have these beginnings, others the name of a credential.
_PROTOCOL = re.compile(
    rb"(?:base64url\.bearer\.authorization\.k8s\.io|openai-ephemeral-key|(?:authorization\.)?bearer"
    rb"|authorization|[a-z0-9_\-]*(?:api[_\-]?key|token|secret|password))\.|header-(?=eyJ)",
    re.IGNORECASE,
)
_BOUNDARY = re.compile(r"boundary=(?:\"([^\"]{1,200})\"|([^;\s]{1,200}))", re.IGNORECASE)


def query(data: bytes, start: int = 0) -> Iterator[Find]:
    """The credentials in `a=b&c=d`, from `start` on."""
    at = start
    for piece in data[start:].split(b"&"):
        name, equals, value = piece.partition(b"=")
        if equals and value:
            rule = names.query_rule(unquote_to_bytes(name[:_MAX_NAME]))
            plain = unquote_to_bytes(value)
            if rule is not None and is_credential(plain, rule):
                begin = at + len(name) + 1
                yield Find(begin, begin + len(value), plain)
        at += len(piece) + 1


def is_credential(value: bytes, rule: Rule) -> bool:
    """Whether the value of a field under `rule` is one, and not its pseudonym."""
    if pseudonym.is_whole(value) or values.is_placeholder(value):
        return False
    return rule is not Rule.WEAK or values.is_plausible(value)


def boundary(content_type: str) -> bytes:
    """The boundary of a multipart content type, empty when it names none."""
    found = _BOUNDARY.search(content_type)
    return (found[1] or found[2]).encode("latin-1", "replace") if found else b""


def multipart(data: bytes, mark: bytes) -> Iterator[Find]:
    """The credentials in the fields of a multipart form (RFC 7578)."""
    edge = b"--" + mark
    at = data.find(edge)
    while at >= 0:
        begin = at + len(edge)
        at = data.find(edge, begin)
        end = at if at >= 0 else len(data)
        head = _HEAD_END.search(data, begin, min(end, begin + 16384))
        name = _PART_NAME.search(data, begin, head.start()) if head else None
        if head and name:
            end = _before_break(data, head.end(), end) if at >= 0 else end
            value = data[head.end() : end]
            rule = names.query_rule((name[1] or name[2] or b"")[:_MAX_NAME])
            if rule is not None and value and is_credential(value, rule):
                yield Find(head.end(), end, value)


def _before_break(data: bytes, start: int, end: int) -> int:
    """Where the line break before a boundary begins."""
    if end > start and data[end - 1 : end] == b"\n":
        end -= 1
    if end > start and data[end - 1 : end] == b"\r":
        end -= 1
    return end


def header(value: bytes, rule: Rule, *, listed: bool) -> Iterator[Find]:
    """The credentials in a header's value; `listed` when its very name is known."""
    if rule in (Rule.COOKIE, Rule.SET_COOKIE):
        only_first = rule is Rule.SET_COOKIE
        for start, end in cookie_values(value, first_only=only_first, nameless=True):
            yield Find(start, end, value[start:end])
        return
    if rule is Rule.PROTOCOLS:
        yield from _protocols(value)
        return
    skip = values.after_scheme(value) if rule is Rule.SCHEME else 0
    start = skip + len(value[skip:]) - len(value[skip:].lstrip())
    plain = value[start:].rstrip()
    if not plain or pseudonym.is_whole(plain):
        return
    if listed or not values.is_count(plain):
        yield Find(start, start + len(plain), plain)


def _protocols(value: bytes) -> Iterator[Find]:
    """The credentials in a list of WebSocket protocols: `x-api-key.VALUE`; `token, VALUE`."""
    at = 0
    before = b""
    for piece in value.split(b","):
        word = piece.strip()
        start = at + len(piece) - len(piece.lstrip())
        at += len(piece) + 1
        rule = Rule.STRONG
        if found := _PROTOCOL.match(word):
            start += found.end()
            word = word[found.end() :]
        elif before.lower() in values.SCHEMES or names.key_rule(before) is not None:
            rule = Rule.WEAK
        else:
            before = word
            continue
        before = b""
        if is_credential(word, rule):
            yield Find(start, start + len(word), word)


def named(value: bytes, rule: Rule) -> Iterator[Find]:
    """The credential in a whole value that stands under a name with `rule`."""
    if rule in (Rule.COOKIE, Rule.SET_COOKIE, Rule.SCHEME):
        yield from header(value, rule, listed=True)
    elif value and is_credential(value, rule):
        yield Find(0, len(value), value)
