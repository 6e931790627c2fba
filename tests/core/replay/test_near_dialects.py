"""One changed sentence in 200 KB is seen within 15 lines, whatever wire format it stands in."""

import random
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import orjson
import pytest

from proxy.core.model import Headers, RequestHead
from proxy.core.replay import Fixtures, Miss, Playback, miss_text
from tests.core.recorded import exchange, step

WORDS: Final = ("the", "agent", "looked", "at", "order", "line", "and", "found", "that", "tax")
OLD: Final = "The customer may have a refund within fourteen days."
NEW: Final = "The customer may have a voucher within ninety days."
TURNS: Final = 60
CHANGED: Final = 37


def said(changed: str) -> list[str]:
    """60 texts, 200 KB, one of them with a sentence in its middle."""
    source = random.Random(7)  # noqa: S311 - sample data
    texts = []
    for turn in range(TURNS):
        sentences = [" ".join(source.choices(WORDS, k=12)).capitalize() + "." for _ in range(70)]
        if turn == CHANGED:
            sentences[30] = changed
        texts.append(" ".join(sentences))
    return texts


def role(turn: int) -> str:
    return "user" if turn % 2 == 0 else "assistant"


def chat(texts: list[str]) -> Any:
    return {
        "model": "m",
        "messages": [{"role": role(n), "content": t} for n, t in enumerate(texts)],
    }


def responses(texts: list[str]) -> Any:
    items = [
        {
            "type": "message",
            "role": role(n),
            "content": [{"type": "input_text" if n % 2 == 0 else "output_text", "text": text}],
        }
        for n, text in enumerate(texts)
    ]
    return {"model": "m", "input": items}


def anthropic(texts: list[str]) -> Any:
    messages = [
        {"role": role(n), "content": [{"type": "text", "text": text}]}
        for n, text in enumerate(texts)
    ]
    return {"model": "m", "max_tokens": 9, "system": "You help.", "messages": messages}


def gemini(texts: list[str]) -> Any:
    return {
        "contents": [
            {"role": "user" if n % 2 == 0 else "model", "parts": [{"text": text}]}
            for n, text in enumerate(texts)
        ]
    }


def bedrock(texts: list[str]) -> Any:
    return {"messages": [{"role": role(n), "content": [{"text": t}]} for n, t in enumerate(texts)]}


def tool_arguments(texts: list[str]) -> Any:
    """The text is inside JSON that is a string."""
    calls = [
        {"id": f"call_{n:04}ab", "type": "function", "function": {"name": "f", "arguments": text}}
        for n, text in enumerate(orjson.dumps({"note": text}).decode() for text in texts)
    ]
    return {"model": "m", "messages": [{"role": "assistant", "tool_calls": calls}]}


def mcp(texts: list[str]) -> Any:
    called = {"name": "send", "arguments": {"history": texts}}
    return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": called}


def plain(texts: list[str]) -> Any:
    return {"ticket": {"id": "T-1", "comments": [{"by": "ada", "body": text} for text in texts]}}


def form(texts: list[str]) -> bytes:
    return urlencode([("to", "ada"), *(("part", text) for text in texts)]).encode()


def text(texts: list[str]) -> bytes:
    return "\n".join(texts).encode()


class Dialect(NamedTuple):
    """Where it is sent, what is sent, and the place that the difference is named by."""

    path: str
    make: Callable[[list[str]], Any]
    place: str
    content_type: bytes = b"application/json"


DIALECTS: Final = {
    "openai.chat": Dialect("/v1/chat/completions", chat, "messages[37].content"),
    "openai.responses": Dialect("/v1/responses", responses, "input[37].content[0].text"),
    "anthropic": Dialect("/v1/messages", anthropic, "messages[37].content[0].text"),
    "gemini": Dialect("/v1beta/models/m:generateContent", gemini, "contents[37].parts[0].text"),
    "bedrock": Dialect("/model/m/converse", bedrock, "messages[37].content[0].text"),
    "tool arguments": Dialect(
        "/v1/chat/completions",
        tool_arguments,
        "messages[0].tool_calls[37].function.arguments.note",
    ),
    "mcp": Dialect("/mcp", mcp, "params.arguments.history[37]"),
    "plain": Dialect("/tickets", plain, "ticket.comments[37].body"),
    "form": Dialect("/tickets", form, "form.part[37]", b"application/x-www-form-urlencoded"),
    "text": Dialect("/notes", text, "body", b"text/plain"),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_changed_sentence_is_seen_within_15_lines(name: str) -> None:
    dialect = DIALECTS[name]
    headers: Headers = ((b"Content-Type", dialect.content_type),)
    url = ("https", "api.example.com", 443, dialect.path)
    recorded, live = (dialect.make(said(sentence)) for sentence in (OLD, NEW))
    neighbour = dialect.make(said(OLD)[:36] + said(OLD)[38:])
    calls = [
        exchange(n, body, url=url, headers=headers)
        for n, body in enumerate((neighbour, recorded), 1)
    ]
    data = live if isinstance(live, bytes) else orjson.dumps(live)
    assert len(data) > 200_000
    asked = RequestHead("POST", *url, headers=headers)
    answer = Playback(Fixtures.of(calls, steps=step)).decide(asked, data)
    assert isinstance(answer, Miss)
    lines = miss_text(answer, 100).splitlines()
    assert len(lines) <= 15
    assert "nearest: call 2 of r1 (1 difference)" in lines
    assert dialect.place in [line.strip() for line in lines]
    assert any("- " in line and "refund within fourteen days" in line for line in lines), lines
    assert any("+ " in line and "voucher within ninety days" in line for line in lines), lines
