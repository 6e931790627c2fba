"""Runs as bytes on the wire, each with the outcome it must have and the calls that prove it.

The first part fails, by every mode, for several causes, in several providers' formats; the second
part is healthy though something in it went wrong.
"""

import json
from typing import Any, NamedTuple

from proxy.core.model import Body, End, Exchange, Headers, RequestHead, ResponseHead

PARAMETERS = {
    "type": "object",
    "properties": {"customerId": {"type": "string"}, "limit": {"type": "integer"}},
    "required": ["customerId"],
}
ANSWER = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
JSON = b"application/json"
SSE = b"text/event-stream"


class Incident(NamedTuple):
    """The calls of a run, what it must come to, and the numbers of the calls that prove it."""

    calls: tuple[Exchange, ...]
    mode: str | None
    rule: str
    evidence: tuple[int, ...] = ()
    words: str = ""
    retryable: bool | None = None
    exit_code: int | None = 0
    metadata: dict[str, Any] = {}  # noqa: RUF012 - a NamedTuple's default, never changed


def http(
    url: str,
    got: Any = b"",
    sent: Any = b"",
    *,
    status: int = 200,
    method: str = "POST",
    kind: bytes = JSON,
    asks: Headers = (),
    says: Headers = (),
    end: End = End.COMPLETE,
    took: float = 0.1,
) -> Exchange:
    """One exchange; `run_of` numbers it and puts it in time."""
    host, _, path = url.removeprefix("https://").partition("/")
    request, response = (b if isinstance(b, bytes) else json.dumps(b).encode() for b in (sent, got))
    typed: Headers = ((b"content-type", JSON),) if request else ()
    head = ResponseHead(status, "", headers=((b"content-type", kind), *says))
    return Exchange(
        id="",
        run_id="r",
        seq=0,
        via="forward",
        started_at=0.0,
        request=RequestHead(method, "https", host, 443, f"/{path}", headers=(*typed, *asks)),
        request_body=Body(request),
        response=None if status == 0 else head,
        response_body=Body(response),
        end=end,
        ended_us=int(took * 1e6),
    )


# --- OpenAI Chat Completions -------------------------------------------------------------------


def chat(
    text: str | None = None,
    *,
    asks_for: tuple[tuple[str, str], ...] = (),
    results: dict[str, str] | None = None,
    finish: str | None = None,
    start: int = 0,
    tokens: tuple[int, int] = (90, 30),
    host: str = "api.openai.com",
    **sent: Any,
) -> Exchange:
    """A model call; `results` are by the id of the call they answer, `start` numbers the ids."""
    calls = [
        {
            "id": f"call_{start + n}",
            "type": "function",
            "function": {"name": name, "arguments": raw},
        }
        for n, (name, raw) in enumerate(asks_for)
    ]
    history: list[dict[str, Any]] = [{"role": "user", "content": "help c-1"}]
    for id_, result in (results or {}).items():
        use = {"id": id_, "type": "function", "function": {"name": "crm_find", "arguments": "{}"}}
        history += [
            {"role": "assistant", "content": None, "tool_calls": [use]},
            {"role": "tool", "tool_call_id": id_, "content": result},
        ]
    tools = [
        {"type": "function", "function": {"name": name, "parameters": PARAMETERS}}
        for name in ("crm_find", "crm_read", "refund")
    ]
    message = {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls else {})
    reason = finish or ("tool_calls" if calls else "stop")
    body = {
        "id": "c",
        "object": "chat.completion",
        "model": "gpt-4o",
        "choices": [{"index": 0, "finish_reason": reason, "message": message}],
        "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]},
    }
    asked = {"model": "gpt-4o", "messages": history, "tools": tools, **sent}
    return http(f"https://{host}/v1/chat/completions", body, asked)


def chat_error(status: int, message: str, kind: str = "error", **more: Any) -> Exchange:
    """A model call that failed."""
    sent = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    body = {"error": {"message": message, "type": kind, "param": None, "code": kind}}
    return http("https://api.openai.com/v1/chat/completions", body, sent, status=status, **more)


