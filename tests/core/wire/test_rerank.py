from dataclasses import replace

import pytest

from proxy.core.calls import Document
from proxy.core.wire import decode_call, rerank
from tests.conformance.wire_samples import sample

FORMAT = rerank.FORMAT
ONE = sample("rerank/cohere")

MINE = [
    ("/v1/rerank", b'{"query": "q", "documents": []}', True),
    ("/rerank", b'{"query": "q", "texts": []}', True),
    ("/v1/rerank", b'{"query": "q"}', False),
    ("/v1/rerank/jobs", b'{"query": "q", "documents": []}', False),
]


@pytest.mark.parametrize(("target", "body", "mine"), MINE)
def test_recognition(target: str, body: bytes, mine: bool) -> None:
    assert FORMAT.recognises(replace(ONE.exchange.request, target=target), body) is mine


def test_fields_of_documents_are_kept() -> None:
    one = sample("rerank/jina")
    call = decode_call(one.exchange, one.request, one.response)
    assert call.retrieval is not None
    assert call.retrieval.documents == (
        Document("policy_1", 0.7, "Refund policy", metadata={"id": "policy_1"}),
    )


def test_places_that_were_never_offered() -> None:
    response = b'{"results": [{"index": 99, "relevance_score": 0.1}, {"score": "high"}]}'
    call = decode_call(ONE.with_response(response), ONE.request, response)
    assert call.retrieval is not None
    assert call.retrieval.documents == (Document("99", 0.1), Document(None))


def test_our_error_body() -> None:
    assert b"no such call" in FORMAT.error_body(424, "no such call", type_="miss")
    assert FORMAT.stream_error("x", type_="y") == b""
