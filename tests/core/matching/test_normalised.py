"""What is the same request, and what is another one: the table of mutations."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from proxy.core.matching import IgnoreRule, MatchRequest
from proxy.core.matching.normalised import key, place, shape, view
from proxy.core.model import Headers, RequestHead

UUID_A = "550e8400-e29b-41d4-a716-446655440000"
UUID_B = "0b6b8f2e-93f1-4c43-9d2f-2a51c2a7f6aa"
UUID_C = "7d444840-9dc0-11d1-b245-5ffdce74fad2"

CHAT_HEAD = RequestHead(
    "POST",
    "https",
    "api.openai.com",
    443,
    "/v1/chat/completions",
    headers=((b"Content-Type", b"application/json"), (b"Authorization", b"Bearer x")),
)
CHAT: dict[str, Any] = {
    "model": "gpt-5",
    "temperature": 0.2,
    "max_tokens": 800,
    "metadata": {"request_id": UUID_A, "team": "support"},
    "messages": [
        {
            "role": "system",
            "content": "You help customers of ACME. Today is Sunday, November 22, 2026.\n"
            f"Session {UUID_A}. Scratch folder: /tmp/agent-k3X9q2ab/notes.md",
        },
        {"role": "user", "content": "Customer CUS-1042 wants 25.50 EUR back for order 7781."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_A1b2C3d4E5f6",
                    "type": "function",
                    "function": {
                        "name": "refund",
                        "arguments": '{"order": 7781, "amount": 25.5, '
                        '"at": "2026-11-22T10:00:00Z"}',
                    },
                },
                {
                    "id": "call_Z9y8X7w6V5u4",
                    "type": "function",
                    "function": {"name": "notify", "arguments": '{"customer": "CUS-1042"}'},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "call_A1b2C3d4E5f6", "content": "refunded"},
        {"role": "tool", "tool_call_id": "call_Z9y8X7w6V5u4", "content": "mail sent"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "refund",
                "parameters": {"type": "object", "properties": {"order": {"type": "integer"}}},
            },
        }
    ],
}

type Change = Callable[[Any], Any]


def setting(path: str, value: Any) -> Change:
    """A change that sets what `a.0.b` names."""

    def change(body: Any) -> None:
        *way, last = [int(name) if name.isdigit() else name for name in path.split(".")]
        at = body
        for name in way:
            at = at[name]
        at[last] = value

    return change


def replacing(old: str, new: str) -> Change:
    """A change that replaces a text wherever it is."""

    def change(body: Any) -> Any:
        text = orjson.dumps(body).decode()
        assert old in text
        return orjson.loads(text.replace(old, new))

    return change


def backwards(value: Any) -> Any:
    """The same tree with every object's keys in the opposite order."""
    if isinstance(value, dict):
        return {name: backwards(value[name]) for name in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


def chat(body: Any, head: RequestHead = CHAT_HEAD) -> MatchRequest:
    return MatchRequest("openai.chat", head, orjson.dumps(body))


def changed(change: Change) -> MatchRequest:
    body = copy.deepcopy(CHAT)
    return chat(change(body) or body)


def system(text: str) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "system", "content": text}]}


SAME: list[tuple[str, Change]] = [
    ("nothing", lambda body: body),
    ("keys in another order", backwards),
    ("a date in prose", replacing("Sunday, November 22, 2026", "Monday, November 23, 2026")),
    ("a date and no weekday", replacing("Sunday, November 22, 2026", "December 1, 2026")),
    ("a session's uuid", replacing(f"Session {UUID_A}", f"Session {UUID_B}")),
    ("a uuid in metadata", setting("metadata.request_id", UUID_B)),
    ("a request id that is no uuid", setting("metadata.request_id", UUID_C.upper())),
    ("a folder made by mkdtemp", replacing("agent-k3X9q2ab", "agent-p0Lm4rT7")),
    ("the folder of a mac", replacing("/tmp/", "/private/tmp/")),
    ("a tool call's id", replacing("call_A1b2C3d4E5f6", "call_Qq11Ww22Ee33")),
    ("an id of another provider", replacing("call_A1b2C3d4E5f6", "toolu_01A09q90qw90lq917835lq9")),
    ("an id without a form", replacing("call_A1b2C3d4E5f6", "9")),
    (
        "results in the order they came",
        lambda body: body["messages"].insert(3, body["messages"].pop()),
    ),
    ("a time inside tool arguments", replacing("2026-11-22T10:00:00Z", "2027-01-02T03:04:05.678Z")),
    ("an offset", replacing("2026-11-22T10:00:00Z", "2026-11-22T12:00:00+02:00")),
    (
        "spaces inside tool arguments",
        setting("messages.2.tool_calls.1.function.arguments", '{ "customer":"CUS-1042" }'),
    ),
]

