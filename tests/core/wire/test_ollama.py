import json
from dataclasses import replace

import pytest

from proxy.core.wire import decode_call, ollama
from tests.conformance.wire_samples import sample

FORMAT = ollama.FORMAT
CHAT = sample("ollama/chat_stream")

STEPS = [
    ("/api/chat", b'{"model": "m", "messages": []}', "ollama.chat"),
    ("/api/generate", b'{"model": "m", "prompt": "x"}', "ollama.generate"),
    ("/api/embed", b'{"model": "m", "input": "x"}', "ollama.embed"),
    ("/api/embeddings", b'{"model": "m", "prompt": "x"}', "ollama.embed"),
]


@pytest.mark.parametrize(("target", "body", "step"), STEPS)
def test_steps(target: str, body: bytes, step: str) -> None:
    head = replace(CHAT.exchange.request, target=target)
    assert FORMAT.recognises(head, body)
    assert FORMAT.step(head, body) == step
    assert not FORMAT.recognises(head, b'{"text": "x"}')


def test_another_services_chat_is_a_plain_call() -> None:
    request = b'{"model": "m", "messages": [{"role": "user", "content": "x"}]}'
    exchange = replace(
        sample("ollama/generate").exchange,
        request=replace(CHAT.exchange.request, host="app.example.com"),
    )
    response = b'{"id": 7, "answer": "Hi"}'
    call = decode_call(exchange, request, response)
    assert (call.kind, call.protocol) == ("http", "http")
    assert call.notes == ("the answer is not Ollama's",)


def test_a_stream_whose_media_type_was_renamed() -> None:
    exchange = CHAT.exchange
    assert exchange.response is not None
    renamed = replace(
        exchange, response=replace(exchange.response, headers=((b"content-type", b"text/plain"),))
    )
    call = decode_call(renamed, CHAT.request, CHAT.response)
    assert call.reply is not None
    assert (call.reply.text, call.streamed) == ("Let me see.", True)


def test_generate_streams_too() -> None:
    one = sample("ollama/generate")
    lines = (
        b'{"response": "Hel", "done": false}\n{"response": "lo", "done": true, "eval_count": 2}\n'
    )
    call = decode_call(one.with_response(lines), one.request, lines)
    assert call.reply is not None
    assert (call.reply.text, call.usage.output_tokens, call.complete) == ("Hello", 2, True)


def test_our_error_body_and_stream_error() -> None:
    assert json.loads(FORMAT.error_body(403, "over budget", type_="b")) == {"error": "over budget"}
    assert FORMAT.stream_error("over budget", type_="b") == b'{"error":"over budget"}\n'


def test_arguments_as_text() -> None:
    call = {"function": {"name": "f", "arguments": '{"a": 1}'}}
    message = {"role": "assistant", "content": "", "tool_calls": [call]}
    response = json.dumps({"message": message, "done": True}).encode()
    one = sample("ollama/error_404")
    assert one.exchange.response is not None
    good = replace(one.exchange, response=replace(one.exchange.response, status=200))
    reply = decode_call(good, one.request, response).reply
    assert reply is not None
    assert [use.arguments for use in reply.tool_uses] == [{"a": 1}]
