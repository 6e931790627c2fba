"""Addon: which protocol comes next on a connection, and so which lane it takes."""

from collections.abc import Callable

from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer, NextLayer
from mitmproxy.proxy.layers import ClientTLSLayer, HttpLayer, TCPLayer, modes
from mitmproxy.proxy.layers.http import HTTPMode

from addons.fast_lane import FastLane
from addons.h2_layer import Http2Layer
from addons.peers import Peers
from proxy.engine.engine import Engine

_METHOD_MAX = 20
_PREFACE = b"PRI * HTTP/2"  # RFC 9113, 3.4
_SHORTEST = 8  # bytes in which a method and the space after it show


class Layers:
    """Sends HTTP/1.1 down the fast lane, HTTP/2 to mitmproxy, the rest through as it is.

    `ignored` says of a host whether it is to be left alone.
    """

    def __init__(self, engine: Engine, peers: Peers, ignored: Callable[[str], bool]) -> None:
        self._engine = engine
        self._peers = peers
        self._ignored = ignored

    def next_layer(self, asked: layer.NextLayer) -> None:
        """Mitmproxy's question."""
        if asked.layer is None:
            asked.layer = self._next(asked)

    def _next(self, asked: NextLayer) -> Layer | None:
        context, data = asked.context, asked.data_client()  # type: ignore[no-untyped-call]  # mitmproxy's
        if len(context.layers) == 1 and isinstance(context.layers[0], modes.HttpProxy):
            return self._first(context, data)
        if context.server.address and self._ignored(context.server.address[0]):
            return TCPLayer(context, ignore=True)
        if starts_like_tls_record(data):
            if len(data) < _SHORTEST:
                return None
            return ClientTLSLayer(context)
        if data.startswith(_PREFACE):  # some clients speak it whatever was agreed
            context.client.alpn = b"h2"
        if context.client.alpn == b"h2":
            context.server.tls = context.client.tls
            return Http2Layer(context, HTTPMode.transparent)
        return self._plain(context, data)

    def _first(self, context: Context, data: bytes) -> Layer | None:
        """The first bytes of a connection to the proxy port."""
        if len(data) < _SHORTEST and not starts_like_tls_record(data):
            return None
        if data.startswith(b"CONNECT ") or starts_like_tls_record(data):
            return HttpLayer(context, HTTPMode.regular)
        return FastLane(context, self._engine, self._peers.of(context.client), None)

    def _plain(self, context: Context, data: bytes) -> Layer | None:
        """What is inside a tunnel: HTTP if it looks like it."""
        if not _looks_like_http(data):
            if len(data) < _SHORTEST and data[:1].isalpha():
                return None
            return TCPLayer(context, ignore=True)
        secure = context.client.tls
        host, port = context.server.address or ("", 0)
        if secure and context.client.sni and _is_ip(host):
            host = context.client.sni
        origin = ("https" if secure else "http", host, port)
        return FastLane(context, self._engine, self._peers.of(context.client), origin)


def _looks_like_http(data: bytes) -> bool:
    method, space, _ = data[: _METHOD_MAX + 1].partition(b" ")
    return bool(space) and method.isalpha() and not data.startswith(b"SSH-")


def _is_ip(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
