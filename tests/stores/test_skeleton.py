import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from proxy.stores import jsontext, skeleton
from proxy.stores.seals import Forged, RunSeal, Seals
from proxy.stores.skeleton import Opener
from proxy.stores.vault import new_key


@pytest.fixture
def opener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    monkeypatch.setenv("KEY", new_key())
    with closing(sqlite3.connect(":memory:")) as connection:
        yield Opener(connection, Seals("env:KEY", always=True))


@pytest.fixture
def seal(opener: Opener) -> RunSeal:
    made = opener.seals.of_run(opener.connection, "run_a", 1)
    assert made is not None
    return made


LONG = "word " * 100


@pytest.mark.parametrize(
    ("kind", "data", "clear"),
    [
        ("llm_call", {}, {}),
        ("llm_call", {"seq": 1, "end": "complete"}, {"seq": 1, "end": "complete"}),
        ("llm_call", {"error": "no", "attempt": 2}, {"attempt": 2}),
        ("llm_call", {"url": "https://a/b?q=c"}, {"url": "https://a/b"}),
        ("llm_call", {"call": {"model": "m", "input": 1}}, {"call": {"model": "m"}}),
        ("llm_call", {"call": {"model": LONG, "tools": ["a"]}}, {"call": {"tools": ["a"]}}),
        ("llm_call", {"call": {"tools": [LONG]}}, {"call": {}}),
        ("llm_call", {"call": {"model": {"deep": "text"}}}, {"call": {}}),
        ("llm_call", {"call": "text", "step": LONG}, {}),
        ("group", {"path": "a/b", "seq": 1}, {"path": "a/b"}),
        ("state", {"path": "a/b", "sealed": ["x"], "seq": None}, {"seq": None}),
    ],
)
def test_what_is_clear(
    kind: str, data: dict[str, Any], clear: dict[str, Any], opener: Opener, seal: RunSeal
) -> None:
    stored = skeleton.seal_data(data, seal, 7, kind=kind)
    assert {**jsontext.loads(stored), "sealed": None} == {**clear, "sealed": None}
    assert skeleton.open_data(stored, 7, opener) == data
    locked = skeleton.open_data(stored, 7, Opener(opener.connection, Seals()))
    assert locked == (clear | {"sealed": True} if data != clear else clear)


def test_a_group_grows_whoever_sealed_what_it_has(opener: Opener, seal: RunSeal) -> None:
    stored = skeleton.seal_data({"path": "a", "x": 1, "y": 1}, seal, 7, kind="group")
    stored = skeleton.grown(stored, {"y": 2}, seal, 7)
    assert skeleton.open_data(stored, 7, opener) == {"path": "a", "x": 1, "y": 2}


def test_damaged_data_is_said(opener: Opener, seal: RunSeal) -> None:
    stored = skeleton.seal_data({"x": 1}, seal, 7, kind="state")
    for bad, event in ((stored, 8), ('{"sealed":["!"]}', 7), ('{"sealed":["AQ=="]}', 7)):
        with pytest.raises(Forged):
            skeleton.open_data(bad, event, opener)
        assert skeleton.problem(bad, event, opener)
    assert skeleton.problem(stored, 7, opener) is None


@pytest.mark.parametrize("text", ["", "plain", "ü", "\udcff lone"])
def test_words(text: str, opener: Opener, seal: RunSeal) -> None:
    sealed = skeleton.seal_words(text, seal, "reason")
    assert skeleton.open_words(sealed, "reason", opener) == text
    assert skeleton.open_words(sealed, "reason", Opener(opener.connection, Seals())) == "(sealed)"
    assert skeleton.open_words(sealed, "user_impact", opener) == "(damaged)"
    assert skeleton.open_words(text, "reason", opener) == text
    assert skeleton.seal_words(None, seal, "reason") is None
