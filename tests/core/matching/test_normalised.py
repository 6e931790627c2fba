"""What is the same request, and what is another one: the table of mutations."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from proxy.core.matching import IgnoreRule, MatchRequest
from proxy.core.matching.normalised import key, shape, view
from tests.core.matching.asked import (
    CHAT,
    UUID_A,
    UUID_B,
    UUID_C,
    Change,
    backwards,
    changed,
    chat,
    form,
    replacing,
    request,
    setting,
    system,
)

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


def test_what_does_not_count_leaves_the_shape() -> None:
    for change in (change for _, change in SAME):
        assert shape(changed(change)) == shape(chat(CHAT)) == (18, 3), change


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
