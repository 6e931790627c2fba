"""Weaviate's GraphQL searches: `{ Get { Class(nearText: …) { … } } }`.

Its newer clients search by gRPC, whose messages are not decoded.
"""

import re
from collections.abc import Mapping
from typing import Any, override

from proxy.core import documents, loose
from proxy.core.calls import Document, Retrieval
from proxy.core.dialect import Answer, Asked, settings
from proxy.core.model import Exchange, RequestHead
from proxy.core.searching import Search, found

_GET = re.compile(rb"\{(?:\s|\\[nrt])*Get(?:\s|\\[nrt])*\{")
_STRUCTURE = frozenset(("query",))
_STRING = r'"((?:[^"\\]|\\.)*)"'
_CONCEPTS = re.compile(r"concepts\s*:[\s\[]*((?:" + _STRING + r"[\s,]*)+)")
_QUOTED = re.compile(_STRING)
_QUERY = re.compile(r"\b(?:query|question)\s*:\s*" + _STRING)
_LIMIT = re.compile(r"\blimit\s*:\s*(\d{1,9})")
_WHERE = re.compile(r"\bwhere\s*:\s*\{")
_LONGEST = 16 * 1024  # characters: what is quoted may be looked for from many places


class Weaviate(Search):
    """`POST …/graphql` with a Get."""

    name = "weaviate"
    vendor = "weaviate"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        path = head.path.rstrip("/")
        return head.method == "POST" and path.endswith("/graphql") and bool(_GET.search(request))

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        return "weaviate.get"

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        query = (loose.text(body.get("query")) or "")[:_LONGEST]
        text = _text(query)
        limit = _LIMIT.search(query)
        return Asked(
            settings=settings(body, _STRUCTURE),
            input=query or None,
            retrieval=Retrieval(text, int(limit[1]) if limit else None, _where(query)),
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        classes = loose.obj(loose.obj(body.get("data")).get("Get"))
        return found(_document(hit) for hits in classes.values() for hit in loose.objects(hits))

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"error": [{"message": message}], "code": type_})


def _text(query: str) -> str | None:
    """What is searched for: the concepts of nearText, the query of bm25 and hybrid, a question."""
    if concepts := _CONCEPTS.search(query):
        return "\n".join(_unquoted(match) for match in _QUOTED.finditer(concepts[1]))
    asked = _QUERY.search(query)
    return _unquoted(asked) if asked else None


def _unquoted(match: re.Match[str]) -> str:
    text = loose.text(loose.parse(f'"{match[1]}"').value)
    return match[1] if text is None else text


def _where(query: str) -> str | None:
    """The filter as it is written, to its closing brace."""
    start = _WHERE.search(query)
    if start is None:
        return None
    depth = 0
    for place in range(start.end() - 1, len(query)):
        depth += {"{": 1, "}": -1}.get(query[place], 0)
        if depth == 0:
            return query[start.end() - 1 : place + 1]
    return query[start.end() - 1 :]


def _document(hit: Mapping[str, Any]) -> Document:
    about = loose.obj(hit.get("_additional"))
    score = _number(about.get("score"))
    score = score if score is not None else _number(about.get("certainty"))
    fields = {key: value for key, value in hit.items() if key != "_additional"}
    return documents.document(
        about.get("id"), score, fields, distance=_number(about.get("distance"))
    )


def _number(value: Any) -> float | None:
    """A number, which Weaviate's scores are as text."""
    if isinstance(value, str):
        value = loose.parse(value).value
    return loose.number(value)


FORMAT = Weaviate()
