"""After an upgrade: both directions go on as they come, WebSocket messages are taken down."""

from typing import Any

from mitmproxy.proxy import commands

from addons._lane import Commands, Lane
from proxy.engine.relay import Relay, goodbye


class Relaying(Lane):
    """The lane once its connection is no longer HTTP."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._relay: Relay | None = None

    def _switch(self, head: bytes, rest: bytes) -> Commands:
        """101: from here on both directions are relayed as they are."""
        tx = self._tx
        assert tx is not None  # noqa: S101 - only called while a request is open
        self._relay = Relay(tx)
        self._answer = self._body = None
        yield commands.SendData(self.context.client, head)
        if rest:
            yield from self._relayed(rest, from_client=False)
        waiting, self._input = self._input, b""
        if waiting:
            yield from self._relayed(waiting, from_client=True)

    def _relayed(self, data: bytes, *, from_client: bool) -> Commands:
        target = self._server if from_client else self.context.client
        if self._tx is not None and self._relay is not None:
            self._relay.passed(data, from_client=from_client)
        if target is not None:
            yield commands.SendData(target, data)

    def _relay_ended(self, *, from_client: bool) -> Commands:
        """One side hung up."""
        if self._tx is not None:
            end, said = goodbye(self._tx, from_client=from_client, abruptly=self.breaks_off)
            yield from self._finish(end, said)
        self._relay = None
        if from_client:
            yield from self._let_go()
        yield from self._close_client()
