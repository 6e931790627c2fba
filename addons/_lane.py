"""What every part of the fast lane has: the exchange that is open, its end, answers of our own."""

from collections.abc import Generator
from typing import Any

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, context
from mitmproxy.proxy.layer import Layer

from addons.hooks import WaitRecord
from addons.pooled import PooledServer
from proxy.core.decisions import Refuse
from proxy.core.http1 import BodyReader, Head, keeps_alive
from proxy.core.http1_messages import answer_bytes
from proxy.core.http1_response import ResponseStream
from proxy.core.model import End, ResponseHead
from proxy.engine import answers
from proxy.engine.engine import Engine
from proxy.engine.recorder import Tx

type Commands = Generator[commands.Command, Any, None]


class Lane(Layer):
    """One client connection, and what is open on it."""

    def __init__(self, ctx: context.Context, engine: Engine) -> None:
        super().__init__(ctx)
        self._engine = engine
        self._input = b""  # from the client, not looked at yet
        self._tx: Tx | None = None
        self._head: Head | None = None
        self._body: BodyReader | None = None  # while the request's body is not whole
        self._answer: ResponseStream | None = None
        self._server: PooledServer | None = None
        self._closed = False
        self.breaks_off = False  # the client's connection ends as one that failed

    def _pump(self) -> Commands:
        """Works off what the client has sent, as far as it can be."""
        raise NotImplementedError

    def _drop(self, end: End, message: str) -> Commands:
        """The client is gone, or cannot be talked to: nothing more goes either way."""
        raise NotImplementedError

    def _finish(self, end: End, error: str | None = None) -> Generator[commands.Command, Any, bool]:
        """The exchange is over; whether what is held of its answer may be released."""
        tx, self._tx, self._answer, self._body = self._tx, None, None, None
        if tx is None or (waiter := tx.finish(end, error)) is None:
            return True
        if not waiter.done():
            yield WaitRecord(waiter)
        return self._engine.may_release(waiter)

    def _fail(self, end: End, message: str) -> Commands:
        tx = self._tx
        if tx is None:
            return
        yield from self._refuse(self._engine.failed(tx, end, message), end, message, recorded=False)

    def _refuse(
        self, refusal: Refuse, end: End, message: str | None = None, *, recorded: bool = True
    ) -> Commands:
        """Sends an answer of ours; it is kept in the record where it is the verdict itself."""
        tx, head = self._tx, self._head
        assert tx is not None  # noqa: S101 - only called while a request is open
        assert head is not None  # noqa: S101 - likewise
        whole = self._body is None
        if recorded:
            tx.response_head(ResponseHead(refusal.status, "", "HTTP/1.1", refusal.headers))
            tx.response_data(refusal.body)
        raw = answer_bytes(refusal, head, close=not whole)
        yield from self._finish(end, message or refusal.reason)
        yield commands.SendData(self.context.client, raw)
        if not whole or not keeps_alive(head):
            yield from self._close_client()
            return
        yield from self._pump()

    def _malformed(self, reason: str, status: int = 400) -> Commands:
        refusal = answers.malformed(reason, status)
        yield commands.SendData(self.context.client, answer_bytes(refusal, None, close=False))
        yield from self._close_client()

    def _let_go(self) -> Commands:
        server, self._server = self._server, None
        if server is not None and server.connection is not None:
            yield commands.CloseConnection(server)

    def _close_client(self, *, abruptly: bool = False) -> Commands:
        self._closed = True
        self.breaks_off = self.breaks_off or abruptly
        self._input = b""
        yield from self._let_go()
        if self.context.client.state is not ConnectionState.CLOSED:
            yield commands.CloseConnection(self.context.client)
