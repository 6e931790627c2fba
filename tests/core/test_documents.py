from typing import Any

import pytest

from proxy.core.calls import Document
from proxy.core.documents import as_id, document, id_of, text_of

FIELDS: list[tuple[Any, dict[str, Any], Document]] = [
    ("p1", {}, Document("p1", 0.5)),
    (7, {"text": "x", "lang": "en"}, Document("7", 0.5, "x", metadata={"lang": "en"})),
    (
        "p1",
        {"doc_id": "d1", "text": "x"},
        Document("d1", 0.5, "x", "p1", {"doc_id": "d1"}),
    ),
    (
        "p1",
        {"doc_id": "d1", "chunk_id": 3},
        Document("d1", 0.5, None, "3", {"doc_id": "d1", "chunk_id": 3}),
    ),
    (
        "p1",
        {"page_content": "x", "metadata": {"document_id": "d1"}},
        Document("d1", 0.5, "x", "p1", {"metadata": {"document_id": "d1"}}),
    ),
    (None, {"doc_id": "d1"}, Document("d1", 0.5, metadata={"doc_id": "d1"})),
    ("d1", {"doc_id": "d1"}, Document("d1", 0.5, metadata={"doc_id": "d1"})),
]


@pytest.mark.parametrize(("id_", "fields", "expected"), FIELDS)
def test_ids_and_text_of_a_record(id_: Any, fields: dict[str, Any], expected: Document) -> None:
    assert document(id_, 0.5, fields) == expected


def test_a_distance_is_no_score() -> None:
    assert document("a", None, {}, distance=0.2) == Document("a", metadata={"distance": 0.2})


TEXTS: list[tuple[dict[str, Any], str | None]] = [
    ({"content": "a", "text": "b"}, "b"),
    ({"_node_content": '{"id_": "1", "text": "from LlamaIndex"}'}, "from LlamaIndex"),
    ({"_node_content": "broken"}, None),
    ({"content": [{"type": "text", "text": "a"}, "b", 3]}, "a\nb"),
    ({"document": {"text": "a"}}, "a"),
    ({"text": "", "snippet": "a"}, "a"),
    ({"text": 3}, None),
    ({}, None),
]


@pytest.mark.parametrize(("fields", "text"), TEXTS)
def test_texts(fields: dict[str, Any], text: str | None) -> None:
    assert text_of(fields) == text


def test_ids() -> None:
    given: list[Any] = ["a", 1, True, None, "", 1.5, []]
    assert [as_id(value) for value in given] == ["a", "1", None, None, None, None, None]
    assert id_of({"url": "u", "_id": 4}) == "4"
    assert id_of({"name": "x"}) is None
