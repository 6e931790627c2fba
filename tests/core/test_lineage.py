"""Bounds and forgetting; who belongs where is told by tests/engine/test_placing.py."""

import itertools

import pytest

from proxy.core import lineage as module
from proxy.core.calls import Call, Message, ToolDef, ToolUse
from proxy.core.lineage import Lineage, Place
from proxy.core.model import RequestHead
from proxy.core.remembered import Seen
from proxy.core.tool_match import asked

HEAD = RequestHead("POST", "https", "a.test", 443, "/find")


class Told:
    """Calls of one address, a second each."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.lineage = Lineage(lambda: f"new{next(numbers)}")
        self.at = 100.0

    def __call__(
        self,
        *texts: str,
        uses: tuple[ToolUse, ...] = (),
        guessed: bool = True,
        connection: str = "",
        kind: str = "llm_call",
        tools: tuple[ToolDef, ...] = (),
        session: dict[str, str] | None = None,
    ) -> Place:
        self.at += 1
        sides = itertools.cycle(("user", "assistant"))
        messages = tuple(map(Message, sides, texts[:-1]))
        reply = Message("assistant", texts[-1], uses) if texts else None
        call = Call(
            kind,
            "s",
            "p",
            messages=messages,
            reply=reply,
            input={"q": "whales"},
            tools=tools,
            session=session or {},
        )
        seen = Seen(f"ex{self.at}", "lane", guessed, self.at, self.at + 1, True, connection)
        return self.lineage.place(call, seen, lambda: asked(HEAD, call, b""))


def test_a_run_that_is_over_is_forgotten() -> None:
    told = Told()
    assert told("One?", "One.", connection="1").run == "lane"
    assert told("Two?", "Two.", connection="2").run == "new1"
    assert told("One?", "One.", "And?", "So.", connection="2").run == "lane"
    told.lineage.forget("lane")
    told.lineage.forget("lane")
    assert told("Two?", "Two.", "And?", "So.", connection="2").run == "new1"
    assert told("One?", "One.", "And?", "So.", connection="3").run == "new2"
    for run in ("lane", "new1", "new2"):
        told.lineage.forget(run)
    assert not told.lineage._nodes
    assert not told.lineage._lanes


def test_histories_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 10)
    told = Told()
    for n in range(30):
        told(f"Question {n}?", f"Answer {n}.", connection=str(n))
    assert len(told.lineage._nodes) == 10
    assert sum(len(run.keys) for run in told.lineage._runs.values()) == 10


def test_of_histories_that_are_alike_the_latest_are_remembered() -> None:
    told = Told()
    answer = "The very same answer to all of them."
    for number in range(3 * module._MOST_ALIKE):
        told(f"Question {number}?", answer, connection=str(number))
    kept = [len(nodes) for nodes in told.lineage._nodes.values()]
    assert max(kept) == module._MOST_ALIKE


def test_a_call_is_compared_with_the_latest_runs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    monkeypatch.setattr(module, "related", lambda run, _text: compared.append(run.id))
    told = Told()
    for n in range(100):
        told(f"Question {n}?", f"Answer {n}.", connection=str(n))
    told("Question 0?", "Answer 0.", "And?", "So.", connection="0")  # the oldest is heard again
    compared.clear()
    told("Question 100?", "Answer 100.", connection="100")
    assert len(compared) == module._LATEST
    assert "lane" in compared
    assert "new1" not in compared


def test_questions_that_nobody_goes_on_with_are_one_run_in_the_long_run() -> None:
    told = Told()

    def single(n: int) -> str:
        return told(f"Question {n}?", f"Answer {n}.", connection=str(n)).run

    assert len({single(n) for n in range(65)}) == 65
    assert {single(n) for n in range(65, 200)} == {"lane"}
    assert told("Do it.", "Yes.", connection="a", tools=(ToolDef("find"),)).run == "new65"
    assert told("Hello.", "Hi.", connection="b", session={"user": "u1"}).run == "new66"
    assert single(200) == "lane"
    again = told("Question 150?", "Answer 150.", "And?", "So.", connection="150")
    assert again.run == "lane"
    assert single(201) == "new67"  # they do talk: each may be an agent


def test_the_turn_that_asked_is_told_of_a_certain_run_too() -> None:
    told = Told()
    use = ToolUse("c1", "find", {"q": "whales"})
    assert told("Find whales", "", uses=(use,), guessed=False) == Place("lane")
    place = told(guessed=False, kind="http")
    assert (place.run, place.witness) == ("lane", None)
    assert place.asked_by is not None
    assert (place.asked_by.tool, place.asked_by.id) == ("find", "c1")
    told.at += 700
    assert told(guessed=False, kind="http").asked_by is None
