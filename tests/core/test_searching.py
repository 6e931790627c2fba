from typing import Any

import pytest

from proxy.core.calls import Document, Retrieval
from proxy.core.searching import found, in_general, without_vectors

DOC = {"id": "a", "score": 0.5, "text": "x"}
ONE = (Document("a", 0.5, "x", metadata={"id": "a"}),)

SEARCHES: list[tuple[str, Any, Any, Retrieval | None]] = [
    ("results", {"query": "q", "topK": 3}, {"results": [DOC]}, Retrieval("q", 3, None, ONE)),
    ("a bare list", {"q": "q", "limit": 3}, [DOC], Retrieval("q", 3, None, ONE)),
    ("nested", {"question": "q"}, {"data": {"hits": [DOC]}}, Retrieval("q", documents=ONE)),
    ("by vector", {"vector": [1, 2], "k": 1}, {"items": [DOC]}, Retrieval(None, 1, None, ONE)),
    (
        "filters",
        {"query": {"text": "q"}, "filter": {"lang": "en"}},
        {"results": [DOC]},
        Retrieval("q", None, {"lang": "en"}, ONE),
    ),
    (
        "documents inside",
        {"query": "q"},
        {"matches": [{"score": 1, "document": {"id": "a", "content": "x"}}]},
        Retrieval("q", documents=(Document("a", 1.0, "x", metadata={"id": "a"}),)),
    ),
    (
        "distances",
        {"query": "q"},
        [{"id": "a", "distance": 0.1}],
        Retrieval("q", documents=(Document("a", metadata={"id": "a", "distance": 0.1}),)),
    ),
    ("nothing found", {"query": "q", "topK": 3}, {"results": []}, Retrieval("q", 3)),
    ("no top-k: any list may be empty", {"query": "q"}, {"results": []}, None),
    ("no score: a customer list", {"query": "q"}, {"results": [{"id": "c", "name": "Ann"}]}, None),
    ("one without a score", {"query": "q"}, [DOC, {"id": "b"}], None),
    ("a classification", {"text": "q"}, {"results": [{"label": "good", "score": 0.9}]}, None),
    ("no query", {"id": 3}, {"results": [DOC]}, None),
    ("not JSON objects", "q", {"results": ["a"]}, None),
    ("a number for an answer", {"query": "q"}, 3, None),
]


@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [case[1:] for case in SEARCHES],
    ids=[case[0] for case in SEARCHES],
)
def test_searches_in_general(asked: Any, answered: Any, expected: Retrieval | None) -> None:
    assert in_general("/v1/search", asked, answered) == expected


def test_an_empty_answer_elsewhere_is_no_search() -> None:
    assert in_general("/customers", {"query": "q", "topK": 3}, {"results": []}) is None


def test_vectors_are_counted() -> None:
    vector = [0.5] * 9
    given = {"v": vector, "many": [vector], "in": {"v": vector, "few": [1, 2]}, "texts": ["a"] * 9}
    assert without_vectors(given) == {
        "v": {"dimensions": 9},
        "many": [{"dimensions": 9}],
        "in": {"v": {"dimensions": 9}, "few": [1, 2]},
        "texts": ["a"] * 9,
    }


def test_what_was_found_is_the_output() -> None:
    answer = found([Document("a", 0.5, "x", "c1")])
    assert answer.output == [{"id": "a", "chunk": "c1", "score": 0.5}]
