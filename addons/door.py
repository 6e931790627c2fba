"""The lock on a forward proxy that others than this machine can reach.

Clients send the token as the password of the proxy's URL (`http://RUN:TOKEN@HOST:PORT`), at the
beginning of each connection. Nothing is connected to, and nothing recorded, before.
"""

import hmac
from base64 import b64decode
from binascii import Error
from collections.abc import Generator
from typing import Any, override
from urllib.parse import unquote_to_bytes

from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import Layer

from proxy.core.http1 import head_end
from proxy.errors import FormatError

type Commands = Generator[commands.Command, Any, None]

_SAID = b"Dashcam: this proxy asks for its token: http://RUN:TOKEN@HOST:PORT\n"
_LOCKED = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    b'Proxy-Authenticate: Basic realm="dashcam"\r\n'
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\n"
    b"Connection: close\r\n\r\n%b"
) % (len(_SAID), _SAID)


class Locked(Layer):
    """Answers 407, and the end of the connection."""

    @override
    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Start):
            yield commands.SendData(self.context.client, _LOCKED)
            yield commands.CloseConnection(self.context.client)


def may_enter(data: bytes, token: str, limit: int) -> bool | None:
    """Whether a connection that begins with `data` carries the token; None: more is needed."""
    try:
        end = head_end(data, 0, limit)
    except FormatError:
        return False
    if end < 0:
        return None
    for line in data[:end].split(b"\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"proxy-authorization":
            return hmac.compare_digest(_password(value.strip()), token.encode())
    return False


def _password(value: bytes) -> bytes:
    """The password of Basic credentials, whether or not the client took its escapes away."""
    scheme, _, encoded = value.partition(b" ")
    if scheme.lower() != b"basic":
        return b""
    try:
        return unquote_to_bytes(b64decode(encoded.strip(), validate=True).partition(b":")[2])
    except Error:
        return b""
