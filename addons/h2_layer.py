"""mitmproxy's HTTP layer for HTTP/2 clients, which are sent away now and then.

mitmproxy keeps something of every stream, and every connection to an HTTP/1.1 upstream, for as long
as the client's connection lives. After so many streams, once none is open, the client is told to
connect anew (GOAWAY; RFC 9113, 6.8): it knows then that what it has just sent was not begun.

A request that no head of HTTP/1.1 can hold, or only one that is read in two ways, is refused.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, override

from hyperframe.frame import GoAwayFrame
from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)

from addons import h1_upstream as _  # noqa: F401 - its clients take the place of mitmproxy's
from proxy.core.http1 import HEAD_ONLY, parse_request, render_headers, request_framing
from proxy.core.model import header
from proxy.engine import answers
from proxy.errors import FormatError

STREAMS = 100
LINGER = 5.0  # seconds in which a client that was told to leave is still listened to
BY_CLIENT = "dashcam_by_client"  # in a flow's metadata: its error is the client's doing
FAILED = "dashcam_failed"  # in a flow's metadata: the answer for its client, an http.Response
BROKEN = "dashcam_broken"  # in a flow's metadata: how its answer breaks off, a Broken

_ANSWER = (ResponseHeaders, ResponseData, ResponseTrailers, ResponseEndOfMessage)


class Broken(NamedTuple):
    """A replayed answer without an end: the stream is reset, or nothing more comes on it.

    `bare`: not even a head comes.
    """

    hangs: bool
    bare: bool


@dataclass
class Abort(events.Event):
    """The upstream is given up on for one flow."""

    flow: http.HTTPFlow
    message: str


class Http2Layer(HttpLayer):
    """An HTTP layer whose client connection ends after `STREAMS` streams."""

    _begun = 0
    _last = 0
    _leaving: commands.RequestWakeup | None = None  # the client was told; over when this is

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._breaking: dict[int, Broken] = {}  # by the stream's number

    @property
    def idle(self) -> bool:
        """Whether no stream is open."""
        return not self.streams

    @override
    def _handle_event(self, event: events.Event) -> Generator[commands.Command, Any, None]:
        if self._leaving is not None:
            yield from self._left(event)
            return
        if isinstance(event, Abort):
            yield from self._abort(event)
        else:
            yield from super()._handle_event(event)
        if self._begun >= STREAMS and not self.streams:
            self._leaving = commands.RequestWakeup(LINGER)
            goodbye = GoAwayFrame(0, last_stream_id=self._last).serialize()
            yield commands.SendData(self.context.client, goodbye)
            yield self._leaving

    def _left(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Reads on, and takes nothing more, until the client closes.

        A close with bytes unread is a reset, which overtakes the goodbye: a client that had just
        sent a request would not learn that it was not begun.
        """
        over = isinstance(event, events.Wakeup) and event.command is self._leaving
        closed = isinstance(event, events.ConnectionClosed) and (
            event.connection is self.context.client
        )
        if over or closed:
            yield commands.CloseConnection(self.context.client)

    @override
    def event_to_child(
        self, child: layer.Layer | HttpStream, event: events.Event
    ) -> layer.CommandGenerator[None]:
        if isinstance(event, RequestProtocolError) and isinstance(child, HttpStream):
            flow = getattr(child, "flow", None)  # there is none before its head
            if flow is not None:
                flow.metadata[BY_CLIENT] = True
        if isinstance(event, ResponseProtocolError) and child is not self.streams.get(
            event.stream_id
        ):
            yield from self._failed(child, event)
        elif isinstance(event, _ANSWER) and (broken := self._broken(child, event.stream_id)):
            yield from self._broken_off(child, event, broken)
        elif isinstance(child, HttpStream) and (said := _wrong_in(event)):
            yield from self._refused(child, said)
        else:
            yield from super().event_to_child(child, event)

    def _abort(self, event: Abort) -> layer.CommandGenerator[None]:
        for number, stream in list(self.streams.items()):
            if stream.flow is event.flow:
                upstream = self.connections.get(stream.context.server)
                failed = ResponseProtocolError(
                    number, event.message, ErrorCode.GENERIC_SERVER_ERROR
                )
                yield from self.event_to_child(stream, failed)
                if upstream is not None:  # an HTTP/1.1 connection is closed by it
                    gone = RequestProtocolError(number, event.message, ErrorCode.CANCEL)
                    yield from self.event_to_child(upstream, gone)

    def _failed(
        self, child: layer.Layer, event: ResponseProtocolError
    ) -> layer.CommandGenerator[None]:
        """An upstream's failure on its way to the client."""
        stream = self.streams.get(event.stream_id)
        answer = stream.flow.metadata.get(FAILED) if stream is not None else None
        if answer is None:
            yield from super().event_to_child(child, event)
            return
        yield from self._answered(child, event.stream_id, answer)

    def _answered(
        self, child: layer.Layer, number: int, answer: http.Response
    ) -> layer.CommandGenerator[None]:
        for part in (
            ResponseHeaders(number, answer),
            ResponseData(number, answer.raw_content or b""),
            ResponseEndOfMessage(number),
        ):
            yield from super().event_to_child(child, part)

    def _broken(self, child: layer.Layer, number: int) -> Broken | None:
        """How the answer breaks off that is on its way to the client."""
        stream = self.streams.get(number)
        if stream is not None and stream is not child:  # it is gone before its end is sent
            found = stream.flow.metadata.get(BROKEN)
            if isinstance(found, Broken):
                self._breaking[number] = found
        return self._breaking.get(number)

    def _broken_off(
        self, child: layer.Layer, event: events.Event, broken: Broken
    ) -> layer.CommandGenerator[None]:
        if isinstance(event, ResponseEndOfMessage):
            del self._breaking[event.stream_id]
            if broken.hangs:
                return
            event = ResponseProtocolError(event.stream_id, "it broke off here", ErrorCode.KILL)
        elif broken.bare:
            return
        elif isinstance(event, ResponseHeaders):
            event.end_stream = False
        yield from super().event_to_child(child, event)

    def _refused(self, stream: HttpStream, said: str) -> layer.CommandGenerator[None]:
        """What else comes of the stream goes nowhere."""
        number = stream.stream_id
        if getattr(stream, "flow", None) is not None:  # some of it is with the upstream
            broken = RequestProtocolError(number, said, ErrorCode.GENERIC_CLIENT_ERROR)
            yield from self.event_to_child(stream, broken)
        self.streams.pop(number, None)
        refusal = answers.malformed(said)
        headers = http.Headers([pair for pair in refusal.headers if pair[0] != b"connection"])
        answer = http.Response.make(refusal.status, refusal.body, headers)
        answer.http_version = "HTTP/2.0"
        yield from self._answered(self.connections[self.context.client], number, answer)

    @override
    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        self._begun += 1
        self._last = max(self._last, stream_id)
        yield from super().make_stream(stream_id)


