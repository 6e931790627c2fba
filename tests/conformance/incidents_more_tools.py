"""More tools that failed: every provider, every place where errors hide."""

from proxy.core.model import End
from tests.conformance.traffic import (
    ASKS,
    ASKS_ANTHROPIC,
    BEARER,
    EXPIRED,
    FIND,
    GEMINI,
    WAIT,
    Incident,
    bedrock,
    chat,
    chat_error,
    chat_stream,
    cohere,
    crm,
    http,
    mcp_message,
    told,
    told_anthropic,
    tool,
)

MORE_TOOL_ERRORS: dict[str, Incident] = {
    "slack invalid_auth": Incident(
        (
            ASKS,
            tool("https://slack.test/api/chat.postMessage", {"ok": False, "error": "invalid_auth"}),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "embedded_error",
        (2,),
    ),
    "success false": Incident(
        (
            ASKS,
            tool("https://crm.test/find", {"success": False, "message": "Token expired"}),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "auth",
        (2,),
    ),
    "status error": Incident(
        (
            ASKS,
            tool("https://crm.test/find", {"status": "error", "message": "backend down"}),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "embedded_error",
        (2,),
    ),
    "graphql errors": Incident(
        (
            ASKS,
            tool(
                "https://crm.test/graphql",
                {"data": None, "errors": [{"message": "not authorized"}]},
            ),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "embedded_error",
        (2,),
    ),
    "error code 401 in 200": Incident(
        (
            ASKS,
            tool("https://crm.test/find", {"error": "Unauthorized", "code": 401}),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "auth",
        (2,),
    ),
    "422 unrecovered": Incident(
        (
            ASKS,
            tool(
                "https://crm.test/find",
                {"detail": [{"loc": ["body", "customerId"], "msg": "field required"}]},
                {"customer_id": "c-1"},
                status=422,
            ),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "rejected",
        (2,),
    ),
    "400 unrecovered": Incident(
        (
            ASKS,
            tool(
                "https://crm.test/find",
                {"error": "customerId must be a string"},
                {"customerId": 5},
                status=400,
            ),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "rejected",
        (2,),
    ),
    "local tool is_error anthropic": Incident(
        (ASKS_ANTHROPIC, told_anthropic(("401 Unauthorized: token expired", True))),
        "Tool Error",
        "told_error",
        (1, 2),
    ),
    "local tool error json openai": Incident(
        (ASKS, told(("call_0", '{"error":"CRM 401: token expired"}'))),
        "Tool Error",
        "told_error",
        (1, 2),
    ),
    "local tool Error: text": Incident(
        (ASKS, told(("call_0", "Error: connection refused"))), "Tool Error", "told_error", (1, 2)
    ),
    "local tool traceback": Incident(
        (
            ASKS,
            told(("call_0", "Traceback (most recent call last):\n  ...\nKeyError: 'customerId'")),
        ),
        "Tool Error",
        "told_error",
        (1, 2),
    ),
    "no fallback: another thing": Incident(
        (
            ASKS,
            tool(
                "https://crm.test/customers/search",
                {"error": "down"},
                {"email": "jane@acme.com"},
                status=503,
            ),
            tool("https://mail.test/send", {"ok": True}, {"to": "jane@acme.com"}),
            told(("call_0", "3"), text="I mailed Jane"),
        ),
        "Tool Error",
        "http_status",
        (2,),
    ),
    "tls": Incident(
        (
            ASKS,
            tool("https://crm.test/find", b"", status=0, end=End.UPSTREAM_TLS),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "network",
        (2,),
    ),
    "bedrock throttled": Incident(
        (
            bedrock(
                status=429,
                got={"message": "Too many requests"},
                says=((b"x-amzn-errortype", b"ThrottlingException"),),
            ),
        )
        * 3,
        "Tool Error",
        "rate_limit",
        (1, 2, 3),
        exit_code=1,
    ),
    "cohere error finish": Incident(
        (cohere("x", finish="ERROR"),), "Tool Error", "odd_finish", (1,)
    ),
    "ollama error": Incident(
        (
            http(
                "https://ollama.test/api/chat",
                {"error": "model not found"},
                {"model": "x", "messages": []},
                status=404,
            ),
        ),
        "Tool Error",
        "http_status",
        (1,),
        exit_code=1,
    ),
    "model 404": Incident(
        (chat_error(404, "The model `gpt-9` does not exist", "model_not_found"),),
        "Tool Error",
        "http_status",
        (1,),
        exit_code=1,
    ),
    "context length": Incident(
        (
            chat_error(
                400,
                "This model's maximum context length is 128000 tokens",
                "context_length_exceeded",
            ),
        ),
        "Tool Error",
        "http_status",
        (1,),
        exit_code=1,
    ),
    "504 tool": Incident(
        (
            ASKS,
            tool("https://crm.test/find", b"<html>504</html>", status=504, kind=b"text/html"),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "http_status",
        (2,),
    ),
    "html login page in 200": Incident(
        (
            ASKS,
            http(
                "https://crm.test/find",
                b"<!doctype html><html><body>Login</body></html>",
                {"q": 1},
                kind=b"text/html",
                asks=BEARER,
            ),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "schema",
        (2,),
    ),
    "partial json": Incident(
        (
            ASKS,
            http("https://crm.test/find", b'{"id": 1, "na', {"q": 1}, asks=BEARER),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "schema",
        (2,),
    ),
    "mcp -32602": Incident(
        (
            ASKS,
            mcp_message(
                "tools/call",
                {"name": "find", "arguments": {}},
                {"error": {"code": -32602, "message": "Invalid params: customerId"}},
            ),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "embedded_error",
        (2,),
    ),
    "mcp 401": Incident(
        (
            ASKS,
            http(
                "https://mcp.test/mcp",
                b"",
                {
                    "jsonrpc": "2.0",
                    "id": 1,
                    "method": "tools/call",
                    "params": {"name": "find", "arguments": {}},
                },
                status=401,
                says=EXPIRED,
                asks=((b"mcp-protocol-version", b"2025-06-18"),),
            ),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "auth",
        (2,),
    ),
    "responses failed": Incident(
        (
            http(
                "https://api.openai.com/v1/responses",
                {
                    "id": "r",
                    "object": "response",
                    "status": "failed",
                    "error": {"code": "server_error", "message": "boom"},
                    "output": [],
                },
                {"model": "gpt-4o", "input": "hi"},
            ),
        ),
        "Tool Error",
        "embedded_error",
        (1,),
    ),
    "robots 403 other site ok": Incident(
        (
            ASKS,
            tool("https://news.test/a", b"no", status=403, method="GET", kind=b"text/plain"),
            tool("https://other.test/b", {"t": 1}, method="GET"),
            told(("call_0", "x"), text="From other.test: it rains."),
        ),
        "Tool Error",
        "auth",
        (2,),
    ),
    "loop with local errors": Incident(
        tuple(
            chat(
                asks_for=FIND,
                results={f"call_{i}": "Error: 503 unavailable" for i in range(n)},
                start=n,
            )
            for n in range(5)
        ),
        "Tool Error",
        "told_error",
        (4, 5),
    ),
    "schema drift told": Incident(
        (
            ASKS,
            crm(200, {"customer_id": "c-1"}),
            told(("call_0", "KeyError: 'customerId'"), text="Something went wrong."),
        ),
        "Tool Error",
        "told_error",
        (1, 2, 3),
    ),
    "wire ok, told timeout": Incident(
        (
            ASKS,
            crm(200, {"customer_id": "c-1"}),
            told(("call_0", "Tool call timed out after 30s"), text="Sorry"),
        ),
        "Tool Error",
        "told_error",
        (1, 2, 3),
    ),
    "rate limited tool amplified": Incident(
        (
            ASKS,
            *[crm(429, {"error": "slow down"}, says=WAIT)] * 6,
            told(("call_0", "429 Too Many Requests"), text="Sorry"),
        ),
        "Tool Error",
        "rate_limit",
        (2, 3, 4, 5, 6, 7),
    ),
    "wrong scope mcp 403": Incident(
        (
            ASKS,
            http(
                "https://mcp.test/mcp",
                {"error": "insufficient_scope"},
                {
                    "jsonrpc": "2.0",
                    "id": 1,
                    "method": "tools/call",
                    "params": {"name": "find", "arguments": {}},
                },
                status=403,
                asks=((b"mcp-protocol-version", b"2025-06-18"),),
            ),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "auth",
        (2,),
    ),
    "bedrock access denied": Incident(
        (
            bedrock(
                status=403,
                got={"message": "User is not authorized to perform: bedrock:InvokeModel"},
                says=((b"x-amzn-errortype", b"AccessDeniedException"),),
            ),
        ),
        "Tool Error",
        "auth",
        (1,),
        exit_code=1,
    ),
    "bedrock expired": Incident(
        (
            bedrock(
                status=403,
                got={"message": "The security token included in the request is expired"},
                says=((b"x-amzn-errortype", b"ExpiredTokenException"),),
            ),
        ),
        "Tool Error",
        "auth",
        (1,),
        exit_code=1,
    ),
    "gemini 400 key": Incident(
        (
            http(
                GEMINI,
                {
                    "error": {
                        "code": 400,
                        "message": "API key not valid. Please pass a valid API key.",
                        "status": "INVALID_ARGUMENT",
                    }
                },
                {"contents": []},
                status=400,
            ),
        ),
        "Tool Error",
        "http_status",
        (1,),
        exit_code=1,
    ),
    "gemini 429 resource": Incident(
        (
            http(
                GEMINI,
                {
                    "error": {
                        "code": 429,
                        "message": "Quota exceeded",
                        "status": "RESOURCE_EXHAUSTED",
                    }
                },
                {"contents": []},
                status=429,
            ),
        )
        * 2,
        "Tool Error",
        "http_status",
        (1, 2),
        exit_code=1,
    ),
    "ollama load error in 200": Incident(
        (
            http(
                "https://ollama.test/api/chat",
                b'{"error":"llama runner process has terminated"}\n',
                {"model": "l", "messages": [{"role": "user", "content": "x"}]},
                kind=b"application/x-ndjson",
            ),
        ),
        "Tool Error",
        "embedded_error",
        (1,),
    ),
    "cohere 401": Incident(
        (
            http(
                "https://api.cohere.com/v2/chat",
                {"message": "invalid api token"},
                {"model": "c", "messages": []},
                status=401,
            ),
        ),
        "Tool Error",
        "auth",
        (1,),
        exit_code=1,
    ),
    "tool html error page 502": Incident(
        (
            ASKS,
            tool(
                "https://crm.test/find", b"<html>Bad gateway</html>", status=502, kind=b"text/html"
            ),
            told(("call_0", "x")),
        ),
        "Tool Error",
        "http_status",
        (2,),
    ),
    "stream error event openai": Incident(
        (
            chat_stream(
                {"delta": {"content": "a"}},
                {"error": {"message": "The server had an error", "type": "server_error"}},
                done=False,
            ),
        ),
        "Tool Error",
        "embedded_error",
        (1,),
    ),
}