def chat_stream(*deltas: dict[str, Any], done: bool = True, **more: Any) -> Exchange:
    """A streamed model call."""
    sent = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    events = [
        {"choices": [{"index": 0, **delta}]} if "error" not in delta else delta for delta in deltas
    ]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    url = "https://api.openai.com/v1/chat/completions"
    return http(url, body + (b"data: [DONE]\n\n" if done else b""), sent, kind=SSE, **more)


FIND = (("crm_find", '{"customerId": "c-1"}'),)
RENAMED = (("crm_find", '{"customer_id": "c-1"}'),)


# --- the other providers -----------------------------------------------------------------------


def anthropic(
    *content: dict[str, Any],
    stop: str = "end_turn",
    results: dict[str, str] | None = None,
    **sent: Any,
) -> Exchange:
    """Anthropic's Messages."""
    history: list[dict[str, Any]] = [{"role": "user", "content": "help c-1"}]
    for id_, result in (results or {}).items():
        use = {"type": "tool_use", "id": id_, "name": "crm_find", "input": {}}
        back = {"type": "tool_result", "tool_use_id": id_, "content": result}
        history += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [back]}]
    body = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": list(content),
        "stop_reason": stop,
        "usage": {"input_tokens": 90, "output_tokens": 30},
    }
    asked = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "messages": history,
        "tools": [{"name": "crm_find", "input_schema": PARAMETERS}],
        **sent,
    }
    version: Headers = ((b"anthropic-version", b"2023-06-01"),)
    return http("https://api.anthropic.com/v1/messages", body, asked, asks=version)


def anthropic_error(status: int, kind: str, message: str, **more: Any) -> Exchange:
    """Anthropic's errors."""
    body = {"type": "error", "error": {"type": kind, "message": message}}
    sent = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
    version: Headers = ((b"anthropic-version", b"2023-06-01"),)
    url = "https://api.anthropic.com/v1/messages"
    return http(url, body, sent, status=status, asks=version, **more)


def use(name: str = "crm_find", id_: str = "t0", **arguments: Any) -> dict[str, Any]:
    """A block of Anthropic's that asks for a tool."""
    return {"type": "tool_use", "id": id_, "name": name, "input": arguments}


def say(text: str) -> dict[str, Any]:
    """A block of Anthropic's that is text."""
    return {"type": "text", "text": text}


def gemini(*parts: dict[str, Any], finish: str = "STOP", **config: Any) -> Exchange:
    """Gemini's generateContent."""
    url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    schema = {"type": "OBJECT", "properties": {"customerId": {"type": "STRING"}}}
    tools = [{"functionDeclarations": [{"name": "crm_find", "parameters": schema}]}]
    sent = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "tools": tools}
    content = {"role": "model", "parts": list(parts)}
    body = {
        "candidates": [{"content": content, "finishReason": finish, "index": 0}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12},
        "modelVersion": "gemini-2.5-flash",
    }
    return http(url, body, {**sent, "generationConfig": config})


def responses(*output: dict[str, Any], status: str = "completed", **sent: Any) -> Exchange:
    """OpenAI's Responses."""
    tool = {"type": "function", "name": "crm_find", "parameters": PARAMETERS}
    body = {
        "id": "resp_1",
        "object": "response",
        "status": status,
        "model": "gpt-4o",
        "output": list(output),
        "usage": {"input_tokens": 9, "output_tokens": 3},
    }
    if status == "incomplete":
        body["incomplete_details"] = {"reason": "max_output_tokens"}
    asked = {"model": "gpt-4o", "input": "hi", "tools": [tool], **sent}
    return http("https://api.openai.com/v1/responses", body, asked)


def output_text(text: str) -> dict[str, Any]:
    """A message of the Responses API."""
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "role": "assistant", "content": [part]}


