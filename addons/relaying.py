"""After an upgrade: both directions go on as they come, WebSocket messages are taken down."""

from typing import Any

from mitmproxy.proxy import commands

from addons._lane import Commands, Lane
from proxy.core import websocket
from proxy.core.model import End


class Relaying(Lane):
    """The lane once its connection is no longer HTTP."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._relay: tuple[websocket.Reader, websocket.Reader] | None = None

    def _switch(self, head: bytes, rest: bytes) -> Commands:
        """101: from here on both directions are relayed as they are."""
        tx = self._tx
        assert tx is not None  # noqa: S101 - only called while a request is open
        response = tx.exchange.response
        deflate = websocket.agreed_deflate(response.headers) if response else None
        self._relay = (
            websocket.Reader(deflate=deflate is not None, resets=bool(deflate and deflate[0])),
            websocket.Reader(deflate=deflate is not None, resets=bool(deflate and deflate[1])),
        )
        self._answer = self._body = None
        yield commands.SendData(self.context.client, head)
        if rest:
            yield from self._relayed(rest, from_client=False)
        waiting, self._input = self._input, b""
        if waiting:
            yield from self._relayed(waiting, from_client=True)

    def _relayed(self, data: bytes, *, from_client: bool) -> Commands:
        tx, relay = self._tx, self._relay
        target = self._server if from_client else self.context.client
        if tx is not None and relay is not None:
            for message in relay[0 if from_client else 1].feed(data):
                tx.frame(from_client=from_client, opcode=message.opcode, data=message.data)
        if target is not None:
            yield commands.SendData(target, data)

    def _relay_ended(self, *, from_client: bool) -> Commands:
        """One side hung up: well, when somebody had said goodbye."""
        tx = self._tx
        closed = tx is not None and any(f.opcode == websocket.CLOSE for f in tx.frames)
        if closed:
            yield from self._finish(End.COMPLETE)
        elif from_client:
            yield from self._finish(End.CLIENT_GONE, "the client closed without a close frame")
        elif self.breaks_off:
            yield from self._finish(End.UPSTREAM_RESET, "the upstream reset the connection")
        else:
            said = "the upstream closed without a close frame"
            yield from self._finish(End.UPSTREAM_TRUNCATED, said)
        self._relay = None
        if from_client:
            yield from self._let_go()
        yield from self._close_client()
