"""A tunnel of something that Dashcam does not open: bytes both ways as they are.

It is recorded as such: an exchange of the method CONNECT and the scheme tcp, without bodies, with a
note that says why it was not opened and how many bytes passed.
"""

from collections.abc import Generator
from typing import Any, override

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layer import Layer

from addons.hooks import WaitHook
from proxy.core.correlation import Peer
from proxy.core.decisions import Decision, Forward, Refuse
from proxy.core.model import End, RequestHead, ResponseHead
from proxy.engine.engine import Engine
from proxy.engine.recorder import Tx

type Commands = Generator[commands.Command, Any, None]

_REFUSED = {
    "loop": "it leads to Dashcam itself",
    "recording_unavailable": "it cannot be recorded just now",
}


class OpaqueTunnel(Layer):
    """One tunnel; `why` it is not opened stands in its record."""

    idle = False  # however quiet it is, its silence means nothing to us

    def __init__(self, ctx: context.Context, engine: Engine, peer: Peer, why: str) -> None:
        super().__init__(ctx)
        self._engine = engine
        self._peer = peer
        self._why = why
        self._tx: Tx | None = None
        self._sent = self._received = 0

    @override
    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Start):
            yield from self._open()
        elif isinstance(event, events.DataReceived):
            yield from self._pass_on(event.connection, event.data)
        elif isinstance(event, events.ConnectionClosed):
            yield from self._half_closed(event.connection)

    def _open(self) -> Commands:
        server = self.context.server
        host, port = (server.address or ("", 0))[:2]
        head = RequestHead("CONNECT", "tcp", host, port, "")
        tx = self._tx = self._engine.begin(head, self._peer, via="forward", lane="tunnel")
        tx.request_end()
        decision = yield from self._decision(tx)
        if not isinstance(decision, Forward):
            end = decision.end if isinstance(decision, Refuse) else End.MISSED
            reason = decision.reason if isinstance(decision, Refuse) else ""
            why = _REFUSED.get(reason, "a recording cannot answer in it")
            yield from self._over(end, f"the tunnel was refused: {why}")
            return
        if server.state is ConnectionState.CLOSED:
            error = server.error or (yield commands.OpenConnection(server))
            if error:  # now, or when it was asked whether it speaks first
                yield from self._over(End.UPSTREAM_REFUSED, str(error))
                return
        tx.response_head(ResponseHead(200, "Connection established"))
        self._note()

    def _decision(self, tx: Tx) -> Generator[commands.Command, Any, Decision | None]:
        if not tx.hold:
            return self._engine.decide(tx)
        found: list[Decision] = []

        async def decide() -> None:
            found.append(await self._engine.decide_held(tx))

        yield WaitHook(decide)
        return found[0] if found else None

    def _pass_on(self, source: Connection, data: bytes) -> Commands:
        if self._tx is None:
            return
        if source is self.context.client:
            self._sent += len(data)
            target: Connection = self.context.server
        else:
            self._received += len(data)
            target = self.context.client
        self._note()
        yield commands.SendData(target, data)

    def _half_closed(self, source: Connection) -> Commands:
        client, server = self.context.client, self.context.server
        if self._tx is None:
            return
        if (client.state | server.state) & ConnectionState.CAN_READ:
            other = server if source is client else client
            yield commands.CloseTcpConnection(other, half_close=True)
        else:
            yield from self._over(End.COMPLETE, None)

    def _note(self) -> None:
        if self._tx is not None:
            passed = f"{self._sent} bytes sent, {self._received} received"
            self._tx.exchange.notes = (f"a tunnel that was not opened: {self._why}; {passed}",)

    def _over(self, end: End, error: str | None) -> Commands:
        tx, self._tx = self._tx, None
        if tx is not None:
            tx.finish(end, error)
        for each in (self.context.server, self.context.client):
            if each.state is not ConnectionState.CLOSED:
                yield commands.CloseConnection(each)
