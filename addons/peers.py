"""Addon: who is at the other end of each client connection; keeps the proxy hop to itself."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote

from mitmproxy import connection, http

from proxy.core.correlation import Peer


class Peers:
    """Remembers a peer per connection. `runs` maps listener ports to runs opened for them."""

    def __init__(self, runs: Mapping[int, str]) -> None:
        self._runs = runs
        self._users: dict[str, str] = {}

    def connected(self, client: connection.Client, authorization: bytes | None) -> None:
        """CONNECT carries the proxy user name for everything that follows on its connection."""
        if user := proxy_user(authorization):
            self._users[client.id] = user

    def client_disconnected(self, client: connection.Client) -> None:
        """Forgets the connection."""
        self._users.pop(client.id, None)

    def of(self, client: connection.Client, headers: http.Headers | None = None) -> Peer:
        """The peer; plain HTTP requests carry the user name on each request."""
        user = self._users.get(client.id)
        if user is None and headers is not None:
            user = proxy_user(headers.get("proxy-authorization"))
        host, port = client.peername[:2]
        ours, our_port = client.sockname[:2]
        run = self._runs.get(our_port)
        return Peer(f"{host}:{port}", run, user, client.id, f"{ours}:{our_port}")


def strip(flow: http.HTTPFlow) -> None:
    """Takes the proxy hop's own headers off a request."""
    for name in ("proxy-authorization", "proxy-connection"):
        flow.request.headers.pop(name, None)


def proxy_user(value: str | bytes | None) -> str | None:
    """The user name in a Proxy-Authorization header (RFC 7617), or None."""
    if not value:
        return None
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    scheme, _, encoded = text.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None
    return unquote(decoded.partition(":")[0]) or None
