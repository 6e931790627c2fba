from typing import Any

import pytest

from proxy.core import retrievals
from proxy.core.model import Event
from proxy.core.retrievals import age_days, coverage, made_up, query

NOW = 1_770_000_000.0
DAY = 86_400.0


def search(*results: dict[str, Any], at: float = NOW, **data: Any) -> Event:
    call = {"call": {"retrieval": {"query": "whales", "results": list(results)}}}
    return Event("r", "retrieval", "pinecone.query", at, data={**call, **data})


def told(*documents: dict[str, Any]) -> Event:
    """As an agent reports it."""
    data = {"query": "whales", "topK": 3, "documents": list(documents)}
    return Event("r", "retrieval", "index", NOW + 1, data=data)


OLD = NOW - 40 * DAY
EVENTS = [
    search(
        {"docId": "policy_1", "chunkId": "c1", "score": 0.8, "updated": OLD},
        {"docId": "docs_12", "chunkId": "c2", "score": 0.9, "updated": "2026-01-30T00:00:00Z"},
    ),
    told({"id": "policy_1", "score": 0.7}, {"id": "7", "metadata": {"updated_at": OLD * 1000}}),
    Event("r", "retrieval", "down", NOW, status="error", data={}),
]


def test_what_searches_came_to() -> None:
    answer = "As policy_1 says, whales sing [7], see [docs_99] and [12]; not policy_10."
    found = coverage(EVENTS, answer, families=["policy_*", "faq_*"], freshness_days=30)
    assert found is not None
    assert (found.searches, found.results, found.unique_docs, found.top_score) == (2, 4, 3, 0.9)
    assert found.families == {"policy_*": True, "faq_*": False}
    assert found.stale == {"policy_1": 40.0, "7": 40.0}
    assert found.cited == ("policy_1", "7")
    assert found.made_up == ("docs_99",)


def test_a_run_without_searches_has_none() -> None:
    assert coverage([], "Hello [docs_1]") is None
    assert coverage(EVENTS[2:], "Hello") is None


def test_scores_and_ages_may_be_unknown() -> None:
    found = coverage([search({"docId": "a"}), search()], "", freshness_days=1)
    assert found is not None
    assert (found.top_score, found.stale, found.results) == (None, {}, 1)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("see [docs_77]", ["docs_77"]),
        ("see [docs_12]", []),
        ("see [docs_12:c3]", ["docs_12:c3"]),
        ("see [Smith_2020]", []),
        ("see [docs_77](https://a.test)", []),
        ("see 【docs_77】 and [docs_77]", ["docs_77"]),
        ("see docs_77", []),
        ("[1] [sic] [docs]", []),
    ],
)
def test_what_is_made_up(answer: str, expected: list[str]) -> None:
    assert list(made_up(answer, ["docs_12", "policy_9"])) == expected


@pytest.mark.parametrize(
    ("updated", "expected"),
    [
        (NOW - DAY, 1.0),
        ((NOW - DAY) * 1000, 1.0),
        ("2026-02-01", pytest.approx(1.1, abs=0.05)),
        (NOW + 10, 0.0),
        (3, None),
        ("v7", None),
        (True, None),
        (None, None),
    ],
)
def test_age(updated: Any, expected: float | None) -> None:
    assert age_days(updated, NOW) == expected


def test_a_search_by_vector_has_the_words_of_its_embedding() -> None:
    event = search(embedding={"exchange": "ex", "input": "whales of the north"})
    assert query(event) == "whales"
    event.data["call"]["retrieval"]["query"] = None
    assert query(event) == "whales of the north"
    assert query(told()) == "whales"


def test_metadata_say_how_new_a_document_is() -> None:
    assert retrievals.updated_of({"version": 3, "updated_at": "2026-01-01"}) == "2026-01-01"
    assert retrievals.updated_of({"updated_at": "", "title": "x"}) is None