def ollama(text: str, done_reason: str = "stop") -> Exchange:
    """Ollama's chat."""
    sent = {"model": "llama3", "stream": False, "messages": [{"role": "user", "content": "hi"}]}
    message = {"role": "assistant", "content": text}
    body = {"model": "llama3", "message": message, "done": True, "done_reason": done_reason}
    return http("https://ollama.test/api/chat", body, sent)


# --- tools -------------------------------------------------------------------------------------

BEARER: Headers = ((b"authorization", b"Bearer t"), (b"accept", b"application/json"))


def crm(status: int = 200, got: Any = None, number: int = 1, **more: Any) -> Exchange:
    """A tool over plain HTTP."""
    body = {"id": f"c-{number}", "name": "Jo"} if got is None else got
    url = f"https://crm.test/customers/{number}"
    return http(url, body, method="GET", status=status, asks=BEARER, **more)


def mcp(name: str, arguments: dict[str, Any], result: dict[str, Any]) -> Exchange:
    """An MCP server's tool."""
    params = {"name": name, "arguments": arguments}
    return mcp_message("tools/call", params, {"result": result})


def mcp_message(method: str, params: dict[str, Any], answer: dict[str, Any]) -> Exchange:
    """Any message to an MCP server."""
    version: Headers = ((b"mcp-protocol-version", b"2025-06-18"),)
    sent = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return http("https://mcp.test/mcp", {"jsonrpc": "2.0", "id": 1, **answer}, sent, asks=version)


TOOL = {
    "name": "find",
    "inputSchema": PARAMETERS,
    "outputSchema": {"type": "object", "required": ["name"]},
}
LIST = mcp_message("tools/list", {}, {"result": {"tools": [TOOL]}})
FAILED = {"content": [{"type": "text", "text": "database is locked"}], "isError": True}
WELL = {"content": [{"type": "text", "text": "Jo"}], "structuredContent": {"name": "Jo"}}
EXPIRED: Headers = (
    (b"www-authenticate", b'Bearer error="invalid_token", error_description="token expired"'),
)
WAIT: Headers = ((b"retry-after", b"20"),)


def rounds(count: int, *names: str, result: str = "nothing") -> list[Exchange]:
    """Model calls that go round; the last is still asking."""
    made = []
    for n in range(count):
        asked = ((names[n % len(names)], '{"customerId": "c-1"}'),)
        back = {f"call_{i}": result for i in range(n)}
        made.append(chat(asks_for=asked, results=back, start=n))
    return made


def _back(count: int, result: str = "nothing") -> dict[str, str]:
    return {f"call_{n}": result for n in range(count)}


