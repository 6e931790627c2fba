"""What the rules share."""

from proxy.core.outcomes import failures, recoveries
from tests.core.outcomes.facts import facts, llm, tool


def test_what_was_recovered_is_told_apart_from_what_was_not() -> None:
    run = facts(tool(503), tool(200), llm(500), llm(), tool(401, name="x", url="http://x/"))
    assert [(r.failed.id, r.by.id) for r in recoveries(run.events)] == [(1, 2), (3, 4)]
    assert [event.id for event in failures(run.events)] == [5]
