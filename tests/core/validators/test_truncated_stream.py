import json

import pytest

from proxy.core.model import End, Frame, RequestHead, ResponseHead
from proxy.core.validators.truncated_stream import check
from tests.core.validators.payloads import SSE, exchange, material

CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
SENT = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize(
    ("got", "end", "said"),
    [
        (CHUNK + b"data: [DONE]\n\n", End.COMPLETE, []),
        (
            CHUNK,
            End.COMPLETE,
            ["the stream ended before its last event, after 58 bytes (complete)"],
        ),
        (
            CHUNK,
            End.UPSTREAM_TRUNCATED,
            ["the stream ended before its last event, after 58 bytes (upstream truncated)"],
        ),
        (CHUNK + b'data: {"error":{"message":"no","type":"server_error"}}\n\n', End.COMPLETE, []),
    ],
)
def test_streams(got: bytes, end: End, said: list[str]) -> None:
    url = "https://api.openai.com/v1/chat/completions"
    made = exchange(url, json.dumps(SENT).encode(), got, headers=SSE, end=end)
    assert [one.message for one in check(material(made))] == said


def test_a_socket_counts_its_messages() -> None:
    made = exchange("wss://api.openai.com/v1/realtime", b"", b"", end=End.CLIENT_GONE)
    made.request = RequestHead("GET", "wss", "api.openai.com", 443, "/v1/realtime?model=m")
    made.response = ResponseHead(101)
    told = [
        {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
        {"type": "response.output_text.delta", "delta": "He"},
    ]
    made.frames = tuple(Frame(n, False, 1, json.dumps(one).encode()) for n, one in enumerate(told))
    said = "the stream ended before its last event, after 2 messages (client gone)"
    assert [one.message for one in check(material(made))] == [said]
