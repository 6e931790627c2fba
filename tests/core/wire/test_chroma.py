from dataclasses import replace

import orjson
import pytest

from proxy.core.wire import chroma, decode_call
from tests.conformance.wire_samples import sample

FORMAT = chroma.FORMAT
ONE = sample("chroma/query")

MINE = [
    ("/api/v1/collections/6b3d/query", b'{"query_embeddings": [[]]}', True),
    ("/api/v1/collections/6b3d/query", b'{"query": "x"}', False),
    ("/api/v1/collections/6b3d/get", b'{"query_embeddings": [[]]}', False),
]


@pytest.mark.parametrize(("target", "body", "mine"), MINE)
def test_recognition(target: str, body: bytes, mine: bool) -> None:
    assert FORMAT.recognises(replace(ONE.exchange.request, target=target), body) is mine


def test_distances_and_filter() -> None:
    found = decode_call(ONE.exchange, ONE.request, ONE.response).retrieval
    assert found is not None
    assert found.filter == {"where": {"lang": "en"}}
    assert found.documents[0].metadata == {"source_id": "policy_014", "distance": 0.21}


def test_columns_of_several_queries_and_of_different_lengths() -> None:
    request = b'{"query_embeddings": [[1], [2]], "query_texts": ["a", "b"]}'
    response = orjson.dumps({"ids": [["a"], ["b", "c"]], "documents": [["x"], ["y"]]})
    call = decode_call(ONE.with_response(response), request, response)
    assert call.retrieval is not None
    found = [(one.id, one.text) for one in call.retrieval.documents]
    assert found == [("a", "x"), ("b", "y"), ("c", None)]
    assert (call.retrieval.query, call.notes) == ("a\nb", ("2 queries in one",))


def test_our_error_body() -> None:
    assert b"no such call" in FORMAT.error_body(424, "no such call", type_="replay-miss")