def _wrong_in(event: events.Event) -> str | None:
    if isinstance(event, RequestHeaders):
        return malformed(event.request, ends=event.end_stream)
    if isinstance(event, RequestTrailers) and any(
        pair[0].lower() in HEAD_ONLY for pair in event.trailers.fields
    ):
        return "a trailer is one that only a head may have"
    return None


def malformed(request: http.Request, *, ends: bool) -> str | None:
    """What is wrong with the head of an HTTP/2 request; one that `ends` has no body (RFC 9113, 8).

    h2 has looked at the pseudo-headers and names, and leaves much of the values to its user.
    """
    data = request.data
    if data.method == b"CONNECT":
        return "a tunnel in a tunnel"
    fields = data.headers.fields
    host = data.authority or header(fields, b"host") or b""
    rest = tuple(pair for pair in fields if pair[0] != b"host")
    line = b"%b %b HTTP/1.1\r\n" % (data.method, data.path)
    try:
        head = parse_request(line + render_headers(((b"host", host), *rest)))
        framing = request_framing(head)
    except FormatError as error:
        return str(error)
    if not data.path.startswith(b"/") and data.path != b"*":
        return "the path is none"
    if data.scheme not in {b"http", b"https"}:
        return "the scheme is neither http nor https"
    if ends and framing.length:
        return "the body is shorter than its Content-Length"
    return None
