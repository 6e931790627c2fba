"""Asking a playback, and what it says."""

from collections.abc import Sequence
from typing import Any

import orjson

from proxy.core.model import Exchange
from proxy.core.replay import Fixtures, GoLive, Hit, Miss, Playback
from tests.core.recorded import exchange, step

STEP = "POST /v1/chat/completions"
SEARCH = ("https", "api.example.com", 443, "/search")
LOCAL = ("http", "127.0.0.1", 40001, "/mcp")


def playback(recorded: Sequence[Exchange], match: str = "normalised", **more: Any) -> Playback:
    return Playback(Fixtures.of(recorded, steps=step), match, **more)


def ask(session: Playback, like: Exchange, body: Any = None, **more: Any) -> Hit | Miss | GoLive:
    data = like.request_body.data if body is None else orjson.dumps(body)
    return session.decide(like.request, data, **more)


def hit(answer: Hit | Miss | GoLive) -> int:
    """The place of the recorded call that was served."""
    assert isinstance(answer, Hit), answer
    return answer.fixture.seq


def miss(answer: Hit | Miss | GoLive) -> Miss:
    assert isinstance(answer, Miss), answer
    return answer


def chat(seq: int, text: str, answer: Any = None, **more: Any) -> Exchange:
    return exchange(seq, {"messages": [{"role": "user", "content": text}]}, answer, **more)


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}