PLANTED: dict[str, Incident] = {
    # Tool Error: auth
    "an expired token, said in a header": Incident(
        (chat(asks_for=FIND), crm(401, b"", says=EXPIRED), chat("Sorry")),
        "Tool Error",
        "auth",
        (2,),
        "token expired",
        True,
    ),
    "a wrong key for the model": Incident(
        (chat_error(401, "Incorrect API key provided", "invalid_api_key"),),
        "Tool Error",
        "auth",
        (1,),
        "Incorrect API key",
        False,
        1,
    ),
    "a missing scope": Incident(
        (
            chat(asks_for=FIND),
            crm(403, {"error": "insufficient_scope", "message": "No."}),
            chat("?"),
        ),
        "Tool Error",
        "auth",
        (2,),
        "missing scope",
        False,
    ),
    "Anthropic's permission error": Incident(
        (anthropic_error(403, "permission_error", "Your key has no access"),),
        "Tool Error",
        "auth",
        (1,),
        "no access",
        False,
        1,
    ),
    "an MCP tool whose token expired": Incident(
        (
            anthropic(use(customerId="c-1"), stop="tool_use"),
            mcp(
                "find",
                {"customerId": "c-1"},
                {"content": [{"type": "text", "text": "401: token expired"}], "isError": True},
            ),
            anthropic(say("Sorry"), results={"t0": "401: token expired"}),
        ),
        "Tool Error",
        "auth",
        (2,),
        "token expired",
        True,
    ),
    # Tool Error: rate limits
    "a rate limit": Incident(
        (chat_error(429, "Rate limit reached", "rate_limit_exceeded"),) * 2,
        "Tool Error",
        "rate_limit",
        (1, 2),
        "Rate limit reached",
        True,
        1,
    ),
    "a rate limit, amplified": Incident(
        (anthropic_error(429, "rate_limit_error", "slow down", says=WAIT),) * 4,
        "Tool Error",
        "rate_limit",
        (1, 2, 3, 4),
        "made worse by 4 attempts",
        True,
        1,
    ),
    "an empty account": Incident(
        (chat_error(429, "You exceeded your current quota", "insufficient_quota"),),
        "Tool Error",
        "http_status",
        (1,),
        "quota",
        False,
        1,
    ),
    # Tool Error: the rest
    "a tool that is down": Incident(
        (
            chat(asks_for=FIND),
            crm(503, {"error": "maintenance"}),
            crm(503, {"error": "maintenance"}),
            chat("?"),
        ),
        "Tool Error",
        "http_status",
        (2, 3),
        "maintenance",
        True,
    ),
    "Anthropic overloaded": Incident(
        (anthropic_error(529, "overloaded_error", "Overloaded"),),
        "Tool Error",
        "http_status",
        (1,),
        "Overloaded",
        True,
        1,
    ),
    "a tool that is not there": Incident(
        (chat(asks_for=FIND), crm(0, end=End.UPSTREAM_REFUSED), chat("Sorry")),
        "Tool Error",
        "network",
        (2,),
        "refused",
        True,
    ),
    "a stream that was cut off": Incident(
        (chat_stream({"delta": {"content": "Hel"}}, done=False, end=End.UPSTREAM_TRUNCATED),),
        "Tool Error",
        "network",
        (1,),
        "cut off",
        True,
    ),
    "a stream without its last event": Incident(
        (chat_stream({"delta": {"content": "Hel"}}, done=False),),
        "Tool Error",
        "embedded_error",
        (1,),
        "before its last event",
    ),
    "an error inside a stream": Incident(
        (
            chat_stream(
                {"delta": {"content": "Hel"}},
                {"error": {"message": "The server had an error", "type": "server_error"}},
                done=False,
            ),
        ),
        "Tool Error",
        "embedded_error",
        (1,),
        "The server had an error",
    ),
    "a 200 with an error in it": Incident(
        (
            chat(asks_for=FIND),
            crm(200, {"success": False, "message": "index corrupt"}),
            chat("Sorry"),
        ),
        "Tool Error",
        "embedded_error",
        (2,),
        "index corrupt",
    ),
    "an MCP tool that failed": Incident(
        (
            anthropic(use(customerId="c-1"), stop="tool_use"),
            mcp("find", {"customerId": "c-1"}, FAILED),
            anthropic(say("Sorry"), results={"t0": "database is locked"}),
        ),
        "Tool Error",
        "mcp_error",
        (2,),
        "database is locked",
    ),
    "an MCP server that does not know the method": Incident(
        (
            anthropic(use(customerId="c-1"), stop="tool_use"),
            mcp_message(
                "tools/call",
                {"name": "find"},
                {"error": {"code": -32602, "message": "Unknown tool"}},
            ),
            anthropic(say("Sorry")),
        ),
        "Tool Error",
        "embedded_error",
        (2,),
        "Unknown tool",
    ),
    # Tool Error: schema
    "a renamed field, and the tool refused": Incident(
        (
            chat(asks_for=RENAMED),
            http(
                "https://crm.test/crm_find",
                {"detail": "customerId"},
                {"customer_id": "c-1"},
                status=422,
            ),
            chat("Sorry", results=_back(1)),
        ),
        "Tool Error",
        "schema",
        (1, 2),
        "`customer_id`",
    ),
    "a renamed field, in Anthropic's format": Incident(
        (
            anthropic(use(customer_id="c-1"), stop="tool_use"),
            anthropic(say("Done"), results={"t0": "null"}),
        ),
        "Tool Error",
        "schema",
        (1,),
        "`customer_id`",
    ),
    "arguments that are not JSON": Incident(
        (chat(asks_for=(("crm_find", "c-1"),)), chat("Sorry", results=_back(1, "bad arguments"))),
        "Tool Error",
        "schema",
        (1,),
        "not JSON",
    ),
    "a wrong type, in Gemini's format": Incident(
        (
            gemini({"functionCall": {"name": "crm_find", "args": {"customerId": 7}}}),
            crm(),
            gemini({"text": "Done"}),
        ),
        "Tool Error",
        "schema",
        (1,),
        "should be a text",
    ),
    "half a JSON from a tool": Incident(
        (chat(asks_for=FIND), crm(200, b'{"id": "c-1", "na'), chat("Done", results=_back(1))),
        "Tool Error",
        "schema",
        (2,),
        "ends after",
        True,
    ),
    "a log-in page from a tool": Incident(
        (
            chat(asks_for=FIND),
            crm(200, b"<!doctype html><p>Log in", kind=b"text/html"),
            chat("Done", results=_back(1)),
        ),
        "Tool Error",
        "schema",
        (2,),
        "page of HTML",
        True,
    ),
    "an MCP result that is not what was declared": Incident(
        (
            LIST,
            anthropic(use(customerId="c-1"), stop="tool_use"),
            mcp(
                "find",
                {"customerId": "c-1"},
                {"content": [], "structuredContent": {"full_name": "Jo"}},
            ),
            anthropic(say("Done"), results={"t0": "{}"}),
        ),
        "Tool Error",
        "schema",
        (3,),
        "`name` is missing",
    ),
    # Bad Decision
    "the same search for ever": Incident(
        tuple(rounds(5, "crm_find")),
        "Bad Decision",
        "loop",
        (1, 2, 3, 4, 5),
        "called 5 times",
    ),
    "search and read for ever": Incident(
        tuple(rounds(8, "crm_find", "crm_read")),
        "Bad Decision",
        "loop",
        tuple(range(1, 9)),
        "crm_find → crm_read called 4 times",
    ),
    "seven times the same, and then an answer": Incident(
        (*rounds(7, "crm_find"), chat("Nothing", results=_back(7))),
        "Bad Decision",
        "loop",
        tuple(range(1, 8)),
        "called 7 times",
    ),
    "a tool that there is not": Incident(
        (
            chat(asks_for=(("crm_serach", "{}"),)),
            chat("I searched", results=_back(1, "no such tool")),
        ),
        "Bad Decision",
        "unknown_tool",
        (1,),
        "`crm_serach` is not one of the 3 tools",
    ),
    "a tool that there is not, in Anthropic's format": Incident(
        (anthropic(use("crm_fnd", customerId="c-1"), stop="tool_use"),),
        "Bad Decision",
        "unknown_tool",
        (1,),
        "there is `crm_find`",
    ),
    "a refund that never happened": Incident(
        (
            chat(asks_for=FIND),
            crm(),
            chat(asks_for=(("refund", '{"customerId": "c-1"}'),), results=_back(1), start=1),
        ),
        "Bad Decision",
        "premature_end",
        (3,),
        "refund asked for and never called",
    ),
    "an end before the tool, in Gemini's format": Incident(
        (gemini({"functionCall": {"name": "crm_find", "args": {"customerId": "c"}}}),),
        "Bad Decision",
        "premature_end",
        (1,),
        "crm_find asked for",
    ),
    "an end before the tool, in the Responses format": Incident(
        (
            responses(
                {
                    "type": "function_call",
                    "call_id": "c",
                    "name": "crm_find",
                    "arguments": '{"customerId":"c"}',
                }
            ),
        ),
        "Bad Decision",
        "premature_end",
        (1,),
        "crm_find asked for",
    ),
    # Bad Output
    "an answer that breaks its schema": Incident(
        (
            chat(
                '{"ok": "yes"}',
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": ANSWER},
                },
            ),
        ),
        "Bad Output",
        "structured_output",
        (1,),
        "$.ok: it should be true or false",
        True,
    ),
    "an answer in a fence, in Anthropic's format": Incident(
        (
            anthropic(
                say("```json\n{}\n```"),
                output_config={"format": {"type": "json_schema", "schema": ANSWER}},
            ),
        ),
        "Bad Output",
        "structured_output",
        (1,),
        "Markdown fence",
        True,
    ),
    "an answer that breaks its schema, in Gemini's format": Incident(
        (
            gemini(
                {"text": "{}"},
                responseMimeType="application/json",
                responseSchema={"type": "OBJECT", "required": ["ok"]},
            ),
        ),
        "Bad Output",
        "structured_output",
        (1,),
        "`ok` is missing",
        True,
    ),
    "out of tokens": Incident(
        (chat("It is", finish="length", max_tokens=30),),
        "Bad Output",
        "truncated",
        (1,),
        "after 30 tokens",
        True,
    ),
    "out of tokens, in Anthropic's format": Incident(
        (anthropic(say("It is"), stop="max_tokens"),),
        "Bad Output",
        "truncated",
        (1,),
        "100 were allowed",
        True,
    ),
    "out of tokens, in the Responses format": Incident(
        (responses(output_text("It is"), status="incomplete"),),
        "Bad Output",
        "truncated",
        (1,),
        "max_output_tokens",
        True,
    ),
    "out of tokens, in Ollama's format": Incident(
        (ollama("It is", "length"),),
        "Bad Output",
        "truncated",
        (1,),
        "length",
        True,
    ),
    "a filter": Incident(
        (chat("", finish="content_filter"),),
        "Bad Output",
        "withheld",
        (1,),
        "held back",
        False,
    ),
    "a filter, in Gemini's format": Incident(
        (gemini(finish="SAFETY"),),
        "Bad Output",
        "withheld",
        (1,),
        "safety",
        False,
    ),
    "a refusal, in Anthropic's format": Incident(
        (anthropic(stop="refusal"),),
        "Bad Output",
        "withheld",
        (1,),
        "refused",
        False,
    ),
    "a refusal, in the Responses format": Incident(
        (
            responses(
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "refusal", "refusal": "No"}],
                }
            ),
        ),
        "Bad Output",
        "withheld",
        (1,),
        "refused",
        False,
    ),
    "a process that failed": Incident(
        (chat("Done"),),
        "Bad Output",
        "exit_code",
        (),
        "exit code 3",
        None,
        3,
    ),
    # Timeout
    "an upstream that did not answer": Incident(
        (chat(asks_for=FIND), crm(0, end=End.UPSTREAM_TIMEOUT, took=30.0), chat("Sorry")),
        "Timeout",
        "timeout",
        (2,),
        "30.0 s",
        True,
    ),
    "a client that gave up": Incident(
        (chat_stream({"delta": {"content": "He"}}, done=False, end=End.CLIENT_GONE, took=60.0),),
        "Timeout",
        "timeout",
        (1,),
        "gave up",
        True,
        1,
    ),
    "a clock": Incident(
        (chat(asks_for=FIND), crm()),
        "Timeout",
        "timeout",
        (2,),
        "time limit",
        True,
        124,
    ),
    # Cost Blowup
    "far over its budget": Incident(
        (chat("draft", tokens=(400_000, 20_000)), chat("done", tokens=(1_000, 10))),
        "Cost Blowup",
        "cost",
        (1, 2),
        "of a budget of $0.2500",
        False,
        0,
        {"budgetUsd": "0.25"},
    ),
    "more tokens than it may, in another format": Incident(
        (anthropic(say("done")),),
        "Cost Blowup",
        "cost",
        (1,),
        "120 tokens spent",
        False,
        0,
        {"budgetTokens": 100},
    ),
}
COMPLETED = (None, "completed")
HEALTHY: dict[str, Incident] = {
    "a rate limit, and then it went well": Incident(
        (chat_error(429, "slow down", says=WAIT), chat("Done")), *COMPLETED
    ),
    "an expired token, renewed": Incident(
        (
            chat(asks_for=FIND),
            crm(401, b"", says=EXPIRED),
            http("https://auth.test/oauth/token", {"access_token": "x"}, {"grant_type": "refresh"}),
            crm(),
            chat("Done", results=_back(1)),
        ),
        *COMPLETED,
    ),
    "another model stepped in": Incident(
        (anthropic_error(529, "overloaded_error", "Overloaded"), chat("Done")), *COMPLETED
    ),
    "a reset, and once more": Incident(
        (
            chat(asks_for=FIND),
            crm(0, end=End.UPSTREAM_RESET),
            crm(),
            chat("Done", results=_back(1)),
        ),
        *COMPLETED,
    ),
    "arguments that the model corrected": Incident(
        (
            chat(asks_for=RENAMED),
            chat(asks_for=FIND, results=_back(1, "customerId is missing"), start=1),
            crm(),
            chat("Done", results=_back(2, "Jo")),
        ),
        *COMPLETED,
    ),
    "an MCP tool that worked the second time": Incident(
        (
            LIST,
            anthropic(use(customerId="c-1"), stop="tool_use"),
            mcp("find", {"customerId": "c-1"}, FAILED),
            anthropic(use(id_="t1", customerId="c-1"), stop="tool_use", results={"t0": "locked"}),
            mcp("find", {"customerId": "c-1"}, WELL),
            anthropic(say("Done"), results={"t0": "locked", "t1": "Jo"}),
        ),
        *COMPLETED,
    ),
    "an answer that was asked for again": Incident(
        (
            chat(
                "Sure!",
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": ANSWER},
                },
            ),
            chat(
                '{"ok": true}',
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": ANSWER},
                },
            ),
        ),
        *COMPLETED,
    ),
    "waiting for a job": Incident(
        (
            *rounds(5, "crm_find", result="pending"),
            chat("Done", results={**_back(4, "pending"), "call_4": "ready"}),
        ),
        *COMPLETED,
    ),
    "a tool that there is not, and then the right one": Incident(
        (
            chat(asks_for=(("crm_serach", "{}"),)),
            chat(asks_for=FIND, results=_back(1, "no such tool"), start=1),
            crm(),
            chat("Done", results=_back(2, "Jo")),
        ),
        *COMPLETED,
    ),
    "an answer that went on": Incident((chat("It is", finish="length"), chat("done.")), *COMPLETED),
    "nobody of that name": Incident(
        (chat(asks_for=FIND), crm(404, {"error": "not found"}), chat("There is no such customer")),
        *COMPLETED,
    ),
    "half a JSON, and then all of it": Incident(
        (
            chat(asks_for=FIND),
            crm(200, b'{"id": "c-1", "na'),
            crm(),
            chat("Done", results=_back(1)),
        ),
        *COMPLETED,
    ),
    "a client that leaves at the last event": Incident(
        (
            chat_stream(
                {"delta": {"content": "Hello"}},
                {"delta": {}, "finish_reason": "stop"},
                end=End.CLIENT_GONE,
            ),
        ),
        *COMPLETED,
    ),
    "data taken out by a forced tool": Incident(
        (
            anthropic(
                use(customerId="c-1"),
                stop="tool_use",
                tool_choice={"type": "tool", "name": "crm_find"},
            ),
        ),
        *COMPLETED,
    ),
    "within its budget": Incident(
        (chat("Done"),), *COMPLETED, (), "", None, 0, {"budgetUsd": 0.25}
    ),
}
