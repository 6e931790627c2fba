"""CONNECT: read strictly, answered, and followed by whatever comes through the tunnel.

Mostly the client speaks first and its first bytes say what it is. When it is silent, the server is
connected to: what a server says first (SSH, SMTP, databases) is passed on as it is.
"""

from collections.abc import Generator
from typing import Any, Protocol, override

from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer, NextLayer

from addons.limits import ClientLimits
from proxy.core.http1 import head_end, parse_connect
from proxy.core.http1_messages import answer_bytes
from proxy.core.model import header
from proxy.engine import answers
from proxy.errors import FormatError

type Commands = Generator[commands.Command, Any, None]

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Refused(Layer):
    """An answer of ours to what is not understood, and the end of its connection."""

    def __init__(self, ctx: Context, reason: str) -> None:
        super().__init__(ctx)
        self._reason = reason

    @override
    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Start):
            yield from refuse(self, self._reason)


class Rules(Protocol):
    """What a tunnel is told by whoever decides about layers."""

    limits: ClientLimits

    def left_alone(self, host: str) -> bool:
        """Whether the host is one that the user wants left alone."""

    def may_dial(self, host: str) -> bool:
        """Whether the host may be connected to for no request's sake."""

    def passed(self, context: Context) -> Layer:
        """The layer for a host that is left alone."""

    def opaque(self, context: Context) -> Layer:
        """The layer for what is neither TLS nor HTTP."""

    def connected(self, client: Client, authorization: bytes | None) -> None:
        """What CONNECT said of the client."""


class Connect(Layer):
    """One client connection that begins with CONNECT."""

    def __init__(self, ctx: Context, rules: Rules) -> None:
        super().__init__(ctx)
        self._rules = rules
        self._input = b""
        self._inside: Layer | None = None
        self._wakeup: commands.RequestWakeup | None = None
        self._waits = False  # nobody has said anything in the tunnel
        self._let_go: Server | None = None  # it was connected to in vain

    @override
    def _handle_event(self, event: events.Event) -> Commands:
        if self._inside is None:
            yield from self._outside(event)
        elif isinstance(event, events.Wakeup) and event.command is self._wakeup:
            yield from self._silent()
        elif isinstance(event, events.ConnectionEvent) and event.connection is self._let_go:
            pass
        else:
            if self._waits and isinstance(event, events.DataReceived):
                yield from self._spoken(event)
            yield from self._inside.handle_event(event)

    def _outside(self, event: events.Event) -> Commands:
        client = self.context.client
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(client)
        elif isinstance(event, events.DataReceived):
            seen = len(self._input)
            self._input += event.data
            try:
                end = head_end(self._input, seen, self._rules.limits.head_bytes)
                if end < 0:
                    return
                head, host, port = parse_connect(self._input)
            except FormatError as error:
                yield from refuse(self, str(error))
                return
            rest, self._input = self._input[end:], b""
            self._rules.connected(client, header(head.headers, b"proxy-authorization"))
            self.context.server.address = (host, port)
            yield commands.SendData(client, _ESTABLISHED)
            yield from self._enter(host, rest)

    def _enter(self, host: str, rest: bytes) -> Commands:
        if self._rules.left_alone(host):
            self._inside = self._rules.passed(self.context)
        else:
            self._inside = NextLayer(self.context)
            if not rest and self._rules.may_dial(host):
                self._waits = True
                self._wakeup = commands.RequestWakeup(self._rules.limits.silence)
                yield self._wakeup
        yield from self._inside.handle_event(events.Start())
        if rest:
            data = events.DataReceived(self.context.client, rest)
            yield from self._inside.handle_event(data)

    def _silent(self) -> Commands:
        """The client waits: perhaps for the server to begin."""
        if self._waits and self.context.client.state is ConnectionState.OPEN:
            error = yield commands.OpenConnection(self.context.server)
            if error:
                yield from self._become_opaque()

    def _spoken(self, event: events.DataReceived) -> Commands:
        """The first bytes in the tunnel: who says them tells what it is."""
        self._waits = False
        if event.connection is self.context.server:
            yield from self._become_opaque()
        elif self.context.server.state is not ConnectionState.CLOSED:
            self._let_go = self.context.server
            self.context.server = Server(address=self._let_go.address)
            yield commands.CloseConnection(self._let_go)

    def _become_opaque(self) -> Commands:
        self._waits = False
        self._inside = self._rules.opaque(self.context)
        yield from self._inside.handle_event(events.Start())


def refuse(layer: Layer, reason: str) -> Commands:
    """Answers 400 with the reason, and closes."""
    client = layer.context.client
    answer = answer_bytes(answers.malformed(reason), None, close=False)
    yield commands.SendData(client, answer)
    yield commands.CloseConnection(client)
