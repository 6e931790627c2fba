import json
from dataclasses import replace

import pytest

from proxy.core.wire import cohere_v2, decode_call
from tests.conformance.wire_samples import sample

FORMAT = cohere_v2.FORMAT
STREAM = sample("cohere_v2/stream")
HEAD = STREAM.exchange.request

MINE = [
    ("POST", "/v2/chat", b'{"model": "m", "messages": []}', True),
    ("POST", "/compatible/v2/chat/", b'{"model": "m", "messages": []}', True),
    ("POST", "/v2/chat", b'{"text": "hi"}', False),
    ("POST", "/v1/chat", b'{"model": "m", "messages": []}', False),
    ("POST", "/v2/embed", b'{"model": "m", "input_type": "x", "texts": []}', True),
    ("POST", "/v2/embed", b'{"model": "m", "url": "x"}', False),
    ("GET", "/v2/chat", b'{"model": "m", "messages": []}', False),
]


@pytest.mark.parametrize(("method", "target", "body", "mine"), MINE)
def test_other_apis_have_a_chat_too(method: str, target: str, body: bytes, mine: bool) -> None:
    assert FORMAT.recognises(replace(HEAD, method=method, target=target), body) is mine


def test_our_error_body_and_stream_error() -> None:
    assert json.loads(FORMAT.error_body(403, "over budget", type_="b"))["message"] == "over budget"
    body = STREAM.response[:200] + b"\n\n" + FORMAT.stream_error("over budget", type_="b")
    call = decode_call(STREAM.with_response(body), STREAM.request, body)
    assert call.error is not None
    assert call.error.message == "over budget"


def test_tokens_are_counted_where_nothing_is_billed() -> None:
    one = sample("cohere_v2/tools")
    body = {"message": {}, "usage": {"tokens": {"input_tokens": 9, "output_tokens": 2}}}
    response = json.dumps(body).encode()
    usage = decode_call(one.with_response(response), one.request, response).usage
    assert (usage.input_tokens, usage.output_tokens) == (9, 2)


def test_thinking() -> None:
    one = sample("cohere_v2/tools")
    content = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hi"}]
    body = {"message": {"role": "assistant", "content": content}, "finish_reason": "COMPLETE"}
    response = json.dumps(body).encode()
    reply = decode_call(one.with_response(response), one.request, response).reply
    assert reply is not None
    assert (reply.text, reply.reasoning) == ("Hi", "Hm.")


def test_older_embeddings_are_a_plain_list() -> None:
    one = sample("cohere_v2/embed")
    response = b'{"embeddings": [[0.1, 0.2, 0.3]]}'
    call = decode_call(one.with_response(response), one.request, response)
    assert call.output == {"vectors": 1, "dimensions": 3}


def test_documents_are_counted_not_kept() -> None:
    asked = FORMAT.ask(HEAD, {"model": "m", "documents": [{"id": 1}, {"id": 2}]})
    assert asked.settings == {"documents": 2}


def test_odd_events() -> None:
    events = [
        {"type": "tool-call-delta", "index": 3, "delta": {}},  # of a call that never began
        {"message": "internal error"},
    ]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    call = decode_call(STREAM.with_response(body), STREAM.request, body)
    assert call.error is not None
    assert call.error.message == "internal error"
    assert call.reply is None
