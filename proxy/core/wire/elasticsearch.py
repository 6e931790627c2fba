"""Elasticsearch and OpenSearch: `_search` by text, by vector (knn, neural) or both."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, override
from urllib.parse import parse_qs

from proxy.core import documents, loose
from proxy.core.calls import Document, Retrieval
from proxy.core.dialect import Answer, Asked, settings
from proxy.core.model import Exchange, RequestHead
from proxy.core.searching import Search, found, without_vectors

_PATH = re.compile(r"/_(?:search|knn_search)/?$")
_STRUCTURE = frozenset(("size",))
# Where a query has its text: clauses with fields in them, and names that hold the text itself.
_CLAUSES = ("match", "match_phrase", "match_bool_prefix", "match_phrase_prefix")
_TEXTS = ("query", "query_text", "model_text")
_DEPTH = 12


class Elasticsearch(Search):
    """`GET` or `POST …/_search`."""

    name = "elasticsearch"
    vendor = "elasticsearch"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        return head.method in ("GET", "POST") and _PATH.search(head.path) is not None

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        return "elasticsearch.search"

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        said = parse_qs(head.query[:4096])
        clauses = {key: body[key] for key in ("query", "knn", "retriever", "rank") if key in body}
        text = next(_texts(clauses), None) or next(iter(said.get("q", ())), None)
        size = loose.count(body.get("size"))
        if size is None and (given := next(iter(said.get("size", ())), "")).isdigit():
            size = int(given[:9])
        if size is None:
            knn = body.get("knn")
            first = next(loose.objects(knn), {}) if isinstance(knn, list) else loose.obj(knn)
            size = loose.count(first.get("k"))
        return Asked(
            settings=without_vectors(settings(body, _STRUCTURE)),
            input={"query": text} if text else None,
            retrieval=Retrieval(text, size, _filter(body)),
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        answer = found(_document(hit) for hit in _hits(body))
        if body.get("timed_out") is True:
            answer.notes.append("the search timed out: these are the hits until then")
        if failed := loose.count(loose.obj(body.get("_shards")).get("failed")):
            answer.notes.append(f"{failed} shards failed")
        return answer

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        error = {"type": type_, "reason": message, "root_cause": []}
        return loose.dumps({"error": error, "status": status})


def _hits(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return loose.objects(loose.obj(body.get("hits")).get("hits"))


def _document(hit: Mapping[str, Any]) -> Document:
    source = loose.obj(hit.get("_source")) or loose.obj(hit.get("fields"))
    marked = [
        text for texts in loose.obj(hit.get("highlight")).values() for text in loose.array(texts)
    ]
    text = documents.text_of(source) or "\n".join(one for one in marked if isinstance(one, str))
    return documents.document(
        hit.get("_id"), loose.number(hit.get("_score")), source, text=text or None
    )


def _texts(value: Any, depth: int = _DEPTH) -> Iterator[str]:
    """The texts that are searched for, in order."""
    if isinstance(value, list) and depth:
        for item in value:
            yield from _texts(item, depth - 1)
    if not isinstance(value, dict) or not depth:
        return
    for name, inner in value.items():
        if name in _TEXTS and isinstance(inner, str):
            yield inner
        elif name in _CLAUSES and isinstance(inner, dict):
            yield from (text for text in inner.values() if isinstance(text, str))
            yield from _texts(inner, depth - 1)
        elif name not in ("filter", "must_not"):
            yield from _texts(inner, depth - 1)


def _filter(body: Mapping[str, Any]) -> Any:
    """The filters of the query, of the knn clause, and behind both; one, or a list."""
    knn = body.get("knn")
    places = [loose.obj(loose.obj(body.get("query")).get("bool"))]
    places += loose.objects(knn) if isinstance(knn, list) else [loose.obj(knn)]
    filters = [place["filter"] for place in places if place.get("filter")]
    filters += [body["post_filter"]] if body.get("post_filter") else []
    return filters[0] if len(filters) == 1 else filters or None


FORMAT = Elasticsearch()
