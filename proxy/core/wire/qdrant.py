"""Qdrant: search, query, recommend, discover and scroll, one at a time, grouped or in batches."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, override

from proxy.core import documents, loose
from proxy.core.calls import Document, Retrieval
from proxy.core.dialect import Answer, Asked, settings
from proxy.core.model import Exchange, RequestHead
from proxy.core.searching import Search, found, without_vectors

_PATH = re.compile(
    r"/collections/[^/]+/points/(search|query|recommend|discover|scroll)(?:/(?:batch|groups))?/?$"
)
_STRUCTURE = frozenset(("limit", "filter"))
_BATCHED = "searches"


class Qdrant(Search):
    """`POST …/collections/{name}/points/…`."""

    name = "qdrant"
    vendor = "qdrant"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        return head.method == "POST" and _PATH.search(head.path) is not None

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        match = _PATH.search(head.path)
        return f"qdrant.{match[1]}" if match else self.name

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        searches = list(loose.objects(body.get(_BATCHED)))
        first = searches[0] if searches else body
        text = _text(first.get("query"))
        notes = [f"{len(searches)} searches in one"] if len(searches) > 1 else []
        return Asked(
            settings=without_vectors(settings(body, _STRUCTURE)),
            input={"query": text} if text else None,
            retrieval=Retrieval(text, loose.count(first.get("limit")), first.get("filter")),
            notes=notes,
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        return found(_document(point) for point in _points(body.get("result")))

    @override
    def complaint(self, body: Mapping[str, Any]) -> str | None:
        return loose.text(loose.obj(body.get("status")).get("error"))

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"status": {"error": message}, "time": 0.0})


def _text(query: Any) -> str | None:
    """The text of a query that the server embeds: `{"text": …}`, maybe under `nearest`."""
    fields = loose.obj(query)
    inner = loose.obj(fields.get("nearest"))
    return loose.text(fields.get("text")) or loose.text(inner.get("text"))


def _points(result: Any) -> Iterator[Mapping[str, Any]]:
    """The points of a result: a list, a page, groups, or a list of any of these."""
    if isinstance(result, list):
        for item in result:
            if isinstance(item, dict) and "id" in item and "hits" not in item:
                yield item
            elif isinstance(item, list | dict) and item:
                yield from _points(item if isinstance(item, list) else _inner(item))
    elif isinstance(result, dict):
        yield from _points(_inner(result))


def _inner(result: Mapping[str, Any]) -> list[Any]:
    name = next((one for one in ("points", "groups", "hits") if one in result), "")
    return loose.array(result.get(name))


def _document(point: Mapping[str, Any]) -> Document:
    payload = loose.obj(point.get("payload"))
    return documents.document(point.get("id"), loose.number(point.get("score")), payload)


FORMAT = Qdrant()