OTHER: list[tuple[str, Change]] = [
    ("the model", setting("model", "gpt-5-mini")),
    ("the temperature", setting("temperature", 0.3)),
    ("a limit", setting("max_tokens", 801)),
    ("a setting more", setting("top_p", 0.9)),
    ("a setting less", lambda body: {k: v for k, v in body.items() if k != "temperature"}),
    ("a number as text", setting("max_tokens", "800")),
    ("a number as a float", setting("max_tokens", 800.0)),
    ("true for one", setting("max_tokens", True)),
    ("a customer", replacing("CUS-1042", "CUS-1043")),
    ("an amount in prose", replacing("25.50 EUR", "25.60 EUR")),
    ("an order in prose", replacing("for order 7781", "for order 7782")),
    ("a currency", replacing("EUR", "USD")),
    ("an amount in tool arguments", replacing('amount\\": 25.5', 'amount\\": 26.5')),
    ("an order in tool arguments", replacing('order\\": 7781', 'order\\": 7782')),
    ("a tool's name", replacing('"name":"notify"', '"name":"escalate"')),
    ("a tool's result", setting("messages.3.content", "refused")),
    ("a role", setting("messages.1.role", "developer")),
    ("a message more", lambda body: body["messages"].append({"role": "user", "content": "ok"})),
    ("a message less", lambda body: body["messages"].pop()),
    ("two messages swapped", lambda body: body["messages"].insert(1, body["messages"].pop(2))),
    (
        "results that change places",
        lambda body: (
            setting("messages.3.tool_call_id", "call_Z9y8X7w6V5u4")(body),
            setting("messages.4.tool_call_id", "call_A1b2C3d4E5f6")(body),
        )[2:],
    ),
    ("a tool's schema", setting("tools.0.function.parameters.properties.order.type", "string")),
    ("a tool more", lambda body: body["tools"].append({"type": "web_search"})),
    ("metadata that is no id", setting("metadata.team", "sales")),
    ("a file's name in the temporary folder", replacing("notes.md", "orders.md")),
    ("a word", replacing("wants", "demands")),
    ("a letter's case", replacing("ACME", "Acme")),
    ("a line end", replacing("2026.\\n", "2026. ")),
    ("null for nothing", setting("messages.2.content", "")),
    ("a list for a value", setting("messages.1.content", ["x"])),
]


@pytest.mark.parametrize(("name", "change"), SAME, ids=[name for name, _ in SAME])
def test_what_changes_from_run_to_run_does_not_count(name: str, change: Change) -> None:
    assert key(changed(change)).id == key(chat(CHAT)).id, name


@pytest.mark.parametrize(("name", "change"), OTHER, ids=[name for name, _ in OTHER])
def test_everything_else_does(name: str, change: Change) -> None:
    assert key(changed(change)).id != key(chat(CHAT)).id, name


