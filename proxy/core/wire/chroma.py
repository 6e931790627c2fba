"""Chroma: queries of a collection. Its answers are columns: lists of ids, distances, documents.

The queries come as vectors; Chroma's own client embeds their texts before it sends them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, override

from proxy.core import documents, loose
from proxy.core.calls import Document, Retrieval
from proxy.core.dialect import Answer, Asked, settings
from proxy.core.model import Exchange, RequestHead
from proxy.core.searching import Search, found, without_vectors

_PATH = re.compile(r"/collections/[^/]+/query/?$")
_STRUCTURE = frozenset(("n_results", "where", "where_document", "query_texts"))


class Chroma(Search):
    """`POST …/collections/{id}/query`, of API v1 and v2."""

    name = "chroma"
    vendor = "chroma"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        if head.method != "POST" or _PATH.search(head.path) is None:
            return False
        return b'"query_embeddings"' in request or b'"query_texts"' in request

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        return "chroma.query"

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        queries = loose.array(body.get("query_embeddings")) or loose.array(body.get("query_texts"))
        texts = [text for text in loose.array(body.get("query_texts")) if isinstance(text, str)]
        filters = {name: body[name] for name in ("where", "where_document") if body.get(name)}
        query = "\n".join(texts) or None
        return Asked(
            settings=without_vectors(settings(body, _STRUCTURE)),
            input={"query": query} if query else None,
            retrieval=Retrieval(query, loose.count(body.get("n_results")), filters or None),
            notes=[f"{len(queries)} queries in one"] if len(queries) > 1 else [],
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        return found(_documents(body))

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"error": type_, "message": message})


def _documents(body: Mapping[str, Any]) -> Iterator[Document]:
    for place, ids in enumerate(loose.array(body.get("ids"))):
        texts, distances, fields = (
            loose.array(_at(body.get(name), place))
            for name in ("documents", "distances", "metadatas")
        )
        for row, id_ in enumerate(loose.array(ids)):
            yield documents.document(
                id_,
                None,
                loose.obj(_at(fields, row)),
                text=loose.text(_at(texts, row)),
                distance=loose.number(_at(distances, row)),
            )


def _at(column: Any, place: int) -> Any:
    values = loose.array(column)
    return values[place] if place < len(values) else None


FORMAT = Chroma()
