"""mitmproxy's HTTP/1.1 client for upstreams of HTTP/2 clients, with what it lacks.

Trailers, which it crashes at, go both ways; and a request body of unknown length goes out in
chunks, for without any framing nobody could tell where it ends (RFC 9112, 6.3).
"""

from typing import Any, override

import h11
from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestTrailers,
    ResponseEndOfMessage,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._http1 import Http1Client

from proxy.core.http1 import render_headers
from proxy.core.model import Headers


class Http1Upstream(Http1Client):
    """One connection."""

    _request_trailers: Headers = ()

    @override
    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, RequestTrailers):
            self._request_trailers = event.trailers.fields
            return
        if isinstance(event, RequestData) and not event.data:
            return  # an empty chunk would be the last one
        if isinstance(event, RequestHeaders) and not event.end_stream:
            event = _framed(event)
        for command in super().send(event):
            if self._request_trailers and isinstance(event, RequestEndOfMessage):
                yield self._with_trailers(command)
            else:
                yield command

    def _with_trailers(self, command: commands.Command) -> commands.Command:
        trailers, ending = self._request_trailers, b"0\r\n\r\n"
        if not isinstance(command, commands.SendData) or command.data != ending:
            return command
        self._request_trailers = ()
        return commands.SendData(command.connection, b"0\r\n" + render_headers(trailers))

    @override
    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        reader: Any = self.body_reader
        if not isinstance(reader, _Trailing):
            reader = _Trailing(reader)
            self.body_reader = reader
        for command in super().read_body(event):
            if reader.trailers and _ends(command):
                assert self.stream_id is not None  # noqa: S101 - a body is of a stream
                trailers = ResponseTrailers(self.stream_id, http.Headers(reader.trailers))
                yield ReceiveHttp(trailers)
            yield command


class _Trailing:
    """A body reader of h11's, whose trailers are put aside."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.trailers: Headers = ()

    def __call__(self, buffer: Any) -> Any:
        event = self._reader(buffer)
        if isinstance(event, h11.EndOfMessage) and event.headers:
            self.trailers = tuple((bytes(name), bytes(value)) for name, value in event.headers)
            return h11.EndOfMessage()
        return event

    def read_eof(self) -> Any:
        """The connection ended."""
        return self._reader.read_eof()


def _framed(event: RequestHeaders) -> RequestHeaders:
    headers = event.request.headers
    if "content-length" in headers or "transfer-encoding" in headers:
        return event
    request = event.request.copy()
    request.headers["transfer-encoding"] = "chunked"
    return RequestHeaders(event.stream_id, request, event.end_stream, event.replay_flow)


def _ends(command: commands.Command) -> bool:
    return isinstance(command, ReceiveHttp) and isinstance(command.event, ResponseEndOfMessage)


setattr(layers, "Http1Client", Http1Upstream)  # noqa: B010 - mitmproxy makes them by this name