# One text against another, as the content of a message.
TEXTS: list[tuple[str, str, bool]] = [
    ("It is 2026-11-22.", "It is 2027-02-01.", True),
    ("Now: 2026-11-22 10:11", "Now: 2026-11-23 08:00", True),
    ("Now: 2026-11-22T10:11:12.123456", "Now: 2026-11-22T10:11:12", True),
    ("Date: Sun, 22 Nov 2026 10:11:12 GMT", "Date: Mon, 23 Nov 2026 00:00:00 GMT", True),
    ("at Sun Nov 22 10:11:12 2026", "at Mon Nov 23 01:02:03 2026", True),
    ("It is the 22nd of November 2026", "It is the 1st of December 2026", True),
    ("It is 22.11.2026", "It is 01.12.2026", True),
    ("It is 11/22/2026", "It is 12/01/2026", True),
    ("Stamp 20261122T101112Z", "Stamp 20261201T000000Z", True),
    ("Report generated on 2026-11-22", "Report generated on 2026-11-23", True),
    ("The current time is 14:05.", "The current time is 09:30.", True),
    ("It is 2026-11-22 (Sunday) now", "It is 2026-11-23 (Monday) now", True),
    ("Book a table for 2026-12-01", "Book a table for 2026-12-02", False),
    ("from 2026-12-01 to 2026-12-08", "from 2026-12-01 to 2026-12-09", False),
    ("The invoice is due 2026-12-01", "The invoice is due 2026-12-02", False),
    ("Meeting time: 14:05", "Meeting time: 15:05", False),
    ("born 1984-02-03", "born 1984-02-04", False),
    ("since 1984-02-03", "since 1985-02-03", False),
    ("version 2026.11", "version 2026.12", False),
    ("2026 was good", "2027 was good", False),
    ("file report-2026-11-22.csv", "file report-2026-11-23.csv", False),
    ("call +49 2026 112233", "call +49 2026 112234", False),
    (f"Request {UUID_A}", f"Request {UUID_B}", True),
    (f"request={UUID_A};", f"request={UUID_B};", True),
    (f"{UUID_A} and {UUID_A}", f"{UUID_B} and {UUID_B}", True),
    (f"{UUID_A} and {UUID_A}", f"{UUID_B} and {UUID_C}", False),
    (f"Customer {UUID_A}", f"Customer {UUID_B}", False),
    (f"order id: {UUID_A}", f"order id: {UUID_B}", False),
    (f"the user with id `{UUID_A}`", f"the user with id `{UUID_B}`", False),
    ("550e8400-e29b", "550e8400-e29c", False),
    ("in /tmp/tmpab12cd34/a.csv", "in /tmp/tmpzz98yx76/a.csv", True),
    ("in /tmp/tmpab12cd34/a.csv", "in /tmp/tmpab12cd34/b.csv", False),
    ("in /tmp/orders.csv", "in /tmp/customers.csv", False),
    ("in /tmp/order-1042.csv", "in /tmp/order-1043.csv", False),
    ("in /tmp/invoice2024/x", "in /tmp/invoice2025/x", False),
    ("in /tmp/pytest-of-me/pytest-12/t0", "in /tmp/pytest-of-me/pytest-13/t0", True),
    (
        "in /var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/tmp1q8f5l0z/a",
        "in /var/folders/ab/cdefghijklmnopqrstuvwxyz12345/T/tmpq0a0b0c0/a",
        True,
    ),
    ("in /var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/a", "in /tmp/a", True),
    (
        r"in C:\Users\eva\AppData\Local\Temp\tmpab12cd34\a.txt",
        r"in C:\Users\bob\AppData\Local\Temp\tmpzz98yx76\a.txt",
        True,
    ),
    (
        r"in C:\Users\eva\AppData\Local\Temp\a.txt",
        r"in C:\Users\eva\AppData\Local\Temp\b.txt",
        False,
    ),
    ("in /home/eva/a.txt", "in /home/bob/a.txt", False),
    ("see /srv/tmp/x1y2z3a4", "see /srv/tmp/q9w8e7r6", False),
    (
        "x-anthropic-billing-header: cc_version=2.1.37.f2b; cc_entrypoint=cli; cch=a1b2c;",
        "x-anthropic-billing-header: cc_version=2.1.38.aaa; cc_entrypoint=cli; cch=99999;",
        True,
    ),
    (
        "x-anthropic-billing-header: cc_version=2.1; cch=a1b2c; You are Claude",
        "x-anthropic-billing-header: cc_version=2.1; cch=a1b2c; You are Claudia",
        False,
    ),
    (
        "trace 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "trace 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        True,
    ),
    ("use call_customer_service", "use call_customer_support", False),
    ("see call_Ab12Cd34Ef56", "see call_Zz98Yy76Xx54", True),
    ("token SECRET-openai-9f2c41d07ab3", "token SECRET-openai-000000000000", True),
    ("token SECRET-openai-9f2c41d07ab3", "another SECRET-openai-000000000000", False),
    (
        "SECRET-a-9f2c41d07ab3, SECRET-a-9f2c41d07ab3",
        "SECRET-a-9f2c41d07ab3, SECRET-a-9f2c41d07ab4",
        False,
    ),
    ("run-01JMYZ3G4H4Y7J2R9N4F4M1WQK", "run-01JMYZ3G4H4Y7J2R9N4F4M1WQX", True),
    ("Order 01JMYZ3G4H4Y7J2R9N4F4M1WQK", "Order 01JMYZ3G4H4Y7J2R9N4F4M1WQX", False),
    ("pay 1764000000 cents", "pay 1764000001 cents", False),
    ("port http://127.0.0.1:49152/x", "port http://127.0.0.1:49153/x", False),
    ('{"a": 1, "b": 2}', '{"b":2,"a":1}', True),
    ('{"a": 1}', '{"a": 2}', False),
    ("[1, 2]", "[2, 1]", False),
    ("{broken", "{broken!", False),
]


