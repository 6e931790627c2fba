"""aimock fixtures (JSON): what a model answers to a user's message.

A fixture names no provider and no whole request: it becomes a call of OpenAI's chat API with just
what it names, to be replayed with `--match sequence`. Answers are whole, not streamed.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import orjson

from proxy.core.model import Exchange, Headers, Snapshot
from proxy.errors import RecordingFormatError
from proxy.importers import _making, _stubs
from proxy.importers._making import Notes
from proxy.importers._stubs import Stub, obj, objects

_CHAT: Final = "https://api.openai.com/v1/chat/completions"
_EMBEDDINGS: Final = "https://api.openai.com/v1/embeddings"
_JSON: Final[Headers] = ((b"content-type", b"application/json"),)
_MODEL: Final = "unknown"
_KNOWN: Final = frozenset(("userMessage", "inputText", "model", "sequenceIndex", "toolName"))


def recognises(head: bytes, name: str) -> bool:  # noqa: ARG001 - the contract's
    """A JSON object with fixtures that match."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"{") and b'"fixtures"' in start[:400] and b'"match"' in start


def load(file: BinaryIO, name: str) -> list[Snapshot]:
    """One run, its calls in the order of the fixtures."""
    data = _making.read_all(file)
    fixtures = obj(_stubs.json_of(data)).get("fixtures")
    if not isinstance(fixtures, list):
        raise RecordingFormatError("no aimock fixtures: there is no list of them")
    notes = Notes()
    notes.add("fixtures have parts of requests: replay them with --match sequence")
    found = list(_exchanges(objects(fixtures), notes))
    return [_making.snapshot("aimock", name, data, found, notes)]


def _exchanges(fixtures: list[dict[str, Any]], notes: Notes) -> Iterator[Exchange]:
    for fixture in fixtures:
        match, response = obj(fixture.get("match")), obj(fixture.get("response"))
        if not match.keys() <= _KNOWN:
            notes.add("a fixture matches by what is not carried over")
        stub = _embedding(match, response) if "embedding" in response else _chat(match, response)
        if stub is None:
            notes.add("a fixture has no answer of a kind that is known here")
        elif (made := _stubs.exchange(stub, notes)) is not None:
            yield made


def _chat(match: dict[str, Any], response: dict[str, Any]) -> Stub | None:
    model = _text(match.get("model")) or _MODEL
    message = {"role": "user", "content": _text(match.get("userMessage")) or ""}
    asked: dict[str, Any] = {"model": model, "messages": [message]}
    if tool := _text(match.get("toolName")):
        asked["tools"] = [{"type": "function", "function": {"name": tool}}]
    stub = Stub("POST", _CHAT, orjson.dumps(asked), _JSON, headers=_JSON)
    if isinstance(error := response.get("error"), dict):
        status = response.get("status")
        stub.status = status if isinstance(status, int) else 500
        stub.body = orjson.dumps({"error": error})
        return stub
    content, calls = response.get("content"), objects(response.get("toolCalls"))
    if not isinstance(content, str) and not calls:
        return None
    reply: dict[str, Any] = {"role": "assistant", "content": content}
    if calls:
        reply["tool_calls"] = [_call(one, number) for number, one in enumerate(calls, 1)]
    choice = {
        "index": 0,
        "message": reply,
        "finish_reason": "tool_calls" if calls else "stop",
    }
    stub.body = orjson.dumps({"object": "chat.completion", "model": model, "choices": [choice]})
    return stub


def _call(call: dict[str, Any], number: int) -> dict[str, Any]:
    arguments = call.get("arguments", "{}")
    text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
    function = {"name": str(call.get("name") or ""), "arguments": text}
    return {"id": str(call.get("id") or f"call_{number}"), "type": "function", "function": function}


def _embedding(match: dict[str, Any], response: dict[str, Any]) -> Stub:
    asked = {"model": _MODEL, "input": _text(match.get("inputText")) or ""}
    found = {"object": "embedding", "index": 0, "embedding": response["embedding"]}
    answer = {"object": "list", "data": [found], "model": _MODEL}
    return Stub(
        "POST",
        _EMBEDDINGS,
        orjson.dumps(asked),
        _JSON,
        body=orjson.dumps(answer),
        headers=_JSON,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
