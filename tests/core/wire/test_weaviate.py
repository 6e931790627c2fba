import time
from dataclasses import replace

import orjson
import pytest

from proxy.core.wire import decode_call, weaviate
from tests.conformance.wire_samples import sample

FORMAT = weaviate.FORMAT
ONE = sample("weaviate/near_text")

MINE = [
    ("/v1/graphql", b'{"query": "{ Get { A { b } } }"}', True),
    ("/v1/graphql", b'{"query": "{\\n  Get{ A { b } } }"}', True),
    ("/graphql", b'{"query": "query { user { name } }"}', False),
    ("/graphql", b'{"query": "{ GetUser { name } }"}', False),
    ("/v1/objects", b'{"query": "{ Get { A { b } } }"}', False),
]


@pytest.mark.parametrize(("target", "body", "mine"), MINE)
def test_recognition(target: str, body: bytes, mine: bool) -> None:
    assert FORMAT.recognises(replace(ONE.exchange.request, target=target), body) is mine


QUERIES = [
    ('A(nearText: {concepts: ["a", "b"]})', "a\nb", None, None),
    ('A(nearText: {concepts: "a"}, limit: 7)', "a", 7, None),
    ('A(bm25: {query: "caf\\u00e9"})', "café", None, None),
    ('A(ask: {question: "why?"} limit:3)', "why?", 3, None),
    ("A(nearVector: {vector: [1]})", None, None, None),
    ("A(where: {operands: [{x: 1}, {y: {}}]}, limit: 1)", None, 1, "{operands: [{x: 1}, {y: {}}]}"),
    ("A(where: {open: {", None, None, "{open: { { body } } }"),
]


@pytest.mark.parametrize(("inner", "text", "limit", "where"), QUERIES)
def test_queries(inner: str, text: str | None, limit: int | None, where: str | None) -> None:
    request = orjson.dumps({"query": "{ Get { " + inner + " { body } } }"})
    found = decode_call(ONE.exchange, request, ONE.response).retrieval
    assert found is not None
    assert (found.query, found.top_k, found.filter) == (text, limit, where)


@pytest.mark.parametrize("piece", ['concepts: ["a" ', 'query: "', "where: {", "limit: ", '"a", '])
def test_hostile_queries_take_no_time(piece: str) -> None:
    request = orjson.dumps({"query": "{ Get { concepts: " + piece * 20_000})
    started = time.perf_counter()
    decode_call(ONE.exchange, request, ONE.response)
    assert time.perf_counter() - started < 3


def test_scores_come_as_text() -> None:
    hit = {"title": "x", "_additional": {"score": "0.75", "distance": None, "id": "u"}}
    response = orjson.dumps({"data": {"Get": {"A": [hit]}}})
    found = decode_call(ONE.with_response(response), ONE.request, response).retrieval
    assert found is not None
    assert (found.documents[0].id, found.documents[0].score) == ("u", 0.75)


def test_our_error_body() -> None:
    assert b"no such call" in FORMAT.error_body(424, "no such call", type_="replay-miss")