@pytest.mark.parametrize(("one", "other", "same"), TEXTS, ids=[text[0][:40] for text in TEXTS])
def test_texts(one: str, other: str, same: bool) -> None:
    assert (key(chat(system(one))).id == key(chat(system(other))).id) is same


# One JSON value against another, as a whole body.
VALUES: list[tuple[Any, Any, bool]] = [
    ({"timestamp": 1764000000}, {"timestamp": 1764099999}, True),
    ({"timestamp": 1764000000123}, {"timestamp": 1764099999000}, True),
    ({"createdAt": 1764000000.25}, {"createdAt": 1764000001.5}, True),
    ({"ts": "1764000000"}, {"ts": "1764000001"}, True),
    ({"timestamp": 12}, {"timestamp": 13}, False),
    ({"amount": 1764000000}, {"amount": 1764000001}, False),
    ({"phone": "1764000000"}, {"phone": "1764000001"}, False),
    ({"idempotency_key": UUID_A}, {"idempotency_key": UUID_B}, True),
    ({"idempotencyKey": "ik_93fA0c21bQ77xx41"}, {"idempotencyKey": "ik_00zZ1c21bQ77yy42"}, True),
    (
        {"prompt_cache_key": "agents-sdk:run:896a11b16b3c4204804131f4d2e1e549"},
        {"prompt_cache_key": "agents-sdk:run:827bfb0f12d0461e82611c38ca1d82f9"},
        True,
    ),
    ({"prompt_cache_key": "support"}, {"prompt_cache_key": "sales"}, False),
    ({"request_id": 7}, {"request_id": 8}, False),
    ({"request_id": "R-7"}, {"request_id": "R-8"}, False),
    ({"customer_id": UUID_A}, {"customer_id": UUID_B}, False),
    ({"customerId": UUID_A}, {"customerId": UUID_B}, False),
    ({"orders": [UUID_A]}, {"orders": [UUID_B]}, False),
    ({"conversation": UUID_A}, {"conversation": UUID_B}, True),
    ({"session": UUID_A, "again": UUID_A}, {"session": UUID_B, "again": UUID_C}, False),
    ({"due_date": "2026-12-01"}, {"due_date": "2026-12-02"}, False),
    ({"checkIn": "2026-12-01"}, {"checkIn": "2026-12-02"}, False),
    ({"tripStartDate": "2026-12-01"}, {"tripStartDate": "2026-12-02"}, False),
    ({"started_at": "2026-12-01T10:00:00Z"}, {"started_at": "2026-12-02T10:00:00Z"}, True),
    ({"today": "2026-12-01"}, {"today": "2026-12-02"}, True),
    ({"id": 12345678901234567890123}, {"id": 12345678901234567890124}, False),
    ({"id": 2**64}, {"id": float(2**64)}, False),
    ({"a": '{"id": 12345678901234567890123}'}, {"a": '{"id": 12345678901234567890124}'}, False),
    ({"a": '{"id": 12345678901234567890123}'}, {"a": '{"id":12345678901234567890123}'}, True),
    ({"api_key": "SECRET-tavily-9f2c41d07ab3", "q": 1}, {"api_key": "dummy", "q": 1}, True),
    ({"api_key": "a", "q": 1}, {"api_key": "a", "q": 2}, False),
    ({"page_token": "a"}, {"page_token": "b"}, False),
    ({"x": "\ud800"}, {"x": "\ud801"}, False),
    ([1, 2, 3], [1, 3, 2], False),
    ({"a": None}, {}, False),
    ({"a": False}, {"a": 0}, False),
    ({"tool_call_id": "1"}, {"tool_call_id": "2"}, True),
    ({"call_id": "1"}, {"call_id": "2"}, False),
    ({"type": "function_call", "call_id": "1"}, {"type": "function_call", "call_id": "2"}, True),
    (
        {"type": "function_call_output", "call_id": "1", "output": "x"},
        {"type": "function_call_output", "call_id": "2", "output": "y"},
        False,
    ),
    (
        {"functionCall": {"id": "1", "name": "f", "args": {"id": "1"}}},
        {"functionCall": {"id": "2", "name": "f", "args": {"id": "1"}}},
        True,
    ),
    (
        {"functionCall": {"id": "1", "name": "f", "args": {"id": "1"}}},
        {"functionCall": {"id": "1", "name": "f", "args": {"id": "2"}}},
        False,
    ),
    (
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": "b", "method": "tools/list"},
        True,
    ),
    ({"jsonrpc": "2.0", "id": 1, "method": "a"}, {"jsonrpc": "2.0", "id": 1, "method": "b"}, False),
    (
        {"jsonrpc": "2.0", "method": "m", "params": {"_meta": {"progressToken": 1}, "a": 1}},
        {"jsonrpc": "2.0", "method": "m", "params": {"_meta": {"progressToken": 2}, "a": 1}},
        True,
    ),
    (
        {"jsonrpc": "2.0", "method": "m", "params": {"_meta": {"k": 1}}},
        {"jsonrpc": "2.0", "method": "m", "params": {"_meta": {"k": 2}}},
        False,
    ),
    ([{"jsonrpc": "2.0", "id": 1}], [{"jsonrpc": "2.0", "id": 2}], True),
    (
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}},
        True,
    ),
]


