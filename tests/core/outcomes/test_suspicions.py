from typing import Any

from proxy.core.model import Event
from proxy.core.outcomes import suspicions
from tests.core.outcomes.facts import breach, facts, llm, turn


def texts(*steps: dict[str, object], known: tuple[int, ...] = ()) -> list[tuple[int | None, str]]:
    return [(one.event.id, one.text) for one in suspicions(facts(*steps).events, known)]


def test_a_quiet_run_has_none() -> None:
    assert texts(turn(("a", 1)), turn(results=("a-1=x",), reply="done")) == []


def test_violations_breaking_or_not_but_not_what_was_not_checked() -> None:
    minor, unchecked = breach(1, "tool_arguments", "minimum"), breach(1, "v", "unchecked")
    minor["data"]["breaking"] = False
    assert texts(llm(), minor, {**unchecked, "status": "ok"}) == [(2, "tool_arguments: $.a: wrong")]


def test_what_the_outcome_rests_on_is_not_said_again() -> None:
    assert texts(llm(), breach(1, "v", "required"), known=(2,)) == []


def test_circles_and_repetitions() -> None:
    circle = [turn(("a", 1), ids=[f"a{n}"], results=(f"a{n - 1}=r",)) for n in range(3)]
    assert texts(*circle, turn(results=("a2=r",), reply="x")) == [
        (3, "a called 3 times with the same arguments, always with the same result")
    ]
    between = [turn((name, 1), ids=[str(n)]) for n, name in enumerate("abacad")]
    assert texts(*between) == [(5, "a was asked for 3 times with the same arguments")]


def test_tools_that_told_the_model_that_they_failed() -> None:
    back = {"toolResults": [{"id": "a-1", "digest": "x", "isError": True}]}
    assert texts(turn(("a", 1)), llm(call=back)) == [(1, "a told the model that it failed")]


def test_answers_that_ended_early_on_the_way() -> None:
    assert texts(turn(reply="x", finish="length"), turn(finish="refusal"), turn(reply="y")) == [
        (1, "the answer was cut off (length)"),
        (2, "the model declined to answer, or a filter held it back"),
    ]


def test_searches_that_found_nothing_or_not_what_they_should() -> None:
    old = {"docId": "policy_1", "updated": 86_400.0 * 400}
    found = {"call": {"retrieval": {"results": [old]}}}
    nothing: dict[str, Any] = {"call": {"retrieval": {"results": []}}}
    events = [
        Event("r", "retrieval", "search", 86_400.0 * 500, data=found, id=1),
        Event("r", "retrieval", "search", 86_400.0 * 501, data=nothing, id=2),
    ]
    expected = {"documents": ["policy_*", "faq_*"], "freshness_days": 30}
    assert [(one.event.id, one.text) for one in suspicions(events, (), expected)] == [
        (2, "the search found nothing"),
        (2, "no document faq_* was found"),
        (2, "policy_1 is 100 days old, 30 are allowed"),
    ]
    assert len(suspicions(events)) == 1
