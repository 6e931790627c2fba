"""The knowledge base: a handful of documents and a search that ranks them by shared words."""

import math
import re
from collections import Counter
from http import HTTPStatus
from typing import Any, NamedTuple

from proxy.demo.http1 import Request, Response, json_response


class Chunk(NamedTuple):
    """One piece of a document."""

    doc_id: str
    chunk_id: str
    text: str


CHUNKS = (
    Chunk(
        "policy_014",
        "c02",
        "A duplicate charge is refunded in full when the customer reports it within 60 days. "
        "Refund the later of the two charges; a subscription is not cancelled by a refund.",
    ),
    Chunk(
        "policy_015",
        "c01",
        "A refund reaches the customer's card or bank account within five working days.",
    ),
    Chunk(
        "docs_1281",
        "c07",
        "To rotate an API token, go to Settings, then Tokens, and choose Rotate. The old token "
        "works for one more hour.",
    ),
    Chunk("docs_992", "c03", "API tokens expire after 90 days. A mail is sent a week before."),
    Chunk(
        "docs_407",
        "c01",
        "Invoices and subscription charges are listed under Billing. Each month is charged on "
        "its first day.",
    ),
    Chunk("docs_530", "c11", "To export your data, go to Settings, then Data, and choose Export."),
)


def search(request: Request) -> Response:
    """`POST /search` with `query` and `topK`: the chunks that share words with the query."""
    asked = request.json()
    query, top_k = str(asked.get("query", "")), int(asked.get("topK", 6))
    scored = sorted(((_score(query, chunk.text), chunk) for chunk in CHUNKS), reverse=True)
    results = [_result(chunk, score) for score, chunk in scored[:top_k] if score > 0]
    found: dict[str, Any] = {"query": query, "topK": top_k, "results": results}
    return json_response(HTTPStatus.OK, found, {"x-index-version": "2026-02-11"})


def _result(chunk: Chunk, score: float) -> dict[str, Any]:
    return {
        "docId": chunk.doc_id,
        "chunkId": chunk.chunk_id,
        "score": round(score, 4),
        "text": chunk.text,
        "url": f"https://kb.acme.test/{chunk.doc_id}#{chunk.chunk_id}",
    }


def _score(query: str, text: str) -> float:
    """The cosine of the two bags of words, singular and plural taken as one."""
    left, right = _bag(query), _bag(text)
    shared = sum(left[word] * right[word] for word in left.keys() & right.keys())
    return shared / math.sqrt(left.total() * right.total()) if shared else 0.0


def _bag(text: str) -> Counter[str]:
    return Counter(re.sub(r"(ed|s)$", "", word) for word in re.findall(r"[a-z]{3,}", text.lower()))
