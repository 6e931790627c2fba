"""Which lines of a stdio connection go on where schemas are enforced."""

import json
import threading
from typing import Any

import pytest

from proxy.core.schemas import Book, Declared, Rule
from proxy.mcp.guarding import Guard

SCHEMA = {"type": "object", "required": ["customerId"]}
TOOLS = [
    {"name": "find", "inputSchema": SCHEMA, "outputSchema": SCHEMA},
    {"name": "ping", "inputSchema": {"type": "object"}},
    {"name": "odd", "inputSchema": "none"},
]
RULES = Book(rules=[Rule("mcp:crm/*", "enforce")])
GOOD = {"customerId": "7"}


def line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def call(id_: Any, given: Any, name: str = "find") -> dict[str, Any]:
    params = {"name": name, "arguments": given}
    return {"jsonrpc": "2.0", "id": id_, "method": "tools/call", "params": params}


def answer(id_: Any, content: Any, **more: Any) -> dict[str, Any]:
    result = {"content": [], "structuredContent": content, **more}
    return {"jsonrpc": "2.0", "id": id_, "result": result}


@pytest.fixture
def guard() -> Guard:
    """One that has seen the tools."""
    made = Guard(RULES, "crm")
    assert made.client(line(call(0, {}))) is None  # nothing is known of it yet
    assert made.client(line({"jsonrpc": "2.0", "id": "l", "method": "tools/list"})) is None
    assert made.server(line({"jsonrpc": "2.0", "id": "l", "result": {"tools": TOOLS}})) is None
    return made


@pytest.mark.parametrize(
    "sent",
    [
        line(call(1, GOOD)),
        line(call(1, {}, "ping")),
        line(call(1, {}, "odd")),
        line(call(1, {}, "unknown")),
        line({"jsonrpc": "2.0", "id": 1, "method": "ping"}),
        b"no JSON tools/call\n",
        b"\n",
    ],
)
def test_what_goes_on(guard: Guard, sent: bytes) -> None:
    assert guard.client(sent) is None


def test_a_bad_call_is_answered_here(guard: Guard) -> None:
    stopped = guard.client(line(call("x", {"customer_id": "7"})))
    assert stopped is not None
    told = json.loads(stopped.reply)
    assert (told["id"], told["error"]["code"]) == ("x", -32602)
    assert "there is `customer_id` instead" in told["error"]["message"]
    assert (stopped.keys, stopped.withheld) == (('"x"',), False)
    assert stopped.reason.startswith("schema: crm/find: the arguments broke the schema")
    assert stopped.reply.endswith(b"}\n")


def test_a_batch_is_refused_whole_and_a_notification_in_silence(guard: Guard) -> None:
    stopped = guard.client(line([call(1, GOOD), call(2, {})]))
    assert stopped is not None
    assert [one["id"] for one in json.loads(stopped.reply)] == [1, 2]
    unasked = call(1, {})
    del unasked["id"]
    stopped = guard.client(line(unasked))
    assert stopped is not None
    assert (stopped.reply, stopped.keys) == (b"", ())


@pytest.mark.parametrize(
    ("got", "withheld"),
    [
        (answer(1, GOOD), False),
        (answer(1, {}), True),
        (answer(1, {}, isError=True), False),
        (answer(2, {}), False),
        ([answer(1, {})], True),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}}, False),
    ],
)
def test_a_bad_result_is_replaced(guard: Guard, got: Any, withheld: bool) -> None:
    assert guard.client(line(call(1, GOOD))) is None
    stopped = guard.server(line(got))
    assert (stopped is not None) is withheld
    if stopped is not None:
        told = json.loads(stopped.reply)
        first = told[0] if isinstance(got, list) else told
        assert (first["id"], first["error"]["code"]) == (1, -32603)
        assert (stopped.keys, stopped.withheld) == (("1",), True)
        assert guard.server(line(got)) is None  # it is answered


def test_the_users_own_schemas_need_no_list() -> None:
    own = Declared("find", tool="find", mode="enforce", request=SCHEMA)
    assert Guard(Book([own]), "crm").client(line(call(1, {}))) is not None


def test_a_call_waits_for_the_list_that_was_asked_for_before_it() -> None:
    guard = Guard(RULES, "crm")
    guard.client(line({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}))
    found: list[object] = []
    calling = threading.Thread(target=lambda: found.append(guard.client(line(call(2, {})))))
    calling.start()
    guard.server(line({"jsonrpc": "2.0", "id": 1, "result": {"tools": TOOLS}}))
    calling.join()
    assert found != [None]
