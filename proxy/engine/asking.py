"""Answers one whole request in replay, for what does not go over HTTP: stdio MCP servers."""

from collections.abc import Sequence
from typing import NamedTuple

from proxy.core.correlation import Peer
from proxy.core.decisions import Forward, Serve
from proxy.core.model import End, RequestHead, ResponseHead
from proxy.core.replay.asks import Ask
from proxy.core.wire.mcp import TOO_LATE
from proxy.engine.engine import Engine
from proxy.engine.recorder import Tx


class Answer(NamedTuple):
    """The recorded answer's body and how it ended; a miss or a refusal likewise.

    `asks` is what the server asks its client before.
    """

    body: bytes
    end: End
    error: str | None = None
    asks: Sequence[Ask] = ()


async def ask(engine: Engine, run_id: str, head: RequestHead, body: bytes) -> Answer:
    """What the replay that is going on answers to a request of a run; it is recorded there."""
    tx = engine.begin(head, Peer(run=run_id), via="mcp", lane="stdio")
    tx.request_data(body)
    tx.request_end()
    answer = await _decided(engine, tx)
    await engine.settled(tx.finish(answer.end, answer.error))
    return answer


async def _decided(engine: Engine, tx: Tx) -> Answer:
    decision = await engine.decide_held(tx)
    if isinstance(decision, Forward):
        return Answer(b"", End.REFUSED, "a stdio server cannot be contacted in a replay")
    if isinstance(decision, Serve):
        served = decision.exchange
        if served.response is not None:
            tx.response_head(served.response)
            tx.response_data(served.response_body.data)
        if TOO_LATE in served.notes:
            tx.note(TOO_LATE)
            return Answer(b"", served.end, served.error)  # its client will give it up again
        return Answer(served.response_body.data, served.end, served.error, decision.asks)
    tx.response_head(ResponseHead(decision.status, headers=decision.headers))
    tx.response_data(decision.body)
    return Answer(decision.body, End.MISSED, decision.reason)
