"""Pinecone: queries by vector, and searches of records by text (docs.pinecone.io/reference/api)."""

import re
from collections.abc import Mapping
from typing import Any, override

from proxy.core import documents, loose
from proxy.core.calls import Document, Retrieval
from proxy.core.dialect import Answer, Asked, settings
from proxy.core.model import Exchange, RequestHead
from proxy.core.searching import Search, found, without_vectors

_RECORDS = re.compile(r"/records/namespaces/[^/]+/search/?$")
_STRUCTURE = frozenset(("topK", "filter", "query"))


class Pinecone(Search):
    """`POST …/query` and `POST …/records/namespaces/{name}/search`."""

    name = "pinecone"
    vendor = "pinecone"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        if head.method != "POST":
            return False
        if _RECORDS.search(head.path):
            return b'"query"' in request
        if not head.path.rstrip("/").endswith("/query") or b'"topK"' not in request:
            return False
        by_id = b'"id"' in request and b'"query"' not in request
        return by_id or b'"vector"' in request or b'"sparseVector"' in request

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        return "pinecone.search" if _RECORDS.search(head.path) else "pinecone.query"

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        query = loose.obj(body.get("query"))
        text = loose.text(loose.obj(query.get("inputs")).get("text"))
        asked = query or body
        return Asked(
            settings=without_vectors(settings(body, _STRUCTURE)),
            input={"query": text} if text else None,
            retrieval=Retrieval(
                text, loose.count(asked.get("topK", asked.get("top_k"))), asked.get("filter")
            ),
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        hits = loose.obj(body.get("result")).get("hits")
        return found(_document(hit) for hit in loose.objects(body.get("matches", hits)))

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"error": {"code": type_, "message": message}, "status": status})


def _document(hit: Mapping[str, Any]) -> Document:
    score = loose.number(hit.get("score", hit.get("_score")))
    fields = loose.obj(hit.get("metadata")) or loose.obj(hit.get("fields"))
    return documents.document(hit.get("id", hit.get("_id")), score, fields)


FORMAT = Pinecone()
