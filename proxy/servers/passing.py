"""What the gateway does to heads."""

from functools import lru_cache

from proxy.core.decisions import Address
from proxy.core.heads import is_websocket
from proxy.core.http1 import connection_tokens
from proxy.core.model import RequestHead

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
_UPGRADE = frozenset({b"connection", b"upgrade"})
_HOP = frozenset({b"connection", b"keep-alive", b"upgrade", b"te", b"transfer-encoding"})


def upstream_head(head: RequestHead, address: Address, *, chunked: bool = False) -> bytes:
    """The request's head as the upstream gets it: its own Host, what is for this hop left out."""
    names = [name.lower() for name, _ in head.headers]
    dropped = _HOP | connection_tokens(head.headers) if b"connection" in names else _HOP
    if b"upgrade" in names and is_websocket(head):
        dropped -= _UPGRADE
    authority = _authority(address.scheme, address.name, head.port)
    lines = [f"{head.method} {head.target} HTTP/1.1\r\n".encode("latin-1")]
    if b"host" not in names:  # HTTP/1.0 need not have one
        lines.append(b"Host: %b\r\n" % authority)
    for lower, (name, value) in zip(names, head.headers, strict=True):
        if lower == b"host":
            lines.append(b"%b: %b\r\n" % (name, authority))
        elif lower not in dropped:
            lines.append(b"%b: %b\r\n" % (name, value))
    if chunked:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)


@lru_cache
def _authority(scheme: str, name: str, port: int) -> bytes:
    return RequestHead("", scheme, name, port, "").authority.encode("latin-1")
