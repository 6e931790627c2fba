"""A gateway's client that speaks WebSocket: relayed to its upstream, or played a recorded one."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from proxy.core.decisions import Serve
from proxy.core.model import End
from proxy.engine.endings import ABRUPT, break_off
from proxy.engine.recorder import Tx
from proxy.engine.relay import Relay, goodbye
from proxy.engine.upstream import Connection
from proxy.servers.client import HIGH_WATER, Client

if TYPE_CHECKING:
    from proxy.core.replay.conversation import Say

SWITCHING = 101


class Sockets(Client):
    """A client once its connection is no longer HTTP: `_relay` or `_heard` is set."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._tx: Tx | None = None
        self._upstream: Connection | None = None
        self._relay: Relay | None = None
        self._heard: asyncio.Event | None = None  # there is more for a recorded conversation

    def _write(self, data: bytes) -> None:
        """Sends to the client."""
        raise NotImplementedError

    def _end(self, tx: Tx, end: End, held: bytes, error: str | None = None) -> None:
        """The exchange is over; `held` ends its answer once the record is safe."""
        raise NotImplementedError

    async def _wait_for_room(self, upstream: Connection) -> None:
        """The client is not read until `upstream` takes more."""
        raise NotImplementedError

    @property
    def _switched(self) -> bool:
        return self._relay is not None or self._heard is not None

    def _switch(self, tx: Tx, head: bytes, rest: bytes) -> None:
        """101: from here on both directions go on as they are."""
        self._relay = Relay(tx)
        self._keep = False
        self._write(head)
        if rest:
            self._from_upstream(self._relay, rest)
        if self._input:
            self._from_client()

    def _from_client(self) -> None:
        """There is more in `_input`."""
        if self._heard is not None:
            self._heard.set()
            if len(self._input) > HIGH_WATER:
                self._transport.pause_reading()  # what is early waits for its turn
            return
        data, self._input = self._input, b""
        relay, upstream = self._relay, self._upstream
        if relay is None or upstream is None:
            return  # it is being closed
        relay.passed(data, from_client=True)
        upstream.write(data)
        if upstream.is_full:
            self._transport.pause_reading()
            self._do(self._wait_for_room(upstream))

    def _from_upstream(self, relay: Relay, data: bytes) -> None:
        relay.passed(data, from_client=False)
        self._write(data)

    def _upstream_left(self, tx: Tx, error: Exception | None) -> None:
        end, said = goodbye(tx, from_client=False, abruptly=error is not None)
        if end in ABRUPT:
            break_off(self._transport)
        self._end(tx, end, b"", said)

    async def _converse(self, tx: Tx, decision: Serve) -> None:
        """Plays a recorded conversation back; the client's part is its own."""
        from proxy.core.replay.conversation import Conversation  # noqa: PLC0415 - a replay has it

        talk = Conversation(decision.exchange, decision.pace, decision.differed)
        self._keep = False
        heard = self._heard = asyncio.Event()
        tx.response_head(talk.head(tx.exchange.request))
        await self._say(tx, talk.open())
        while not tx.finished:
            if not self._input:
                heard.clear()
                await heard.wait()
            data, self._input = self._input, b""
            self._transport.resume_reading()
            for message, said in talk.heard(data):
                if message is not None:
                    tx.frame(from_client=True, opcode=message[0], data=message[1])
                await self._say(tx, said)

    async def _say(self, tx: Tx, said: "Iterable[Say]") -> None:
        for one in said:
            if one.delay:
                await asyncio.sleep(one.delay)
            await self._room.wait()
            if one.frame is not None:
                tx.frame(from_client=False, opcode=one.frame[0], data=one.frame[1])
            self._write(one.wire)
            if one.end is not None:
                self._end(tx, one.end, b"", one.error)
                return