def dumps(value: Any) -> bytes:
    import json

    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("one", "other", "same"), VALUES, ids=[str(row[:2])[:60] for row in VALUES]
)
def test_values(one: Any, other: Any, same: bool) -> None:
    keys = [key(MatchRequest("s", CHAT_HEAD, dumps(value))).id for value in (one, other)]
    assert (keys[0] == keys[1]) is same


def request(
    method: str = "GET",
    target: str = "/v1/x",
    *,
    host: str = "api.example.com",
    headers: Headers = (),
    body: bytes = b"",
    port: int = 443,
) -> MatchRequest:
    head = RequestHead(method, "https", host, port, target, headers=headers)
    return MatchRequest("step", head, body)


def form(body: bytes) -> MatchRequest:
    return request(
        "POST", headers=((b"content-type", b"application/x-www-form-urlencoded"),), body=body
    )


def multipart(boundary: bytes, *parts: bytes) -> MatchRequest:
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    kind = b"multipart/form-data; boundary=" + boundary
    return request(
        "POST", headers=((b"content-type", kind),), body=body + b"--" + boundary + b"--\r\n"
    )


def field(name: bytes, value: bytes, extra: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="' + name + b'"' + extra + b"\r\n\r\n" + value


REQUESTS: list[tuple[str, MatchRequest, MatchRequest, bool]] = [
    ("method", request("GET"), request("HEAD"), False),
    ("host's case", request(host="API.example.com"), request(), True),
    ("host", request(host="api.example.org"), request(), False),
    ("port", request(port=8443), request(), False),
    ("path", request(target="/v1/x"), request(target="/v1/y"), False),
    ("path's case", request(target="/v1/x"), request(target="/v1/X"), False),
    ("order of the query", request(target="/?a=1&b=2"), request(target="/?b=2&a=1"), True),
    ("order of one name", request(target="/?a=1&a=2"), request(target="/?a=2&a=1"), False),
    ("value in the query", request(target="/?page=1"), request(target="/?page=2"), False),
    ("empty value", request(target="/?a="), request(target="/"), False),
    (
        "cache buster",
        request(target="/?a=1&_=1764000000000"),
        request(target="/?a=1&_=1764000001111"),
        True,
    ),
    (
        "date in the query",
        request(target="/?date=2026-11-22"),
        request(target="/?date=2026-11-23"),
        True,
    ),
    (
        "due in the query",
        request(target="/?due=2026-11-22"),
        request(target="/?due=2026-11-23"),
        False,
    ),
    (
        "uuid in the path",
        request(target=f"/customers/{UUID_A}"),
        request(target=f"/customers/{UUID_B}"),
        False,
    ),
    (
        "session in the path",
        request(target=f"/sessions/{UUID_A}/x"),
        request(target=f"/sessions/{UUID_B}/x"),
        True,
    ),
    ("key in the query", request(target="/?api_key=a"), request(target="/?api_key=b"), True),
    ("key of data", request(target="/?key=a"), request(target="/?key=b"), False),
    (
        "key at Google",
        request(target="/?key=a", host="x.googleapis.com"),
        request(target="/?key=b", host="x.googleapis.com"),
        True,
    ),
    (
        "signed url",
        request(target="/?X-Amz-Date=20261122T101112Z&X-Amz-Signature=aa&X-Amz-Credential=c"),
        request(target="/?X-Amz-Date=20261123T101112Z&X-Amz-Signature=bb&X-Amz-Credential=d"),
        True,
    ),
    (
        "token in the path",
        request(target="/botSECRET-telegram-9f2c41d07ab3/send"),
        request(target="/botSECRET-telegram-000000000000/send"),
        True,
    ),
    (
        "date in the path",
        request(target="/days/2026-11-22"),
        request(target="/days/2026-11-23"),
        False,
    ),
    (
        "headers that do not count",
        request(headers=((b"user-agent", b"a/1"), (b"date", b"x"), (b"Accept", b"*/*"))),
        request(headers=((b"idempotency-key", b"q"), (b"traceparent", b"y"))),
        True,
    ),
    ("the usual Accept", request(headers=((b"accept", b"application/json"),)), request(), True),
    ("another Accept", request(headers=((b"accept", b"text/csv"),)), request(), False),
    ("range", request(headers=((b"Range", b"bytes=0-1"),)), request(), False),
    (
        "aws operation",
        request("POST", headers=((b"X-Amz-Target", b"Logs.Put"),)),
        request("POST", headers=((b"X-Amz-Target", b"Logs.Get"),)),
        False,
    ),
    (
        "mcp name",
        request(headers=((b"Mcp-Method", b"tools/call"), (b"Mcp-Name", b"a"))),
        request(headers=((b"Mcp-Method", b"tools/call"), (b"Mcp-Name", b"b"))),
        False,
    ),
    ("mcp session", request(headers=((b"Mcp-Session-Id", b"1"),)), request(), True),
    ("form order", form(b"a=1&b=2"), form(b"b=2&a=1"), True),
    ("form value", form(b"a=1&b=2"), form(b"a=1&b=3"), False),
    ("form encoding", form(b"a=x+y"), form(b"a=x%20y"), True),
    (
        "boundary",
        multipart(b"AaB03x", field(b"a", b"1")),
        multipart(b"zz9", field(b"a", b"1")),
        True,
    ),
    (
        "part's value",
        multipart(b"b1", field(b"a", b"1")),
        multipart(b"b1", field(b"a", b"2")),
        False,
    ),
    (
        "part's name",
        multipart(b"b1", field(b"a", b"1")),
        multipart(b"b1", field(b"b", b"1")),
        False,
    ),
    (
        "part's file",
        multipart(b"b1", field(b"a", b"1", b'; filename="x.txt"')),
        multipart(b"b1", field(b"a", b"1", b'; filename="y.txt"')),
        False,
    ),
    (
        "part's type",
        multipart(b"b1", field(b"a", b"1", b"\r\nContent-Type: text/csv")),
        multipart(b"b1", field(b"a", b"1")),
        False,
    ),
    (
        "json in a part",
        multipart(b"b1", field(b"a", b'{"x":1,"y":2}')),
        multipart(b"b2", field(b"a", b'{"y":2,"x":1}')),
        True,
    ),
    (
        "bytes in a part",
        multipart(b"b1", field(b"f", b"\x00\x01\xff")),
        multipart(b"b2", field(b"f", b"\x00\x01\xfe")),
        False,
    ),
    (
        "the end of a part",
        multipart(b"b1", field(b"f", b"\x00\x01")),
        multipart(b"b2", field(b"f", b"\x00\x01\r\n")),
        False,
    ),
    (
        "text",
        request("PUT", body=b"run at 2026-11-22"),
        request("PUT", body=b"run at 2026-11-23"),
        True,
    ),
    ("text's words", request("PUT", body=b"a b"), request("PUT", body=b"a  b"), False),
    ("binary", request("PUT", body=b"\x00\x01"), request("PUT", body=b"\x00\x02"), False),
    ("no body", request("PUT"), request("PUT", body=b" "), False),
    (
        "lines",
        request("POST", body=b'{"a":1,"b":2}\n{"c":1}\n'),
        request("POST", body=b'{"b":2,"a":1}\n{"c":1}'),
        True,
    ),
    (
        "line order",
        request("POST", body=b'{"a":1}\n{"c":1}\n'),
        request("POST", body=b'{"c":1}\n{"a":1}\n'),
        False,
    ),
    (
        "json spaced out",
        request("POST", body=b'{ "a" : 1 }'),
        request("POST", body=b'{"a":1}'),
        True,
    ),
    (
        "json or text",
        request("POST", body=b'{"a":1}'),
        request("POST", body=b'"{\\"a\\":1}"'),
        False,
    ),
    ("broken json", request("POST", body=b'{"a":1'), request("POST", body=b'{"a":2'), False),
    ("deep json", request("POST", body=b"[" * 5000), request("POST", body=b"[" * 5001), False),
    (
        "deep but valid json",
        request("POST", body=b"[" * 900 + b"1" + b"]" * 900),
        request("POST", body=b"[" * 900 + b"2" + b"]" * 900),
        False,
    ),
]


@pytest.mark.parametrize(
    ("one", "other", "same"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS]
)
def test_requests(one: MatchRequest, other: MatchRequest, same: bool) -> None:
    assert (key(one).id == key(other).id) is same
    if same:
        assert place(one) == place(other)


def test_an_ignore_rule_makes_what_it_names_not_count() -> None:
    one, other = chat(CHAT), changed(setting("metadata.team", "sales"))
    rules = (IgnoreRule("json", "$.metadata.team"),)
    assert key(replace(one, ignore=rules)).id == key(replace(other, ignore=rules)).id
    elsewhere = (IgnoreRule("json", "$.metadata.team", step="mcp:*"),)
    assert key(replace(one, ignore=elsewhere)).id != key(replace(other, ignore=elsewhere)).id


def test_rules_for_headers_queries_forms_and_texts() -> None:
    def same(one: MatchRequest, other: MatchRequest, rule: IgnoreRule) -> bool:
        keys = [key(replace(request, ignore=(rule,))).id for request in (one, other)]
        return keys[0] == keys[1]

    csv = request(headers=((b"accept", b"text/csv"),))
    assert same(csv, request(), IgnoreRule("header", "Accept"))
    assert same(request(target="/?a=1&n=1"), request(target="/?a=1&n=2"), IgnoreRule("query", "n"))
    assert same(form(b"a=1&n=1"), form(b"a=1&n=2"), IgnoreRule("query", "n"))
    assert not same(form(b"a=1&n=1"), form(b"a=2&n=2"), IgnoreRule("query", "n"))
    turn = IgnoreRule("regex", r"turn \d+")
    assert same(chat(system("turn 1, go")), chat(system("turn 2, go")), turn)
    assert same(request(target="/turn 1"), request(target="/turn 2"), turn)
    assert not same(chat(system("turn 1, go")), chat(system("turn 2, stop")), turn)


def test_what_was_left_out_is_told() -> None:
    left_out = view(chat(CHAT)).left_out
    assert {value.kind for value in left_out} == {
        "call",
        "date",
        "name",
        "path",
        "time",
        "token",
        "uuid",
    }
    assert [value.text for value in left_out if value.kind == "uuid"] == [UUID_A]


def test_the_key_says_how_it_was_made() -> None:
    assert str(key(chat(CHAT)).id).startswith("sha256:")


def test_requests_with_equal_keys_have_one_shape() -> None:
    for change in (change for _, change in SAME):
        assert shape(changed(change)) == shape(chat(CHAT)) == (18, 3), change
    for one, other, same in (row[1:] for row in REQUESTS):
        if same:
            assert shape(one) == shape(other)
    for one, other, same in VALUES:
        requests = [MatchRequest("s", CHAT_HEAD, dumps(value)) for value in (one, other)]
        assert not same or shape(requests[0]) == shape(requests[1])


def test_there_is_no_shape_where_something_may_be_taken_out() -> None:
    assert shape(chat(CHAT)) is not None
    for rule in (IgnoreRule("json", "$.a"), IgnoreRule("regex", "a")):
        assert shape(replace(chat(CHAT), ignore=(rule,))) is None
    assert shape(replace(chat(CHAT), ignore=(IgnoreRule("query", "a"),))) is not None
    assert shape(chat({"jsonrpc": "2.0", "id": {}})) is None
    assert shape(request("PUT", body=b"text {")) is None


def codex(
    chunk: str = "5b73a5", wall: str = "0.0000", code: int = 0, made: float = 1795385889.7
) -> Any:
    said = (
        f"Chunk ID: {chunk}\nWall time: {wall} seconds\nProcess exited with code {code}\nOutput:\n"
    )
    item = {"type": "function_call_output", "call_id": "call_1", "output": said}
    passed = {"create_time": made, "turn_started_at_unix_ms": round(made * 1000)}
    return {"input": [item | {"internal_chat_message_metadata_passthrough": passed}]}


def claude(
    device: str = "d29b", session: str = UUID_A, account: str = "", who: str = "user_id"
) -> Any:
    told = {"device_id": device * 16, "account_uuid": account, "session_id": session}
    return {"metadata": {who: orjson.dumps(told).decode()}}


def older_claude(device: str = "d29b", session: str = UUID_A) -> Any:
    return {"metadata": {"user_id": f"user_{device * 16}_account__session_{session}"}}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (codex(), codex("f66f6c", "1.2041", made=1795385915.6), True),
        (codex(), codex(code=1), False),
        ({"a": "Wall time: 1.0 seconds"}, {"a": "Wall time: 2.0 seconds"}, False),
        (
            {"a": "Exit code: 0\nWall time: 1.0 seconds\nOutput:\nx"},
            {"a": "Exit code: 0\nWall time: 2.5 seconds\nOutput:\nx"},
            True,
        ),
        (
            {"a": "Exit code: 0\nWall time: 1.0 seconds\nOutput:\nx"},
            {"a": "Exit code: 1\nWall time: 1.0 seconds\nOutput:\nx"},
            False,
        ),
        (claude(), claude("34cb", UUID_B, UUID_C), True),
        (claude(who="device"), claude("34cb", who="device"), False),
        (older_claude(), older_claude("34cb", UUID_B), True),
        ({"user_id": {"name": "ada"}}, {"user_id": {"name": "bob"}}, False),
        ({"create_time": 12}, {"create_time": 13}, False),
        ({"start_time": 1795385889}, {"start_time": 1795385890}, False),
    ],
)
def test_what_coding_agents_put_in(one: Any, other: Any, *, same: bool) -> None:
    assert (key(chat(one)).id == key(chat(other)).id) == same


