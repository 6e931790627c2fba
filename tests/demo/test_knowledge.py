"""The knowledge base finds by shared words."""

import json
from typing import Any

from proxy.demo.http1 import Request
from proxy.demo.knowledge import search


def find(query: str, top_k: int) -> dict[str, Any]:
    body = json.dumps({"query": query, "topK": top_k}).encode()
    found: dict[str, Any] = json.loads(search(Request("POST", "/search", {}, body)).body)
    return found


def test_the_best_document_comes_first_with_all_that_a_citation_needs() -> None:
    found = find("How do I rotate my API token?", 2)
    best = found["results"][0]
    assert best["docId"] == "docs_1281"
    assert best["chunkId"] == "c07"
    assert best["url"] == "https://kb.acme.test/docs_1281#c07"
    assert "Rotate" in best["text"]
    assert found["topK"] == 2
    scores = [result["score"] for result in found["results"]]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[0] <= 1


def test_top_k_bounds_and_unrelated_words_find_nothing() -> None:
    assert len(find("charge refund token", 1)["results"]) == 1
    assert find("zebra", 5)["results"] == []
