from dataclasses import replace
from typing import Any

import orjson
import pytest

from proxy.core.wire import decode_call, elasticsearch
from tests.conformance.wire_samples import sample

FORMAT = elasticsearch.FORMAT
ONE = sample("elasticsearch/hybrid")

MINE = [
    ("GET", "/_search?q=x", True),
    ("POST", "/kb/_search/", True),
    ("POST", "/kb/_knn_search", True),
    ("POST", "/kb/_search/scroll", False),
    ("POST", "/kb/_doc/1", False),
    ("DELETE", "/kb/_search", False),
]


@pytest.mark.parametrize(("method", "target", "mine"), MINE)
def test_recognition(method: str, target: str, mine: bool) -> None:
    head = replace(ONE.exchange.request, method=method, target=target)
    assert FORMAT.recognises(head, b"") is mine


KNN = {"field": "v", "k": 4, "filter": {"term": {"a": 1}}}
QUERIES: list[tuple[Any, str | None, int | None, Any]] = [
    ({"query": {"match_phrase": {"body": "a b"}}}, "a b", None, None),
    ({"query": {"query_string": {"query": "a AND b"}}, "size": 0}, "a AND b", 0, None),
    ({"query": {"semantic": {"field": "body", "query": "a"}}}, "a", None, None),
    ({"query": {"bool": {"filter": {"match": {"lang": "en"}}}}}, None, None,
     {"match": {"lang": "en"}}),
    ({"knn": KNN}, None, 4, {"term": {"a": 1}}),
    ({"knn": [KNN, KNN], "post_filter": {"p": 1}}, None, 4,
     [{"term": {"a": 1}}, {"term": {"a": 1}}, {"p": 1}]),
    ({"knn": {"query_vector_builder": {"text_embedding": {"model_text": "a"}}}}, "a", None, None),
    ({"retriever": {"rrf": {"retrievers": [{"standard": {"query": {"match": {"b": "a"}}}}]}}}, "a",
     None, None),
    ({}, None, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "text", "size", "filters"), QUERIES)
def test_queries(body: Any, text: str | None, size: int | None, filters: Any) -> None:
    found = decode_call(ONE.exchange, orjson.dumps(body), ONE.response).retrieval
    assert found is not None
    assert (found.query, found.top_k, found.filter) == (text, size, filters)


def test_a_query_in_the_url() -> None:
    head = replace(ONE.exchange.request, method="GET", target="/kb/_search?q=refunds&size=3")
    found = decode_call(replace(ONE.exchange, request=head), b"", ONE.response).retrieval
    assert found is not None
    assert (found.query, found.top_k) == ("refunds", 3)


def test_our_error_body() -> None:
    assert b"no such call" in FORMAT.error_body(424, "no such call", type_="replay-miss")
