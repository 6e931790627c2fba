import gzip
import json
from dataclasses import replace

import pytest

from proxy.core import said
from proxy.core.model import Body, Exchange, Headers, RequestHead, ResponseHead

CHAT = RequestHead("POST", "https", "api.openai.com", 443, "/v1/chat/completions")


def exchange(head: RequestHead, asked: object, answer: bytes, *, zipped: bool = False) -> Exchange:
    headers: Headers = ((b"Content-Type", b"application/json"),)
    if zipped:
        answer, headers = gzip.compress(answer), (*headers, (b"Content-Encoding", b"gzip"))
    return Exchange(
        "ex",
        "run",
        1,
        "forward",
        0.0,
        head,
        Body(json.dumps(asked).encode()),
        ResponseHead(200, headers=headers),
        Body(answer),
    )


USE = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "lookup", "arguments": '{"city":"Zürich"}'},
}
ASKED = {
    "model": "gpt-5",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [USE]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ],
}
REPLY = {"choices": [{"message": {"role": "assistant", "content": "It rains."}}]}


@pytest.mark.parametrize("zipped", [False, True])
def test_a_conversation(zipped: bool) -> None:
    found = list(said.texts(exchange(CHAT, ASKED, json.dumps(REPLY).encode(), zipped=zipped)))
    for text in ("Be brief.", "Weather?", "rain", "It rains."):
        assert text in found
    (use,) = [text for text in found if text.startswith("lookup")]
    assert "Zürich" in use


def test_a_stream_is_put_together() -> None:
    deltas = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in ("Hel", "lo")]
    stream = b"".join(b"data: %s\n\n" % json.dumps(delta).encode() for delta in deltas)
    made = exchange(CHAT, {**ASKED, "stream": True}, stream + b"data: [DONE]\n\n")
    assert "Hello" in list(said.texts(made))


def test_plain_http_says_nothing() -> None:
    head = RequestHead("GET", "https", "example.com", 443, "/page")
    assert list(said.texts(replace(exchange(head, 0, b"<p>hello"), request_body=Body()))) == []
