"""More runs that are healthy, though something in them went wrong or looks as if it did."""

import json

from proxy.core.model import End
from tests.conformance.traffic import (
    ASKS,
    ASKS_ANTHROPIC,
    FAILED,
    FIND,
    OK,
    RENAMED,
    WAIT,
    WELL,
    Incident,
    anthropic,
    anthropic_error,
    chat,
    chat_error,
    chat_stream,
    crm,
    gemini,
    http,
    mcp,
    mcp_message,
    say,
    told,
    told_anthropic,
    tool,
    use,
)

MENDED: dict[str, Incident] = {
    "404 answer not found": Incident(
        (
            ASKS,
            tool("https://crm.test/find", {"error": "customer not found"}, status=404),
            told(("call_0", "x"), text="There is no such customer."),
        ),
        None,
        "completed",
        (),
    ),
    "409 fine": Incident(
        (
            ASKS,
            tool("https://crm.test/find", {"error": "already exists"}, status=409),
            told(("call_0", "x"), text="It exists already."),
        ),
        None,
        "completed",
        (),
    ),
    "local tool recovered": Incident(
        (
            ASKS,
            chat(asks_for=FIND, results={"call_0": "Error: timeout"}, start=1),
            told(("call_0", "Error: timeout"), ("call_1", '{"name":"Jo"}'), text="Jo"),
        ),
        None,
        "completed",
        (),
    ),
    "local anthropic recovered": Incident(
        (
            ASKS_ANTHROPIC,
            anthropic(use(id_="t1", customerId="c-1"), stop="tool_use", results={"t0": "boom"}),
            told_anthropic(("boom", True), ("Jo", False), text="It is Jo."),
        ),
        None,
        "completed",
        (),
    ),
    "fallback tool other host": Incident(
        (
            ASKS,
            tool(
                "https://weather-a.test/v1/weather", {"error": "down"}, {"city": "Oslo"}, status=503
            ),
            tool("https://weather-b.test/v1/weather", {"t": 3}, {"city": "Oslo"}),
            told(("call_0", "3"), text="3 degrees"),
        ),
        None,
        "completed",
        (),
    ),
    "fallback mcp tool": Incident(
        (
            ASKS,
            mcp("search_primary", {"q": "refund policy"}, FAILED),
            mcp("search_backup", {"q": "refund policy"}, WELL),
            told(("call_0", "3"), text="3 degrees"),
        ),
        None,
        "completed",
        (),
    ),
    "claimed and done": Incident(
        (
            chat(asks_for=(("refund", '{"customerId":"c-1"}'),)),
            tool("https://pay.test/refunds", {"id": 7}, {"customerId": "c-1"}),
            chat("I have issued the refund for c-1.", results={"call_0": "ok"}),
        ),
        None,
        "completed",
        (),
    ),
    "asks back": Incident(
        (chat("I'll look that up - could you give me the order number?"),), None, "completed", ()
    ),
    "let me know": Incident(
        (chat("Here it is. Let me know if you want me to send it."),), None, "completed", ()
    ),
    "429 then ok": Incident(
        (chat_error(429, "Rate limit reached", "rate_limit_exceeded", says=WAIT), OK),
        None,
        "completed",
        (),
    ),
    "stream overloaded then ok": Incident(
        (anthropic_error(529, "overloaded_error", "Overloaded"), anthropic(say("Hi, all fine."))),
        None,
        "completed",
        (),
    ),
    "tool 500 retry ok": Incident(
        (ASKS, crm(500, {"error": "x"}), crm(), told(("call_0", "Jo"), text="Jo")),
        None,
        "completed",
        (),
    ),
    "tool refused retry ok": Incident(
        (
            ASKS,
            tool(
                "https://crm.test/find",
                b"",
                {"customerId": "c-1"},
                status=0,
                end=End.UPSTREAM_REFUSED,
            ),
            tool("https://crm.test/find", {"n": 1}, {"customerId": "c-1"}),
            told(("call_0", "Jo"), text="Jo"),
        ),
        None,
        "completed",
        (),
    ),
    "mcp isError fixed": Incident(
        (
            ASKS,
            mcp("find", {"customerId": "x"}, FAILED),
            chat(asks_for=FIND, results={"call_0": "failed"}, start=1),
            mcp("find", {"customerId": "c-1"}, WELL),
            told(("call_0", "failed"), ("call_1", "Jo"), text="Jo"),
        ),
        None,
        "completed",
        (),
    ),
    "401 refresh": Incident(
        (
            ASKS,
            crm(401, {"error": "expired"}),
            tool(
                "https://auth.test/oauth/token",
                {"access_token": "x"},
                {"grant_type": "refresh_token"},
            ),
            crm(),
            told(("call_0", "Jo"), text="Jo"),
        ),
        None,
        "completed",
        (),
    ),
    "422 corrected": Incident(
        (
            ASKS,
            tool("https://crm.test/find", {"detail": "bad"}, {"customer_id": 1}, status=422),
            tool("https://crm.test/find", {"n": 1}, {"customerId": "c-1"}),
            told(("call_0", "Jo"), text="Jo"),
        ),
        None,
        "completed",
        (),
    ),
    "length then continued": Incident(
        (chat("part", finish="length"), chat("whole")), None, "completed", ()
    ),
    "model bad args fixed": Incident(
        (
            chat(asks_for=RENAMED),
            chat(asks_for=FIND, start=1, results={"call_0": "Error: customerId missing"}),
            crm(),
            told(("call_0", "Error: customerId missing"), ("call_1", "Jo"), text="Jo"),
        ),
        None,
        "completed",
        (),
    ),
    "telemetry 500": Incident(
        (http("https://o1.ingest.sentry.io/api/1/envelope/", b"", {"a": 1}, status=500), OK),
        None,
        "completed",
        (),
    ),
    "polling": Incident(
        (
            ASKS,
            *[
                tool("https://jobs.test/jobs/1", {"state": "running", "n": n}, method="GET")
                for n in range(4)
            ],
            told(("call_0", "done"), text="Done and dusted"),
        ),
        None,
        "completed",
        (),
    ),
    "mcp list fails optional": Incident(
        (
            mcp_message(
                "prompts/list", {}, {"error": {"code": -32601, "message": "Method not found"}}
            ),
            OK,
        ),
        None,
        "completed",
        (),
    ),
    "model not in registry probe /models 404": Incident(
        (
            http(
                "https://api.openai.com/v1/models/x",
                {"error": {"message": "no"}},
                b"",
                method="GET",
                status=404,
            ),
            OK,
        ),
        None,
        "completed",
        (),
    ),
    "writes ok": Incident(
        (
            *[
                chat(
                    asks_for=((("crm_read", json.dumps({"customerId": f"c-{n}"})),)),
                    results={f"call_{i}": "ok" for i in range(n)},
                    start=n,
                )
                for n in range(7)
            ],
            chat("All read.", results={f"call_{i}": "ok" for i in range(7)}),
        ),
        None,
        "completed",
        (),
    ),
    "told 404-like": Incident(
        (
            ASKS,
            told(("call_0", '{"error":"customer not found"}'), text="There is no such customer."),
        ),
        None,
        "completed",
        (),
    ),
    "grep fails then other tool": Incident(
        (
            ASKS_ANTHROPIC,
            anthropic(
                {
                    "type": "tool_use",
                    "id": "t1",
                    "name": "crm_find",
                    "input": {"customerId": "c-2"},
                },
                stop="tool_use",
                results={"t0": "Exit code 1"},
            ),
            told_anthropic(("Exit code 1", True), ("ok", False), text="Done."),
        ),
        None,
        "completed",
        (),
    ),
    "error word in document": Incident(
        (ASKS, told(("call_0", "Error handling in Python: use try and except"), text="Use try.")),
        None,
        "completed",
        (),
    ),
    "result with error null": Incident(
        (ASKS, told(("call_0", '{"error": null, "data": {"name": "Jo"}}'), text="Jo")),
        None,
        "completed",
        (),
    ),
    "result errors []": Incident(
        (ASKS, told(("call_0", '{"errors": [], "data": 1}'), text="Jo")), None, "completed", ()
    ),
    "result status failed of a build": Incident(
        (
            ASKS,
            told(
                ("call_0", '{"id": 7, "status": "failed", "log": "x"}'),
                text="The build failed because of x.",
            ),
        ),
        None,
        "completed",
        (),
    ),
    "I'll send when": Incident(
        (chat("I'll refund it once you confirm the order number."),), None, "completed", ()
    ),
    "plan before tools used": Incident(
        (
            chat("I'll look up the customer now.", asks_for=FIND),
            crm(),
            chat("Jo is the customer.", results={"call_0": "Jo"}),
        ),
        None,
        "completed",
        (),
    ),
    "claim about past action of other": Incident(
        (ASKS, crm(), chat("The customer was refunded yesterday.", results={"call_0": "Jo"})),
        None,
        "completed",
        (),
    ),
    "I have found": Incident(
        (ASKS, crm(), chat("I have found the customer: Jo.", results={"call_0": "Jo"})),
        None,
        "completed",
        (),
    ),
    "I've created a summary (no tool)": Incident(
        (chat("I've created a short summary below. Jo called twice."),), None, "completed", ()
    ),
    "long answer w/ can't": Incident(
        (chat("I can't do that, but you can: open the settings, then export."),),
        None,
        "completed",
        (),
    ),
    "empty after tool (agent ends silently)": Incident(
        (ASKS, crm(), chat("", results={"call_0": "Jo"})), None, "completed", ()
    ),
    "pause then resumed": Incident(
        (anthropic({"type": "text", "text": "…"}, stop="pause_turn"), anthropic(say("Done."))),
        None,
        "completed",
        (),
    ),
    "malformed then ok": Incident(
        (gemini(finish="MALFORMED_FUNCTION_CALL"), gemini({"text": "Fine"})), None, "completed", ()
    ),
    "version fallback": Incident(
        (
            ASKS,
            tool("https://s.test/v2/search", {"error": "x"}, {"q": "whales"}, status=503),
            tool("https://s.test/v1/search", {"hits": [1]}, {"q": "whales"}),
            told(("call_0", "x"), text="Whales"),
        ),
        None,
        "completed",
        (),
    ),
    "oauth 400 then ok": Incident(
        (
            ASKS,
            crm(401, {"error": "expired"}),
            tool(
                "https://auth.test/token",
                {"error": "invalid_grant"},
                {"grant_type": "refresh_token", "refresh_token": "a"},
                status=400,
            ),
            tool(
                "https://auth.test/token",
                {"access_token": "b"},
                {"grant_type": "client_credentials"},
            ),
            crm(),
            told(("call_0", "Jo"), text="Jo"),
        ),
        None,
        "completed",
        (),
    ),
    "model 400 unsupported param, then ok": Incident(
        (
            chat_error(400, "Unsupported parameter: temperature", "invalid_request_error"),
            chat("Fine"),
        ),
        None,
        "completed",
        (),
    ),
    "embedding 429 then ok": Incident(
        (
            http(
                "https://api.openai.com/v1/embeddings",
                {"error": {"message": "Rate limit", "type": "rate_limit"}},
                {"model": "text-embedding-3-small", "input": "a"},
                status=429,
            ),
            http(
                "https://api.openai.com/v1/embeddings",
                {
                    "object": "list",
                    "data": [{"embedding": [0.1], "index": 0}],
                    "model": "text-embedding-3-small",
                    "usage": {"prompt_tokens": 1, "total_tokens": 1},
                },
                {"model": "text-embedding-3-small", "input": "a"},
            ),
            chat("Fine"),
        ),
        None,
        "completed",
        (),
    ),
    "count_tokens 404": Incident(
        (
            http(
                "https://api.anthropic.com/v1/messages/count_tokens",
                {"type": "error", "error": {"type": "not_found_error", "message": "x"}},
                {"model": "m", "messages": []},
                status=404,
                asks=((b"anthropic-version", b"2023-06-01"),),
            ),
            anthropic(say("Hi")),
        ),
        None,
        "completed",
        (),
    ),
    "parallel tools, one fails and is repeated": Incident(
        (
            chat(asks_for=FIND + FIND),
            crm(503, {"error": "x"}),
            crm(number=2),
            crm(),
            told(("call_0", "Jo"), ("call_1", "Al"), text="Jo, Al"),
        ),
        None,
        "completed",
        (),
    ),
    "mcp reconnect: GET sse 405": Incident(
        (
            http(
                "https://mcp.test/mcp",
                b"",
                b"",
                method="GET",
                status=405,
                asks=((b"accept", b"text/event-stream"), (b"mcp-protocol-version", b"2025-06-18")),
            ),
            mcp("find", {"customerId": "c-1"}, WELL),
            chat("Jo"),
        ),
        None,
        "completed",
        (),
    ),
    "hedged: client cancels one": Incident(
        (chat_stream({"delta": {"content": "a"}}, done=False, end=End.CLIENT_GONE), chat("whole")),
        None,
        "completed",
        (),
    ),
    "stream reset then retried": Incident(
        (
            chat_stream({"delta": {"content": "a"}}, done=False, end=End.UPSTREAM_RESET),
            chat("whole"),
        ),
        None,
        "completed",
        (),
    ),
    "rag 0 hits": Incident(
        (
            http("https://x.svc.pinecone.io/query", {"matches": []}, {"vector": [0.1], "topK": 3}),
            chat("I found nothing about that."),
        ),
        None,
        "completed",
        (),
    ),
}
