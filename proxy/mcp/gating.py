"""Passes the lines of a stdio MCP server as far as its guard lets them."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress

from proxy.mcp.framing import Stop
from proxy.mcp.guarding import Guard, Stopped
from proxy.mcp.pairing import Lines
from proxy.mcp.passing import Tell, write

_READ = 1 << 16


class Gate:
    """`pump` is for `pass_through`. `client` is where the client reads; both threads write there.

    `tell` is told of every line, `stopped` of what did not go on.
    """

    def __init__(
        self, guard: Guard, tell: Tell, stopped: Callable[[Stop], None], client: int = 1
    ) -> None:
        self._guard = guard
        self._tell = tell
        self._stopped = stopped
        self._client = client
        self._lock = threading.Lock()

    def pump(self, source: int, sink: int, from_client: bool) -> None:
        """Passes one direction, a line at a time, until its end."""
        lines = Lines()
        look = self._guard.client if from_client else self._guard.server
        with suppress(OSError):
            while data := os.read(source, _READ):
                for line in lines.feed(data):
                    self._pass(line, sink, look(line), from_client)
            for line in lines.close():
                self._pass(line, sink, look(line), from_client)
        self._tell(from_client, b"")
        with suppress(OSError):
            os.close(sink if from_client else source)

    def _pass(self, line: bytes, sink: int, stopped: Stopped | None, from_client: bool) -> None:
        if stopped is None:
            self._tell(from_client, line)
            self._say(sink, line)
            return
        stop = Stop(list(stopped.keys), stopped.reason, stopped.withheld)
        if from_client:
            self._tell(True, line)
            self._stopped(stop)
            if stopped.reply:  # no data would be the server's end
                self._tell(False, stopped.reply)
        else:
            self._stopped(stop)
            self._tell(False, line)
        self._say(self._client, stopped.reply)

    def _say(self, sink: int, data: bytes) -> None:
        if sink != self._client:
            write(sink, data)
            return
        with self._lock:
            write(sink, data)
