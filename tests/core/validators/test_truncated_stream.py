import json

import pytest

from proxy.core.model import End
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
    ],
)
def test_streams(got: bytes, end: End, said: list[str]) -> None:
    url = "https://api.openai.com/v1/chat/completions"
    made = exchange(url, json.dumps(SENT).encode(), got, headers=SSE, end=end)
    assert [one.message for one in check(material(made))] == said
