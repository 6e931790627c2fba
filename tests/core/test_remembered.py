import pytest

from proxy.core.calls import Call, Message, ToolResult, ToolUse
from proxy.core.remembered import KnownRun, Seen, busy, own_uses, related, take_down, waits

LONG = "Compare the prices of trains in May."


def seen(at: float, ended: float) -> Seen:
    return Seen("ex", "run", True, at, ended, True)


@pytest.mark.parametrize(
    ("at", "ended", "expected"),
    [(5, 9, False), (5, 11, True), (12, 13, True), (19, 30, True), (20, 30, False)],
)
def test_a_run_is_busy_from_its_begin_to_its_end(at: float, ended: float, expected: bool) -> None:
    assert busy(KnownRun("r", 10.0, 20.0), seen(at, ended)) is expected


@pytest.mark.parametrize(("at", "expected"), [(19, False), (21, True), (200, False)])
def test_a_run_waits_for_its_tools_for_a_while(at: float, expected: bool) -> None:
    run = KnownRun("r", 10.0, 20.0, waiting={b"": 20.0})
    assert waits(run, seen(at, at + 1)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LONG, False),
        (f"Make a title for: {LONG}", True),
        (LONG[:-5], True),
        ("Compare", False),
        ("The model said that the red train is the cheapest one.", True),
    ],
)
def test_what_is_related(text: str, expected: bool) -> None:
    run = KnownRun("r", 1.0, 2.0, openers=[LONG])
    run.phrases["the red train is the cheapest"] = None
    assert related(run, text) is expected


def test_the_users_words_are_not_the_models() -> None:
    use = ToolUse("c", "delegate", {"task": LONG, "more": ["x", "Look at the red train first."]})
    hosted = ToolUse("h", "web_search", {"q": "all about the trains of Europe"})
    reply = Message("assistant", "", (use, hosted), (ToolResult("h", None),))
    call = Call("llm_call", "s", "p", messages=(Message("user", LONG),), reply=reply)
    run = KnownRun("r", 1.0, 2.0)
    take_down(run, call, seen(1, 2))
    assert own_uses(call) == [use]
    assert [one.by.tool for one in run.uses] == ["delegate"]
    assert LONG not in run.phrases
