"""After an upgrade: what passes is taken down where it is WebSocket, and how it ended is told."""

from proxy.core import websocket
from proxy.core.model import End
from proxy.engine.recorder import Tx


class Relay:
    """Both directions of one connection that is no longer HTTP."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        response = tx.exchange.response
        deflate = websocket.agreed_deflate(response.headers) if response else None
        self._client, self._server = (
            websocket.Reader(deflate=deflate is not None, resets=bool(deflate and resets))
            for resets in deflate or (False, False)
        )

    def passed(self, data: bytes, *, from_client: bool) -> None:
        """Bytes went on as they came."""
        for message in (self._client if from_client else self._server).feed(data):
            self._tx.frame(from_client=from_client, opcode=message.opcode, data=message.data)


def goodbye(tx: Tx, *, from_client: bool, abruptly: bool = False) -> tuple[End, str | None]:
    """How an exchange ended of which one side hung up: well, when somebody had said goodbye."""
    if any(frame.opcode == websocket.CLOSE for frame in tx.frames):
        return End.COMPLETE, None
    if from_client:
        return End.CLIENT_GONE, "the client closed without a close frame"
    if abruptly:
        return End.UPSTREAM_RESET, "the upstream reset the connection"
    return End.UPSTREAM_TRUNCATED, "the upstream closed without a close frame"
