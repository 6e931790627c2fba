from proxy.core.outcomes import _turns as turns
from tests.core.outcomes.facts import breach, facts, llm, tool, turn


def test_results_are_joined_by_id_wherever_they_come() -> None:
    events = facts(
        turn(("a", 1), ("b", 2)), turn(results=("b-2=x",)), turn(results=("a-1=y",))
    ).events
    assert [(use.name, use.result) for use in turns.all_uses(events)] == [("a", "y"), ("b", "x")]


def test_without_ids_by_name_in_the_next_request() -> None:
    uses = [{"id": None, "name": "a", "arguments": 1}]
    results = [{"name": "a", "digest": "x", "isError": True}]
    events = facts(llm(call={"toolUses": uses}), llm(call={"toolResults": results})).events
    assert [(use.result, use.failed) for use in turns.all_uses(events)] == [("x", True)]
    apart = facts(llm(call={"toolUses": uses}), llm(), llm(call={"toolResults": results})).events
    assert [use.result for use in turns.all_uses(apart)] == [None]


def test_models_are_those_that_answered() -> None:
    events = facts(llm(500), llm(), tool()).events
    assert [event.id for event in turns.models(events)] == [2]


def test_breaches_belong_to_calls() -> None:
    events = facts(
        llm(),
        breach(1, "tool_arguments", "required", subject="find"),
        breach(99, "tool_arguments", "required"),
        {"kind": "validation", "name": "sdk", "status": "error", "data": {"breaking": True}},
    ).events
    (found,) = turns.breaches(events)
    assert (found.call.id, found.subject) == (1, "find")
    assert found.keywords == frozenset({"required"})


def test_words_are_the_first_violation_and_how_many_more() -> None:
    events = facts(llm(), breach(1, "v", "required")).events
    events[1].data["violations"] *= 3
    assert turns.breaches(events)[0].words == "$.a: wrong (and 2 more)"


def test_after_leaves_telemetry_out() -> None:
    events = facts(llm(), tool(name="x", url="https://o1.ingest.sentry.io/1"), tool()).events
    assert [event.id for event in turns.after(events, events[0])] == [3]
