from typing import Any

import pytest

from proxy.core.checks.citations import check
from proxy.core.model import Event
from proxy.errors import ConfigError
from tests.core.checks.trials import trial


def found(*ids: tuple[str | None, str | None]) -> Event:
    results = [{"docId": doc, "chunkId": chunk} for doc, chunk in ids]
    data = {"call": {"retrieval": {"results": results}}}
    return Event("r", "retrieval", "POST kb/search", 1.0, data=data)


SEARCHES = (found(("kb-1", "c-1"), ("kb-2", None)), found(("kb-1", "c-1"), ("7", None)))


@pytest.mark.parametrize(
    ("output", "wanted", "said"),
    [
        ("Refunds take 14 days [kb-1].", True, []),
        ("See chunk c-1 and kb-2.", 2, []),
        ("As said in [1] and [3].", 2, []),
        ("As said in [7], [kb-2].", ["7", "kb-2"], []),
        ("Refunds take 14 days.", True, ["the output cites 0 of 3 documents found, not 1"]),
        ("Refunds take 7 days.", True, ["the output cites 0 of 3 documents found, not 1"]),
        ("It is xkb-1 and kb-12.", 1, ["the output cites 0 of 3 documents found, not 1"]),
        ("[kb-1] and [kb-9]", True, ["the output cites 'kb-9', which no search has found"]),
        ("[kb-1] and [4]", True, ["the output cites '4', which no search has found"]),
        ("[sic] [x] [kb-1](http://a) [^1] 【kb-2】", True, []),
        ("[kb-2]", "kb-1", ["'kb-1' was found, and is not cited"]),
        ("[kb-2]", ["kb-8"], ["'kb-8' was not found, and is not cited"]),
        ("nothing", 0, []),
        ("nothing", False, []),
    ],
)
def test_citations(output: str, wanted: Any, said: list[str]) -> None:
    assert list(check(trial(*SEARCHES, output=output), wanted)) == said


def test_nothing_was_found() -> None:
    none = Event("r", "retrieval", "x", 1.0, data={"call": {"retrieval": {"results": [1]}}})
    assert list(check(trial(none, output="[a-1]"), True)) == [
        "the output cites 'a-1', which no search has found",
        "the output cites 0 of 0 documents found, not 1",
    ]


@pytest.mark.parametrize("wanted", [-1, {}, [1], None])
def test_what_cannot_be_understood(wanted: Any) -> None:
    with pytest.raises(ConfigError):
        list(check(trial(), wanted))
