"""What the wire formats of vector stores have in common; and searches of any service.

A search is a request with a query, or a vector, whose answer is a list of scored documents.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, override

from proxy.core import documents, loose
from proxy.core.calls import Call, Document, Retrieval
from proxy.core.dialect import Answer, Asked, Dialect
from proxy.core.model import Exchange

_QUERIES = (
    *("query", "q", "question", "search", "query_text", "queryText", "searchText", "search_query"),
    *("text", "input", "prompt"),
)
_VECTORS = ("vector", "embedding", "query_vector", "queryVector", "query_embedding")
_TOPS = ("topK", "top_k", "topk", "k", "n_results", "max_num_results", "max_results", "top")
_LIMITS = (*_TOPS, "limit", "size", "num_results", "count")
_FILTERS = ("filter", "filters", "where", "metadata_filter")
_SCORES = (
    *("score", "_score", "relevance_score", "relevanceScore", "similarity", "@search.score"),
    *("relevance", "certainty", "cosine_similarity", "rank_score"),
)
_DISTANCES = ("distance", "_distance")
_LISTS = (
    *("results", "matches", "hits", "documents", "docs", "data", "items", "chunks", "passages"),
    *("value", "records", "nodes", "sources", "contexts", "result", "response"),
)
_PATHS = frozenset(("search", "query", "retrieve", "retrieval", "similarity-search"))
_LOOKED_AT = 5
_DEPTH = 3


class Search(Dialect):
    """A vector store's search; `ask` gives query, top-k and filter, `answer` the documents."""

    kind = "retrieval"

    @override
    def call(
        self,
        exchange: Exchange,
        request: bytes,
        asked: Asked,
        answer: Answer,
        note: str | None = None,
    ) -> Call:
        found = answer.retrieval.documents if answer.retrieval else ()
        answer.retrieval = replace(asked.retrieval or Retrieval(), documents=found)
        return super().call(exchange, request, asked, answer, note)

    @override
    def read(self, exchange: Exchange, response: bytes) -> Answer:
        answer = super().read(exchange, response)
        if answer.error is not None and answer.error.where == "status":
            said = self.complaint(loose.obj(loose.parse(response).value))
            if said is not None:
                answer.error = replace(answer.error, message=said)
        return answer

    def complaint(self, body: Mapping[str, Any]) -> str | None:  # noqa: ARG002 - for subclasses
        """What an error's body says, where it says it in a way of its own."""
        return None

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        return b""  # searches do not stream


def found(documents_: Iterable[Document], **more: Any) -> Answer:
    """An answer with these documents; what they are is its output as well."""
    kept = tuple(documents_)
    output = [{"id": one.id, "chunk": one.chunk_id, "score": one.score} for one in kept]
    return Answer(retrieval=Retrieval(documents=kept), output=output, **more)


def without_vectors(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in which a list of many numbers is only counted: nobody reads a vector."""
    return {key: _counted(value) for key, value in settings.items()}


def _counted(value: Any) -> Any:
    if isinstance(value, list) and len(value) > _LOOKED_AT:
        if all(isinstance(item, int | float) for item in value):
            return {"dimensions": len(value)}
    elif isinstance(value, list):
        return [_counted(item) for item in value]
    elif isinstance(value, dict):
        return {key: _counted(item) for key, item in value.items()}
    return value


def in_general(path: str, asked: Any, answered: Any) -> Retrieval | None:
    """The search that a JSON request and its JSON answer are, at a service nobody knows; or None.

    An answer without documents is one only if the path and a top-k say so.
    """
    body = loose.obj(asked)
    query = next((text for name in _QUERIES if (text := _query(body.get(name)))), None)
    if query is None and not any(isinstance(body.get(name), list) for name in _VECTORS):
        return None
    items = _scored(answered)
    if items is None:
        empty = _empty(answered) and any(name in body for name in _TOPS)
        if not empty or path.rstrip("/").rpartition("/")[2].lower() not in _PATHS:
            return None
    tops = (loose.count(body.get(name)) for name in _LIMITS)
    return Retrieval(
        query,
        next((top for top in tops if top is not None), None),
        next((body[name] for name in _FILTERS if body.get(name)), None),
        tuple(_document(item) for item in items or ()),
    )


def _query(value: Any) -> str | None:
    inner = loose.obj(value)
    return loose.text(value) or loose.text(inner.get("text")) or loose.text(inner.get("query"))


def _scored(value: Any, depth: int = _DEPTH) -> list[Mapping[str, Any]] | None:
    """The list of scored documents in an answer, or None."""
    if isinstance(value, list):
        items: list[Mapping[str, Any]] = [item for item in value if isinstance(item, dict)]
        whole = len(items) == len(value) > 0
        return items if whole and all(map(_is_scored, items[:_LOOKED_AT])) else None
    if not isinstance(value, dict) or not depth:
        return None
    inner = (_scored(value[name], depth - 1) for name in _LISTS if name in value)
    return next((items for items in inner if items is not None), None)


def _is_scored(item: Mapping[str, Any]) -> bool:
    scored = any(loose.number(item.get(name)) is not None for name in (*_SCORES, *_DISTANCES))
    fields = _fields(item)
    return scored and (documents.text_of(fields) or documents.id_of(fields)) is not None


def _empty(value: Any) -> bool:
    if value == []:
        return True
    return any(loose.obj(value).get(name) == [] for name in _LISTS)


def _document(item: Mapping[str, Any]) -> Document:
    fields = _fields(item)
    scores = (loose.number(item.get(name)) for name in _SCORES)
    distances = (loose.number(item.get(name)) for name in _DISTANCES)
    return documents.document(
        documents.id_of(fields),
        next((score for score in scores if score is not None), None),
        {key: one for key, one in fields.items() if key not in (*_SCORES, *_DISTANCES)},
        distance=next((one for one in distances if one is not None), None),
    )


def _fields(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The item with the fields of the document that it holds, in some answers."""
    for name in ("document", "node", "chunk", "_source", "payload"):
        if inner := loose.obj(item.get(name)):
            return {**{key: one for key, one in item.items() if key != name}, **inner}
    return item
