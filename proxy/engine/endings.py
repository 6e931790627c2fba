"""How connections to clients end: in order, or broken as the upstream's was.

A close is how some answers end (RFC 9112, 6.3), so one that broke off must not end with it.
"""

import asyncio
import socket
import struct

from proxy.core.model import End

ABRUPT = frozenset({End.UPSTREAM_RESET, End.UPSTREAM_TIMEOUT, End.INTERRUPTED})
_AT_ONCE = struct.pack("ii", 1, 0)


def break_off(transport: asyncio.BaseTransport) -> None:
    """Has the connection end with a reset when it is closed, after what has been sent."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
