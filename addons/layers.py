"""Addon: which protocol comes next on a connection, and so which lane it takes."""

import re
from collections.abc import Callable

from mitmproxy.connection import Client
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer, NextLayer
from mitmproxy.proxy.layers import ServerTLSLayer, TCPLayer, modes
from mitmproxy.proxy.layers.http import HTTPMode

from addons.client_tls import ClientTls
from addons.connect import Connect, Refused
from addons.door import Locked, may_enter
from addons.fast_lane import FastLane
from addons.h2_layer import Http2Layer
from addons.limits import USUAL, ClientLimits
from addons.peers import Peers
from addons.pinned import WHY, Pinned
from addons.tunnel import OpaqueTunnel
from proxy.engine.engine import Engine

_BEGINS = re.compile(
    rb"(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH)[ \t]"
    rb"|[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40} (?:/|\*|[Hh][Tt][Tt][Pp])"
)
_VERSION = re.compile(rb"[ \t]HTTP/")
_SEARCHED = 8192
_PREFACE = b"PRI * HTTP/2"  # RFC 9113, 3.4
_SHORTEST = 8  # bytes in which a method and the space after it show


class Layers:
    """Sends HTTP/1.1 down the fast lane, HTTP/2 to mitmproxy, the rest through as it is.

    `ignored` says of a host whether it is to be left alone. `lanes` are the lanes of the clients
    that have got so far, by the client's id.
    """

    def __init__(
        self,
        engine: Engine,
        peers: Peers,
        pinned: Pinned,
        ignored: Callable[[str], bool],
        limits: ClientLimits = USUAL,
    ) -> None:
        self._engine = engine
        self._peers = peers
        self._pinned = pinned
        self._ignored = ignored
        self.limits = limits
        self.lanes: dict[str, Layer] = {}

    def next_layer(self, asked: layer.NextLayer) -> None:
        """Mitmproxy's question."""
        if asked.layer is None:
            asked.layer = self._next(asked)

    def client_disconnected(self, client: Client) -> None:
        """Forgets the connection."""
        self.lanes.pop(client.id, None)

    def _next(self, asked: NextLayer) -> Layer | None:
        context, data = asked.context, asked.data_client()  # type: ignore[no-untyped-call]  # mitmproxy's
        if len(context.layers) == 1 and isinstance(context.layers[0], modes.HttpProxy):
            return self._first(context, data)
        if starts_like_tls_record(data):
            return self._secure(context) if len(data) >= _SHORTEST else None
        if data.startswith(_PREFACE):  # some clients speak it whatever was agreed
            context.client.alpn = b"h2"
        if context.client.alpn == b"h2":
            context.server.tls = context.client.tls
            return self._lane(Http2Layer(context, HTTPMode.transparent))
        return self._plain(context, data)

    def _first(self, context: Context, data: bytes) -> Layer | None:
        """The first bytes of a connection to the proxy port."""
        if starts_like_tls_record(data):
            return Refused(context, "this proxy is spoken to without TLS: http://HOST:PORT")
        if len(data) < _SHORTEST:
            return None
        if self.limits.token is not None:
            entered = may_enter(data, self.limits.token, self.limits.head_bytes)
            if not entered:
                return None if entered is None else Locked(context)
        if data.startswith(b"CONNECT "):
            return Connect(context, self)
        peer = self._peers.of(context.client)
        return self._lane(FastLane(context, self._engine, peer, None, self.limits))

    def _secure(self, context: Context) -> Layer:
        """TLS inside a tunnel."""
        host = context.server.address[0] if context.server.address else ""
        if self._pinned.left_alone(context.client, host):
            return self.opaque(context, WHY)
        return ClientTls(context)

    def _plain(self, context: Context, data: bytes) -> Layer | None:
        """What is inside a tunnel: HTTP if it looks like it."""
        if not _looks_like_http(data):
            if len(data) < _SHORTEST and data.isalpha():
                return None
            return self.opaque(context)
        secure = context.client.tls
        host, port = context.server.address or ("", 0)
        if secure and context.client.sni and _is_ip(host):
            host = context.client.sni
        origin = ("https" if secure else "http", host, port)
        peer = self._peers.of(context.client)
        return self._lane(FastLane(context, self._engine, peer, origin, self.limits))

    # What a tunnel asks; see `connect.Rules`.

    def left_alone(self, host: str) -> bool:
        """Whether the user wants it left alone."""
        return self._ignored(host)

    def may_dial(self, host: str) -> bool:
        """Whether it may be connected to for no request's sake."""
        return self._engine.may_dial(host)

    def connected(self, client: Client, authorization: bytes | None) -> None:
        """CONNECT named the run, perhaps."""
        self._peers.connected(client, authorization)

    def passed(self, context: Context) -> Layer:
        """Bytes as they are, unrecorded."""
        return self._lane(TCPLayer(context, ignore=True))

    def opaque(self, context: Context, why: str = "it is neither HTTP nor TLS") -> Layer:
        """Bytes as they are, recorded as a tunnel; what came in TLS goes on in TLS."""
        tunnel = OpaqueTunnel(context, self._engine, self._peers.of(context.client), why)
        self._lane(tunnel)
        if not context.client.tls_established:
            return tunnel
        secure = ServerTLSLayer(context)
        secure.child_layer = tunnel
        return secure

    def _lane(self, found: Layer) -> Layer:
        self.lanes[found.context.client.id] = found
        return found


def _looks_like_http(data: bytes) -> bool:
    """What nobody but HTTP says; what is wrong with it is the fast lane's to say."""
    return _BEGINS.match(data) is not None or _VERSION.search(data, 0, _SEARCHED) is not None


def _is_ip(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
