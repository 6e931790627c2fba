from typing import Any

import pytest

from proxy.core.calls import Call, CallError, Document, Retrieval
from proxy.core.model import Exchange, RequestHead
from proxy.engine import embeddings
from proxy.engine.embeddings import Embeddings

HEAD = RequestHead("POST", "https", "a.test", 443, "/")


def exchange(at: float, run: str = "r") -> Exchange:
    return Exchange(f"ex{at}", run, 1, "forward", at, HEAD, ended_us=100_000)


def embed(given: Any, error: CallError | None = None) -> Call:
    return Call("llm_call", "openai.embeddings", "openai.embeddings", input=given, error=error)


def search(query: str | None = None) -> Call:
    found = Retrieval(query, 3, None, (Document("d"),))
    return Call("retrieval", "pinecone.query", "pinecone", retrieval=found)


@pytest.mark.parametrize(
    ("given", "wait", "query", "expected"),
    [
        ("whales", 1, None, "whales"),
        (["whales"], 1, None, "whales"),
        ("whales", 1, "whales?", None),
        ("whales", 100, None, None),
        (["one", "two"], 1, None, None),
        ([1, 2], 1, None, None),
    ],
)
def test_a_search_by_vector_is_joined(
    given: Any, wait: float, query: str | None, expected: str | None
) -> None:
    known = Embeddings()
    assert known.note(exchange(10), embed(given)) == {}
    told = known.note(exchange(10 + wait), search(query))
    assert told == ({"embedding": {"exchange": "ex10", "input": expected}} if expected else {})


def test_only_of_the_same_run_and_what_went_well() -> None:
    known = Embeddings()
    known.note(exchange(10), embed("whales"))
    known.note(exchange(10, "other"), embed("seals", CallError("rate_limit", "no")))
    assert known.note(exchange(11, "other"), search()) == {}


def test_runs_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "_RUNS", 2)
    known = Embeddings()
    for run in ("a", "b", "c"):
        known.note(exchange(10, run), embed("whales"))
    told = [bool(known.note(exchange(11, run), search())) for run in ("a", "b", "c")]
    assert told == [False, True, True]
