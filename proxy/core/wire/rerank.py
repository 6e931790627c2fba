"""Reranking as Cohere, Voyage, Jina and their copies offer it: a retrieval with scores.

They differ in `top_n` or `top_k`, `results` or `data`, `relevance_score` or `score`. Answers name
documents by their place in the request; the texts are taken from there.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, override

from proxy.core import loose
from proxy.core.calls import Call, Document, Retrieval, Usage
from proxy.core.dialect import Answer, Asked, Dialect, settings
from proxy.core.model import Exchange, RequestHead

_STRUCTURE = frozenset(("model", "query", "documents", "texts"))


class Rerank(Dialect):
    """`POST …/rerank`."""

    name = "rerank"
    vendor = "cohere"
    kind = "retrieval"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        path = head.path.rstrip("/")
        if head.method != "POST" or not path.endswith("/rerank") or b'"query"' not in request:
            return False
        return b'"documents"' in request or b'"texts"' in request

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        query = loose.text(body.get("query"))
        top = loose.count(body.get("top_n", body.get("top_k")))
        given = loose.array(body.get("documents", body.get("texts")))
        documents = tuple(_document(index, item) for index, item in enumerate(given))
        return Asked(
            model=loose.text(body.get("model")),
            settings=settings(body, _STRUCTURE),
            input={"query": query, "documents": len(given)},
            retrieval=Retrieval(query, top, documents=documents),
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        results = body.get("results", body.get("data"))
        if not isinstance(results, list):
            return Answer(usage=_usage(body), response_id=loose.text(body.get("id")))
        documents = tuple(_scored(item) for item in loose.objects(results))
        return Answer(
            served_model=loose.text(body.get("model")),
            response_id=loose.text(body.get("id")),
            usage=_usage(body),
            retrieval=Retrieval(documents=documents),
            output=[{"index": doc.id, "score": doc.score} for doc in documents],
        )

    @override
    def call(
        self,
        exchange: Exchange,
        request: bytes,
        asked: Asked,
        answer: Answer,
        note: str | None = None,
    ) -> Call:
        offered = asked.retrieval or Retrieval()
        found = answer.retrieval or Retrieval()
        by_place = {str(place): doc for place, doc in enumerate(offered.documents)}
        documents = tuple(_joined(doc, by_place.get(doc.id or "")) for doc in found.documents)
        answer.retrieval = replace(offered, documents=documents)
        return super().call(exchange, request, asked, answer, note)

    @override
    def read(self, exchange: Exchange, response: bytes) -> Answer:
        answer = super().read(exchange, response)
        bare = loose.parse(response).value if response[:1] == b"[" else None
        if isinstance(bare, list) and exchange.response and exchange.response.status == 200:  # noqa: PLR2004 - OK
            # text-embeddings-inference answers with the bare list
            answer = self.answer({"results": bare}, exchange)
        return answer

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"message": message, "detail": message, "type": type_})

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        return b""  # it does not stream


def _document(index: int, item: Any) -> Document:
    fields = loose.obj(item)
    text = loose.text(item) or loose.text(fields.get("text"))
    id_ = fields.get("id")
    named = str(id_) if isinstance(id_, str | int) else str(index)
    return Document(named, text=text, metadata={k: v for k, v in fields.items() if k != "text"})


def _scored(item: Mapping[str, Any]) -> Document:
    document = item.get("document", item.get("text"))
    index = loose.count(item.get("index"))
    return Document(
        None if index is None else str(index),
        loose.number(item.get("relevance_score", item.get("score"))),
        loose.text(document) or loose.text(loose.obj(document).get("text")),
    )


def _joined(scored: Document, offered: Document | None) -> Document:
    if offered is None:
        return scored
    text = scored.text if scored.text is not None else offered.text
    return Document(offered.id, scored.score, text, metadata=offered.metadata)


def _usage(body: Mapping[str, Any]) -> Usage:
    meta = loose.obj(body.get("meta"))
    raw = loose.obj(body.get("usage")) or loose.obj(meta.get("billed_units"))
    asked = loose.count(raw.get("total_tokens"))
    if asked is None:
        asked = loose.count(loose.obj(meta.get("tokens")).get("input_tokens"))
    return Usage(input_tokens=asked, source="unknown" if asked is None else "exact", raw=raw)


FORMAT = Rerank()
