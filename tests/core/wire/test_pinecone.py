from dataclasses import replace

import orjson
import pytest

from proxy.core.calls import Retrieval
from proxy.core.wire import decode_call, pinecone
from tests.conformance.wire_samples import sample

FORMAT = pinecone.FORMAT
ONE = sample("pinecone/query")

MINE = [
    ("POST", "/query", b'{"vector": [], "topK": 3}', True),
    ("POST", "/query", b'{"sparseVector": {}, "topK": 3}', True),
    ("POST", "/query", b'{"id": "v1", "topK": 3}', True),
    ("POST", "/records/namespaces/a/search", b'{"query": {}}', True),
    ("POST", "/query", b'{"query": "q", "id": 1, "topK": 3}', False),
    ("POST", "/query", b'{"vector": []}', False),
    ("POST", "/vectors/upsert", b'{"vectors": [], "topK": 3}', False),
    ("GET", "/query", b'{"vector": [], "topK": 3}', False),
]


@pytest.mark.parametrize(("method", "target", "body", "mine"), MINE)
def test_recognition(method: str, target: str, body: bytes, mine: bool) -> None:
    head = replace(ONE.exchange.request, method=method, target=target)
    assert FORMAT.recognises(head, body) is mine


def test_filter_and_chunk() -> None:
    found = decode_call(ONE.exchange, ONE.request, ONE.response).retrieval
    assert isinstance(found, Retrieval)
    assert found.filter == {"lang": {"$eq": "en"}}
    assert found.documents[0].chunk_id == "c02"
    assert found.documents[0].metadata["lang"] == "en"


def test_our_error_body() -> None:
    error = orjson.loads(FORMAT.error_body(424, "no such call", type_="replay-miss"))
    assert error["error"]["message"] == "no such call"
    assert FORMAT.stream_error("x", type_="y") == b""
