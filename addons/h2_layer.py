"""mitmproxy's HTTP layer for HTTP/2 clients, which are sent away now and then.

mitmproxy keeps something of every stream, and every connection to an HTTP/1.1 upstream, for as long
as the client's connection lives. After so many streams, once none is open, the client is told to
connect anew (GOAWAY; RFC 9113, 6.8): it knows then that what it has just sent was not begun.
"""

from collections.abc import Generator
from typing import Any, override

from hyperframe.frame import GoAwayFrame
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import HttpLayer

STREAMS = 100


class Http2Layer(HttpLayer):
    """An HTTP layer whose client connection ends after `STREAMS` streams."""

    _begun = 0
    _last = 0
    _gone = False

    @override
    def _handle_event(self, event: events.Event) -> Generator[commands.Command, Any, None]:
        if self._gone:
            return
        yield from super()._handle_event(event)
        if self._begun >= STREAMS and not self.streams:
            self._gone = True
            goodbye = GoAwayFrame(0, last_stream_id=self._last).serialize()
            yield commands.SendData(self.context.client, goodbye)
            yield commands.CloseConnection(self.context.client)

    @override
    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        self._begun += 1
        self._last = max(self._last, stream_id)
        yield from super().make_stream(stream_id)
