"""Recorded answers, played to the client of a fast lane; conversations on WebSockets too."""

import asyncio
import functools
from collections.abc import Iterable
from typing import Any

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands

from addons._lane import Commands, Lane
from addons.hooks import WaitHook
from proxy.core.decisions import Serve
from proxy.core.heads import is_websocket
from proxy.core.http1 import keeps_alive
from proxy.core.model import End
from proxy.core.replay.conversation import Conversation, Say, is_conversation
from proxy.core.serving import Act, acts
from proxy.engine.endings import ABRUPT
from proxy.engine.recorder import Tx


class Playing(Lane):
    """The lane while what it says comes from a recording."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._talk: Conversation | None = None

    def _serve(self, decision: Serve) -> Commands:
        """Plays a recorded answer back, broken ones included; what comes at once is one write."""
        tx = self._tx
        assert tx is not None  # noqa: S101 - only called while a request is open
        if is_conversation(decision.exchange) and is_websocket(tx.exchange.request):
            yield from self._converse(tx, decision)
            return
        wire = b""
        for act in acts(decision.exchange, decision.pace, tx.exchange.request):
            if wire and (act.delay or act.kind != "end"):
                yield commands.SendData(self.context.client, wire)
                wire = b""
            if act.delay:
                yield WaitHook(functools.partial(asyncio.sleep, act.delay))
            if not self.context.client.state & ConnectionState.CAN_WRITE:
                yield from self._drop(End.CLIENT_GONE, "the client closed the connection")
                return
            if act.kind == "data":
                tx.played(act)
                wire = act.wire
            else:
                yield from self._act(act, wire)
            if self._tx is None:
                return

    def _act(self, act: Act, before: bytes) -> Commands:
        """An end, of whatever kind; `before` has not been sent yet."""
        tx, head = self._tx, self._head
        assert tx is not None  # noqa: S101 - only called while a request is open
        assert head is not None  # noqa: S101 - likewise
        if act.kind == "refuse":
            yield from self._fail(act.end, act.error or str(act.end))
            return
        tx.played(act)
        if act.kind == "end":
            safe = yield from self._finish(act.end, act.error)
            if safe:
                yield commands.SendData(self.context.client, before + act.wire)
            if act.close or not safe or not keeps_alive(head):
                yield from self._close_client()
            else:
                yield from self._pump()
        elif act.kind == "cut":
            yield from self._finish(act.end, act.error)
            yield from self._close_client(abruptly=act.end in ABRUPT)
        else:  # hang
            tx.exchange.error = act.error  # the client gives up as it did then

    def _converse(self, tx: Tx, decision: Serve) -> Commands:
        """Plays a recorded WebSocket conversation back; the client's part is its own."""
        talk = self._talk = Conversation(decision.exchange, decision.pace, decision.differed)
        tx.response_head(talk.head(tx.exchange.request))
        yield from self._said(talk.open())
        waiting, self._input = self._input, b""
        if waiting and self._talk is talk:
            yield from self._heard(talk, waiting)

    def _heard(self, talk: Conversation, data: bytes) -> Commands:
        for message, said in talk.heard(data):
            if message is not None and self._tx is not None:
                self._tx.frame(from_client=True, opcode=message[0], data=message[1])
            yield from self._said(said)

    def _said(self, said: Iterable[Say]) -> Commands:
        for one in said:
            if one.delay:
                yield WaitHook(functools.partial(asyncio.sleep, one.delay))
            if self._tx is None or not self.context.client.state & ConnectionState.CAN_WRITE:
                return
            if one.frame is not None:
                self._tx.frame(from_client=False, opcode=one.frame[0], data=one.frame[1])
            if one.wire:
                yield commands.SendData(self.context.client, one.wire)
            if one.end is not None:
                self._talk = None
                yield from self._finish(one.end, one.error)
                yield from self._close_client()