def result(form: str, call: str, said: str, **more: Any) -> dict[str, Any]:
    """One tool's result, as an item of a conversation."""
    forms: dict[str, dict[str, Any]] = {
        "anthropic": {"type": "tool_result", "tool_use_id": call, "content": said},
        "chat": {"role": "tool", "tool_call_id": call, "content": said},
        "responses": {"type": "function_call_output", "call_id": call, "output": said},
        "bedrock": {"toolResult": {"toolUseId": call, "content": [{"text": said}]}},
    }
    return forms[form] | more


@pytest.mark.parametrize("form", ["anthropic", "chat", "responses", "bedrock"])
def test_results_of_parallel_calls_may_come_in_any_order(form: str) -> None:
    calls = [{"tool_use_id": f"toolu_0{n}"} for n in range(3)]  # where the model asked for them
    said = [result(form, f"toolu_0{n}", f"{n} is done {UUID_A}") for n in range(3)]
    text = {"type": "text", "text": "and now?"}

    def asked(*items: dict[str, Any]) -> Any:
        return key(chat({"asked": [{"calls": calls}], "messages": [*items]}))

    usual = asked(*said, text)
    assert asked(said[2], said[0], said[1], text) == usual
    assert asked(said[0], text, said[1], said[2]).id != usual.id
    other = result(form, "toolu_01", "another thing")
    assert asked(said[2], other, said[0], text).id != usual.id
    swapped = [result(form, f"toolu_0{2 - n}", f"{n} is done {UUID_A}") for n in range(3)]
    assert asked(*swapped, text).id != usual.id


def test_a_cache_mark_stays_at_its_place() -> None:
    calls = [{"tool_use_id": f"toolu_0{n}"} for n in range(2)]
    mark = {"cache_control": {"type": "ephemeral"}}

    def asked(first: str, last: str, **marks: Any) -> Any:
        ended = result("anthropic", last, f"{last} is done", **mark)
        content = [result("anthropic", first, f"{first} is done", **marks), ended]
        return key(chat({"asked": [{"calls": calls}], "content": content})).id

    assert asked("toolu_00", "toolu_01") == asked("toolu_01", "toolu_00")
    assert asked("toolu_00", "toolu_01") != asked("toolu_01", "toolu_00", **mark)
