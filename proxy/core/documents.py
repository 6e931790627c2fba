"""Documents as vector stores and searches return them: which is the text, which the ids.

Stores know records; frameworks put the text and the ids of document and chunk into a record's
fields, each under names of its own (LangChain, LlamaIndex, Haystack, and what people write).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.core import loose
from proxy.core.calls import Document

_TEXTS = (
    *("text", "page_content", "content", "chunk_text", "chunk", "document", "body", "passage"),
    *("snippet", "_node_content", "summary", "description", "answer"),
)
_DOCUMENTS = (
    *("docId", "doc_id", "documentId", "document_id", "ref_doc_id", "source_id", "sourceId"),
    *("file_id", "fileId", "parent_id", "parentId"),
)
_CHUNKS = ("chunkId", "chunk_id", "chunk_index", "chunkIndex", "chunk", "passage_id", "node_id")
_IDS = ("id", "_id", "uuid", "key", *_DOCUMENTS, "url", "filename")
_MAX_ID = 512


def document(
    id_: Any,
    score: float | None,
    fields: Mapping[str, Any],
    *,
    text: str | None = None,
    distance: float | None = None,
) -> Document:
    """A record that was found: its id, and the fields that were stored with it.

    Where the fields name a document, that is the document's id and the record is its chunk. A
    distance (smaller is nearer, unlike a score) is kept in `metadata["distance"]`.
    """
    own = as_id(id_)
    inner = loose.obj(fields.get("metadata"))
    named = _first((fields, inner), _DOCUMENTS)
    chunk = _first((fields, inner), _CHUNKS)
    metadata = {key: value for key, value in fields.items() if key not in _TEXTS[:6]}
    if distance is not None:
        metadata["distance"] = distance
    if named is None or named == own:
        return Document(own or named, score, text or text_of(fields), chunk, metadata)
    return Document(named, score, text or text_of(fields), chunk or own, metadata)


def id_of(fields: Mapping[str, Any]) -> str | None:
    """The id of a record among its own fields."""
    return next((id_ for name in _IDS if (id_ := as_id(fields.get(name)))), None)


def text_of(fields: Mapping[str, Any]) -> str | None:
    """The text among a record's fields, or None."""
    for name in _TEXTS:
        value = fields.get(name)
        if isinstance(value, str) and value:
            if name == "_node_content":  # LlamaIndex: the node, as JSON
                value = loose.text(loose.obj(loose.parse(value).value).get("text"))
            return value
        if isinstance(value, list) and (joined := "\n".join(_pieces(value))):
            return joined
        if isinstance(value, dict) and (inner := loose.text(value.get("text"))):
            return inner
    return None


def as_id(value: Any) -> str | None:
    """An id as text; numbers are ids too."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)[:_MAX_ID] or None


def _first(places: tuple[Mapping[str, Any], ...], names: tuple[str, ...]) -> str | None:
    found = (as_id(place.get(name)) for place in places for name in names)
    return next((id_ for id_ in found if id_ is not None and len(id_) <= _MAX_ID // 4), None)


def _pieces(parts: list[Any]) -> Iterator[str]:
    """The texts of a content list: of strings, or of parts with a text."""
    for part in parts:
        text = loose.text(part) or loose.text(loose.obj(part).get("text"))
        if text:
            yield text
