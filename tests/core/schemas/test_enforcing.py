"""What is done about payloads that break an enforced schema."""

import gzip
import json
from typing import Any

import pytest

from proxy.core.model import Body, End, Exchange, Headers, RequestHead, ResponseHead
from proxy.core.schemas import Book, Declared, Rule, enforcing
from proxy.core.schemas.enforcing import Case
from proxy.core.validators import Learned

SCHEMA = {
    "type": "object",
    "required": ["customerId"],
    "properties": {
        "customerId": {"type": "string"},
        "pin": {"type": "string", "pattern": "^[0-9]+$"},
    },
}
JSON: Headers = ((b"content-type", b"application/json"),)
SSE: Headers = ((b"content-type", b"text/event-stream"),)
GOOD, BAD = b'{"customerId":"7"}', b'{"customer_id":"7","pin":"hunter2"}'
HTTP = Book(
    [Declared("find", tool="find", mode="enforce", request=SCHEMA, responses={"2XX": SCHEMA})]
)
MCP = Book(rules=[Rule("mcp:crm.test/*", "enforce")])
LEARNED = {"mcp:crm.test/find": Learned(SCHEMA, SCHEMA)}


def http(body: bytes, book: Book = HTTP, headers: Headers = JSON) -> Case:
    head = RequestHead("POST", "https", "crm.test", 443, "/find", headers=headers)
    return Case(book, {}, head, None, body)


def mcp(*calls: tuple[Any, str, Any], book: Book = MCP) -> Case:
    sent = [
        {
            "jsonrpc": "2.0",
            "id": id_,
            "method": "tools/call",
            "params": {"name": name, "arguments": given},
        }
        for id_, name, given in calls
    ]
    head = RequestHead("POST", "https", "crm.test", 443, "/mcp", headers=JSON)
    return Case(book, LEARNED, head, None, json.dumps(sent[0] if len(sent) == 1 else sent).encode())


def result(id_: Any, content: Any, **more: Any) -> bytes:
    told = {"content": [], "structuredContent": content, **more}
    return json.dumps({"jsonrpc": "2.0", "id": id_, "result": told}).encode()


def test_a_bad_request_is_refused_in_words() -> None:
    assert enforcing.refused_request(http(GOOD)) is None
    refusal = enforcing.refused_request(http(BAD))
    assert refusal is not None
    assert (refusal.status, refusal.end) == (422, End.REFUSED)
    assert (b"x-should-retry", b"false") in refusal.headers
    assert (b"dashcam-refused", b"schema") in refusal.headers
    body = json.loads(refusal.body)
    assert body["error"]["type"] == "schema"
    assert "`customerId` is missing; there is `customer_id` instead" in body["error"]["message"]
    assert [one["path"] for one in body["dashcam"]["violations"]] == ["$.customerId", "$.pin"]
    assert b"hunter2" not in refusal.body
    assert refusal.reason.startswith("schema: find: the arguments broke the schema")


def test_what_is_only_observed_goes_on() -> None:
    lax = Book([Declared("find", tool="find", request=SCHEMA, responses={"2XX": SCHEMA})])
    case = http(BAD, lax)
    assert enforcing.refused_request(case) is None
    assert not enforcing.awaits_answer(case)
    assert enforcing.withheld_answer(case, ResponseHead(200, headers=JSON), BAD) is None


def test_what_nobody_can_check_accuses_nobody() -> None:
    broken = Book([Declared("find", tool="find", mode="enforce", request={"type": "text"})])
    assert enforcing.refused_request(http(BAD, broken)) is None


def test_codings_are_no_way_round() -> None:
    coded: Headers = (*JSON, (b"content-encoding", b"gzip"))
    assert enforcing.refused_request(http(gzip.compress(GOOD), headers=coded)) is None
    assert enforcing.refused_request(http(gzip.compress(BAD), headers=coded)) is not None
    strange: Headers = (*JSON, (b"content-encoding", b"rot13"))
    assert enforcing.refused_request(http(b"xxx", headers=strange)) is not None


@pytest.mark.parametrize(
    ("status", "body", "withheld"),
    [(200, GOOD, False), (200, BAD, True), (200, b"{", True), (200, b"", True), (404, BAD, False)],
)
def test_a_bad_answer_is_withheld(status: int, body: bytes, withheld: bool) -> None:
    case = http(GOOD)
    assert enforcing.awaits_answer(case)
    found = enforcing.withheld_answer(case, ResponseHead(status, headers=JSON), body)
    assert (found is not None) is withheld
    if found is not None:
        assert found.status == 502
        assert json.loads(found.body)["error"]["message"].startswith("Dashcam: find: the answer")


