from typing import Any

import pytest

from proxy.core.checks.tool_called import check
from proxy.core.model import Event
from proxy.errors import ConfigError
from tests.core.checks.trials import model, tool, trial

ASKED = {"customerId": "c1", "deep": {"a": [1, 2], "b": 1}}
FIRST = {"amount": 5}
RUN = trial(
    model(("crm_get_customer", ASKED)),
    tool("GET crm.test/customers/{id}"),
    tool("POST crm.test/refunds", FIRST),
    tool("POST crm.test/refunds", {"amount": 7}),
    tool("mcp:kb/search", {"q": "x"}),
    Event("r", "retrieval", "pinecone.query", 1.0, data={"call": {"retrieval": {"topK": 3}}}),
)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("crm_get_customer", []),
        (["GET crm.test/*", "crm.test/refunds", "search", "kb/search"], []),
        ({"tool": "crm_*", "arguments": {"customerId": "c1"}}, []),
        ({"tool": "crm_*", "arguments": {"deep": {"a": [1, 2]}}}, []),
        ({"tool": "pinecone.query", "arguments": {"topK": 3}}, []),
        ({"tool": "POST */refunds", "times": 2}, []),
        ({"tool": "nothing", "times": 0}, []),
        ("nothing", ["nothing was not called"]),
        (
            {"tool": "POST */refunds", "times": 1},
            ["POST */refunds was called 2 times, and not 1"],
        ),
        (
            {"tool": "crm_*", "arguments": {"customerId": "c2"}},
            [f"crm_* with {{'customerId': 'c2'}} was not called; it was called with {ASKED}"],
        ),
        (
            {"tool": "POST */refunds", "arguments": {"amount": True}},
            [f"POST */refunds with {{'amount': True}} was not called; it was called with {FIRST}"],
        ),
    ],
)
def test_tool_called(wanted: Any, said: list[str]) -> None:
    assert list(check(RUN, wanted)) == said


@pytest.mark.parametrize(
    "wanted", [None, "", {}, {"tool": "a", "args": {}}, {"tool": "a", "arguments": []}, [1]]
)
def test_what_cannot_be_understood(wanted: Any) -> None:
    with pytest.raises(ConfigError):
        list(check(RUN, wanted))
