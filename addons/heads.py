"""Heads on the fast lane: what a plain proxy request asks for, what goes on."""

import re

from proxy.core.correlation import forwarded, is_ours
from proxy.core.http1 import Head, connection_tokens, is_host
from proxy.core.model import RequestHead
from proxy.errors import FormatError

_LAST = frozenset({b"close"})
# Userinfo, an address or a name, a port, and what is asked for there.
_PLACE = re.compile(
    r"(?:[^/?]*@)?(?:\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]+)\]|([^:/?]+))(?::([0-9]{0,5}))?([/?].*)?"
)


def absolute(target: str) -> tuple[str, str, int, str]:
    """Takes `http://host:port/path` apart."""
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() != "http":
        raise FormatError("the target is not an absolute http URL")
    found = _PLACE.fullmatch(rest)
    if found is not None:
        address, name, port, path = found.groups("")
        host, number = address or name, int(port or 80)
        if is_host(host) and 0 < number < 65536:  # noqa: PLR2004 - ports
            return "http", host, number, path if path.startswith("/") else f"/{path}"
    raise FormatError("the target's host is malformed")


def upstream_head(head: Head, request: RequestHead, raw: bytes, absolute: bool) -> bytes:
    """The head as it goes on: the bytes as they came, without what was for us.

    That the client's connection ends after this is for us, too: ours to the upstream need not.
    """
    ours = forwarded(head.headers) is not head.headers
    last = head.version == b"HTTP/1.1" and connection_tokens(head.special) == _LAST
    if not ours and not absolute and not last:
        return raw
    first, _, lines = raw.partition(b"\r\n")
    if absolute:
        first = b"%b %b %b" % (head.method, request.target.encode("latin-1"), head.version)
    kept = [line for line in lines.split(b"\r\n") if not is_ours(line.partition(b":")[0])]
    if last:
        kept = [line for line in kept if line.partition(b":")[0].lower() != b"connection"]
    if absolute:  # the target's authority counts, whatever Host says (RFC 9112, 3.2.2)
        kept = [_host(line, request) for line in kept]
    return b"\r\n".join((first, *kept))


def _host(line: bytes, request: RequestHead) -> bytes:
    """A header line; Host becomes the target's authority where it names another."""
    name, _, value = line.partition(b":")
    authority = request.authority.encode("latin-1")
    same = (authority.lower(), b"%b:%d" % (authority.lower(), request.port))
    if name.lower() != b"host" or value.strip().lower() in same:
        return line
    return name + b": " + authority
