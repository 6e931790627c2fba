"""What recorded calls show of tools' payloads."""

from typing import Any

from proxy.core.model import End, Exchange, Own
from proxy.core.schemas.observing import Seen, additions, drift, gather
from proxy.core.wire import decode_call
from tests.core.validators.payloads import exchange


def seen(*made: Exchange) -> dict[str, Seen]:
    return gather(
        (
            one,
            decode_call(one, one.request_body.data, one.response_body.data),
            one.request_body.data,
            one.response_body.data,
        )
        for one in made
    )


def rpc(id_: int, **more: Any) -> Any:
    return {"jsonrpc": "2.0", "id": id_, **more}


def test_calls_are_gathered_by_tool_and_side() -> None:
    found = seen(
        exchange("https://crm.test/customers/7", {"a": 1}, {"id": 7}),
        exchange("https://crm.test/customers/8", {"a": 2}, {"id": 8}),
        exchange("https://crm.test/customers?q=x&n=1", b"", [1], method="GET"),
        exchange(
            "https://crm.test/customers/9", {"a": 2}, {"error": {"message": "no"}}, status=500
        ),
        exchange("https://crm.test/customers/9", {"a": 2}, {"x": 1}, end=End.UPSTREAM_TRUNCATED),
    )
    assert list(found) == ["POST crm.test/customers/{id}", "GET crm.test/customers"]
    posted, listed = found.values()
    assert (posted.calls, posted.requests, posted.responses) == (
        2,
        [{"a": 1}, {"a": 2}],
        [{"id": 7}, {"id": 8}],
    )
    assert (listed.requests, listed.responses) == ([{"q": "x", "n": "1"}], [[1]])
    assert posted.name == "crm.test-customers-id-post"
    document = posted.document()
    assert (document["match"], document["mode"]) == ("POST crm.test/customers/{id}", "observe")
    assert document["request"]["required"] == ["a"]
    assert document["observed"] == {"calls": 2}


def test_mcp_tools_show_arguments_and_structured_content() -> None:
    sent = rpc(1, method="tools/call", params={"name": "find", "arguments": {"q": "x"}})
    got = rpc(1, result={"content": [], "structuredContent": {"n": 1}})
    found = seen(exchange("https://crm.test/mcp", sent, got))
    (tool,) = found.values()
    assert (tool.step, tool.tool, tool.match) == ("mcp:crm.test/find", "mcp:crm.test/find", None)
    assert (tool.requests, tool.responses) == ([{"q": "x"}], [{"n": 1}])
    assert tool.name == "mcp-crm.test-find"


def test_a_step_that_the_client_names_is_the_tools_name() -> None:
    made = exchange("https://crm.test/rpc", {"a": 1}, {"id": 7})
    made.own = Own(step="crm_find")
    assert seen(made)["crm_find"].document()["tool"] == "crm_find"


def test_drift_is_told_of_what_was_called_both_times() -> None:
    old = seen(
        exchange("https://a.test/x", {"n": 1}, {"customerId": "7"}),
        exchange("https://a.test/gone", {"n": 1}, {"y": 1}),
    )
    new = seen(exchange("https://a.test/x", {"n": "1"}, {"customer_id": "7"}))
    told = [(step, side, one.path, one.change) for step, side, one in drift(old, new)]
    assert told == [
        ("POST a.test/x", "request", "$.n", "type"),
        ("POST a.test/x", "response", "$.customerId", "renamed"),
    ]


def test_fields_that_no_schema_knows() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert [one.path for one in additions(schema, [{"a": 1, "b": 2}])] == ["$.b"]
    assert additions({}, [{"a": 1}]) == []
