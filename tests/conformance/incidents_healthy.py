"""Runs in which something went wrong, and was made good."""

from proxy.core.model import End
from tests.conformance.traffic import (
    ANSWER,
    BEARER,
    EXPIRED,
    FAILED,
    FIND,
    LIST,
    RENAMED,
    WAIT,
    WELL,
    Incident,
    anthropic,
    anthropic_error,
    back,
    chat,
    chat_error,
    chat_stream,
    crm,
    http,
    mcp,
    rounds,
    say,
    use,
)

COMPLETED = (None, "completed")
NOTHING: dict[str, list[str]] = {"events": []}
REFUSAL = {"error": {"type": "forbidden", "message": "not allowed"}}

# Where coding agents and their SDKs report to.
UPLOADS = (
    "https://api.anthropic.com/api/event_logging/batch",
    "https://api.anthropic.com/api/event_logging",
    "https://api.anthropic.com/api/claude_code/metrics",
    "https://statsig.anthropic.com/v1/rgstr",
    "https://ab.chatgpt.com/otlp/v1/metrics",
    "https://http-intake.logs.us5.datadoghq.com/api/v2/logs",
    "https://o1.ingest.us.sentry.io/api/1/envelope/",
)

HEALTHY: dict[str, Incident] = {
    "uploads of a coding agent's telemetry fail": Incident(
        (
            *(http(url, {"error": "no"}, NOTHING, status=401) for url in UPLOADS),
            chat("Done"),
            *(http(url, b"", NOTHING, status=0, end=End.UPSTREAM_REFUSED) for url in UPLOADS),
            # its client has a key, as a tool's has: an error in a 200
            *(http(url, REFUSAL, NOTHING, asks=BEARER) for url in UPLOADS),
        ),
        *COMPLETED,
    ),
    "a rate limit, and then it went well": Incident(
        (chat_error(429, "slow down", says=WAIT), chat("Done")), *COMPLETED
    ),
    "an expired token, renewed": Incident(
        (
            chat(asks_for=FIND),
            crm(401, b"", says=EXPIRED),
            http("https://auth.test/oauth/token", {"access_token": "x"}, {"grant_type": "refresh"}),
            crm(),
            chat("Done", results=back(1)),
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
            chat("Done", results=back(1)),
        ),
        *COMPLETED,
    ),
    "arguments that the model corrected": Incident(
        (
            chat(asks_for=RENAMED),
            chat(asks_for=FIND, results=back(1, "customerId is missing"), start=1),
            crm(),
            chat("Done", results=back(2, "Jo")),
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
            chat("Done", results={**back(4, "pending"), "call_4": "ready"}),
        ),
        *COMPLETED,
    ),
    "a tool that there is not, and then the right one": Incident(
        (
            chat(asks_for=(("crm_serach", "{}"),)),
            chat(asks_for=FIND, results=back(1, "no such tool"), start=1),
            crm(),
            chat("Done", results=back(2, "Jo")),
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
            chat("Done", results=back(1)),
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