@pytest.mark.parametrize(
    ("case", "ids"),
    [
        (mcp((1, "find", {"customerId": "7"})), None),
        (mcp((1, "find", {"customerId": 7})), 1),
        (mcp(("a", "find", {})), "a"),
        (mcp((1, "other", {})), None),
        (mcp((1, "find", {"customerId": "7"}), (2, "find", {})), [1, 2]),
        (mcp((1, "find", {}), book=Book(rules=[Rule("mcp:crm.test/*", "warn")])), None),
    ],
)
def test_mcp_calls_are_refused_in_json_rpc(case: Case, ids: Any) -> None:
    refusal = enforcing.refused_request(case)
    assert (refusal is None) is (ids is None)
    if refusal is None:
        return
    assert refusal.status == 200
    body = json.loads(refusal.body)
    errors = body if isinstance(body, list) else [body]
    assert [one["id"] for one in errors] == (ids if isinstance(ids, list) else [ids])
    assert {one["error"]["code"] for one in errors} == {-32602}
    assert errors[0]["error"]["data"]["violations"][0]["path"] == "$.customerId"


@pytest.mark.parametrize(
    ("body", "headers", "withheld"),
    [
        (result(1, {"customerId": "7"}), JSON, False),
        (result(1, {"customer_id": "7"}), JSON, True),
        (result(1, {}, isError=True), JSON, False),
        (b"event: message\ndata: " + result(1, {"customerId": 7}) + b"\n\n", SSE, True),
        (b"data: " + result(1, {"customerId": "7"}) + b"\n\n", SSE, False),
        (b'{"jsonrpc":"2.0","id":1,"result":{"content":[]}}', JSON, True),
        (b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}', JSON, False),
    ],
)
def test_mcp_results_are_withheld(body: bytes, headers: Headers, withheld: bool) -> None:
    case = mcp((1, "find", {"customerId": "7"}))
    assert enforcing.awaits_answer(case)
    found = enforcing.withheld_answer(case, ResponseHead(200, headers=headers), body)
    assert (found is not None) is withheld
    if found is not None:
        told = json.loads(found.body)
        assert (found.status, told["id"], told["error"]["code"]) == (200, 1, -32603)


def test_the_users_own_schema_of_an_mcp_tool() -> None:
    book = Book([Declared("find", tool="find", mode="enforce", request={"required": ["x"]})])
    refusal = enforcing.refused_request(mcp((1, "find", {"customerId": "7"}), book=book))
    assert refusal is not None
    assert "`x` is missing" in refusal.reason


@pytest.mark.parametrize("case", [http(GOOD), mcp((5, "find", {"customerId": "7"}))])
def test_a_record_answers_as_its_client_was_answered(case: Case) -> None:
    bad = BAD if case.head.path == "/find" else result(5, {})
    response = ResponseHead(200, headers=JSON)
    refusal = enforcing.withheld_answer(case, response, bad)
    assert refusal is not None
    exchange = Exchange(
        "e",
        "r",
        1,
        "forward",
        1.0,
        case.head,
        Body(case.body),
        response,
        Body(bad),
        end=End.REFUSED,
        error=refusal.reason,
        notes=(enforcing.WITHHELD,),
    )
    found = enforcing.as_answered(exchange)
    assert found.response is not None
    assert found.response.status == refusal.status
    assert found.response_body.data == refusal.body
    assert found.response.headers == refusal.headers
    exchange.notes = ()
    assert enforcing.as_answered(exchange) is exchange


def test_over_stdio_an_answer_is_a_line() -> None:
    case = mcp((5, "find", {"customerId": "7"}))
    exchange = Exchange(
        "e",
        "r",
        1,
        "mcp",
        1.0,
        RequestHead("POST", "mcp+stdio", "crm", 0, "/"),
        Body(case.body),
        ResponseHead(200),
        Body(result(5, {})),
        end=End.REFUSED,
        error="schema: why",
        notes=(enforcing.WITHHELD,),
    )
    body = enforcing.as_answered(exchange).response_body.data
    assert body.endswith(b"}\n")
    assert json.loads(body)["error"]["message"] == "Dashcam: why"
